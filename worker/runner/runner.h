/* A runner: a process that opens one plugin, connects to the daemon and runs jobs until it is told
 * to stop or its supervisor is gone. Started by slot.c as `cartrita-worker --runner PID POOL`. */
#ifndef WORKER_RUNNER_H
#define WORKER_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/str.h"
#include "worker/shared/job_limits.h"

/* What a runner needs to know. Travels as JSON over the control socket, not on the command line:
 * plugin settings may hold secrets, and those of other users' processes can be read there. */
struct runner_settings {
    char *name;     /* in log lines: "mail/0"; all owned */
    char *address;  /* of the daemon */
    char *worker;   /* UUID of the supervisor */
    char *runner;   /* UUID of this runner */
    char *plugin;   /* file */
    char *config;   /* JSON object for the plugin */
    char *prefix;   /* NULL: the daemon's default */
    char *dialect;  /* NULL: the daemon's default */
    char *settings; /* JSON object for attach; NULL: none */
    char **queues;
    size_t queue_count;
    char **sandbox; /* as the pool lists it; empty: the default */
    size_t sandbox_count;
    bool leaves_core; /* core dumps are wanted */
    uint32_t concurrency;
    struct job_limits *limits; /* owned, as their names; the pool's first */
    size_t limit_count;
    int64_t files_max;         /* 0: as it is */
    int64_t file_size_max_mib; /* 0: none */
    uint64_t cache_mib;        /* results of pure jobs; 0: none */
    uint64_t cache_ttl_ms;
    uint64_t recycle_jobs;   /* it is to be replaced after so many; 0: never */
    int64_t stderr_rate_kib; /* of log_process; 0: any */
    uint64_t cancel_grace_ms;
    uint64_t grace_ms;
    int64_t log_level;
    bool is_user_other; /* than root's: become uid and gid before the plugin is loaded */
    uid_t uid;
    gid_t gid;
    char *user;     /* its name, for errors */
    char *temp_dir; /* its own, for temporary files */
};

/* Fresh memory for the caller to free: one line, without its end. */
char *runner_settings_print(const struct runner_settings *settings);
enum ct_code runner_settings_parse(struct ct_str text, struct runner_settings *out,
                                   struct ct_error *err) CT_MUST_CHECK;
void runner_settings_free(struct runner_settings *settings);

/* The process's main; `supervisor` 0: whoever it is. Returns an exit status, or does not return. */
int runner_main(pid_t supervisor);

#endif
