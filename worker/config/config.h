/* The configuration of a supervisor: flags, environment and file, checked and completed. Called by
 * main.c once, and by supervisor.c for a reload. Does no I/O but reading the file. */
#ifndef WORKER_CONFIG_H
#define WORKER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/log.h"
#include "worker/config/pool.h"

#define CONFIG_POOLS_MAX       256
#define CONFIG_TIMEOUT_MS      1800000 /* default time limit of a job: 30 minutes */
#define CONFIG_GRACE_MS        30000
#define CONFIG_CANCEL_GRACE_MS 5000
#define CONFIG_CHECK_MS        10000u /* for --check-plugin */

struct worker_config {
    char *redis_url;           /* of the private daemon; NULL: there is none. All owned */
    const char *redis_warning; /* static; of its password; NULL: none */
    char *server;              /* of the daemon; NULL: a private one */
    uint64_t grace_ms;
    uint64_t cancel_grace_ms;
    enum ct_log_level log_level;
    const char *log_level_name;           /* static */
    char *http;                           /* where it shows itself; NULL: nowhere */
    char *http_cert, *http_key, *http_ca; /* NULL: none */
    char *replay;                         /* file with the job to replay; NULL: none */
    char *debugger;                       /* to replay it under; NULL: none */
    int check_status;                     /* of CONFIG_CHECKED */
    struct pool_config *pools;
    size_t pool_count;
};

enum config_outcome {
    CONFIG_READY,    /* *out is filled in; config_free ends it */
    CONFIG_REPLAY,   /* the same, and config->replay is what to do */
    CONFIG_ANSWERED, /* --help, --version: printed */
    CONFIG_CHECKED, /* --check-sandbox, --check-health: done and printed; config->check_status is to
                       be returned */
    CONFIG_CHECK,   /* --check-plugin: *check_plugin is its file, to be freed */
    CONFIG_REFUSED, /* err says why */
};

enum config_outcome config_read(int argc, char *const *argv, struct worker_config *out,
                                char **check_plugin, struct ct_error *err);
void config_free(struct worker_config *config);

#endif
