/* cartrita-queued: reads the options, prepares the process, runs the daemon; or becomes the private
 * redis-server that such a daemon starts. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "common/standard.h"
#include "http/check.h"
#include "http/http.h"
#include "redis/embedded.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/daemon.h"

#define EXIT_USAGE 2
/* For CONN_MAX connections, those of HTTP, a blocking link for each queue, and the rest. */
#define DESCRIPTORS_WANTED (CONN_MAX + HTTP_CONNECTIONS_MAX + HOSTS_MAX + 128)

/* The kernel ends us with our parent, also when that is killed. It may have died already, between
 * its fork and this call: then we have another parent by now. */
static void main_die_with_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
}

/* Every connection is a descriptor; many systems allow only 1024 unless asked. */
static void main_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    pid_t parent = getppid();
    struct config config;
    struct ct_error err;

    ct_standard_open();
    if (argc > 1 && strcmp(argv[1], EMBEDDED_VERB) == 0)
        return embedded_become(argc, argv);
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
    if (config.flags.checks_health) {
        int status = http_check_main("cartrita-queued", config.flags.http, config.flags.http_cert);
        config_close(&config);
        return status;
    }
    if (config.flags.dies_with_parent)
        main_die_with_parent(config.flags.parent ? (pid_t)config.flags.parent : parent);
    ct_log_setup(config.log_level, "cartrita-queued");
    main_raise_descriptors();

    err.code = CT_E_OK;
    int exit_code = daemon_run(&config, &err);
    if (err.code != CT_E_OK)
        ct_log_error("cannot start", CT_ERR(&err));
    config_close(&config);
    return exit_code;
}
