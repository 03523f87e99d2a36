/* cartrita-queued: reads the options, prepares the process, runs the daemon. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/log.h"
#include "server/config.h"
#include "server/daemon.h"

#define EXIT_USAGE 2

/* The kernel ends us with our parent, also when that is killed. It may have died already, between
 * its fork and this call: then we have another parent by now. */
static void main_die_with_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    pid_t parent = getppid();
    struct config config;
    struct ct_error err;

    signal(SIGPIPE, SIG_IGN);
    switch (config_read(&config, argc, argv, &err)) {
    case CONFIG_ANSWERED:
        return EXIT_SUCCESS;
    case CONFIG_REFUSED:
        fprintf(stderr, "cartrita-queued: %s\n", err.detail);
        return EXIT_USAGE;
    case CONFIG_READY:
        break;
    }
    if (config.flags.dies_with_parent)
        main_die_with_parent(parent);
    ct_log_setup(config.log_level, "cartrita-queued");

    err.code = CT_E_OK;
    int exit_code = daemon_run(&config, &err);
    if (err.code != CT_E_OK)
        ct_log_error("cannot start", CT_ERR(&err));
    config_close(&config);
    return exit_code;
}
