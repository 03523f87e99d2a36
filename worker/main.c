/* cartrita-worker: picks the role of this process. A supervisor by default; a runner as
 * `--runner PID POOL` or `--sweeper UUID` (only a supervisor calls it so); --check-plugin. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/standard.h"
#include "worker/config/config.h"
#include "worker/replay/replay.h"
#include "worker/runner/loader.h"
#include "worker/runner/runner.h"
#include "worker/supervisor/supervisor.h"
#include "worker/watch/sweeper.h"

#define EXIT_USAGE 2

int main(int argc, char **argv)
{
    struct worker_config config;
    char *check_plugin = NULL;
    struct ct_error err;
    int status;

    ct_standard_open();
    if (argc >= 3 && strcmp(argv[1], "--runner") == 0)
        return runner_main((pid_t)atol(argv[2]));
    if (argc >= 3 && strcmp(argv[1], "--sweeper") == 0)
        return sweeper_main(argv[2]);
    signal(SIGPIPE, SIG_IGN);
    switch (config_read(argc, argv, &config, &check_plugin, &err)) {
    case CONFIG_READY:
        ct_log_setup(config.log_level, "worker");
        return supervisor_main(&config, argc, argv);
    case CONFIG_REPLAY:
        ct_log_setup(config.log_level, "replay");
        return replay_main(&config);
    case CONFIG_ANSWERED:
        return EXIT_SUCCESS;
    case CONFIG_CHECKED:
        return config.check_status;
    case CONFIG_CHECK:
        status = loader_check_main(check_plugin, CONFIG_CHECK_MS);
        free(check_plugin);
        return status;
    case CONFIG_REFUSED:
        break;
    }
    fprintf(stderr, "cartrita-worker: %s\n", err.detail);
    return EXIT_USAGE;
}
