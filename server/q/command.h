/* What a command of cartrita-q is. main.c reads its flags, opens the session and runs it; each
 * cmd_NOUN_VERB.c holds one. */
#ifndef Q_COMMAND_H
#define Q_COMMAND_H

#include "q/daemon_link.h"
#include "q/session.h"

struct command {
    const char *noun, *verb;
    struct ct_program program; /* name, usage, about, options; main adds the rest */
    /* A struct that begins with struct session_settings or, with `ask`, struct daemon_settings. */
    size_t settings_size;
    size_t arg_min, arg_max; /* positionals, as `usage` names them */
    /* One of the two: straight on Redis, or through a daemon. */
    enum ct_code (*run)(struct session *session, const void *settings, const char *const *args,
                        size_t arg_count, struct ct_error *err);
    enum ct_code (*ask)(const struct command *self, struct daemon_link *link, const void *settings,
                        const char *const *args, size_t arg_count, struct ct_error *err);
};

extern const struct command cmd_queue_ls, cmd_queue_show, cmd_job_ls, cmd_job_show, cmd_job_add,
    cmd_job_replay, cmd_job_cancel, cmd_job_logs, cmd_job_wait, cmd_dead_ls, cmd_dead_show,
    cmd_dead_redrive, cmd_dead_rm;

extern const struct command cmd_compat_check, cmd_acl_print, cmd_acl_check, cmd_doctor;

extern const struct command cmd_worker_ls, cmd_worker_show, cmd_worker_scale, cmd_worker_pause,
    cmd_worker_resume, cmd_worker_stop, cmd_worker_start, cmd_worker_restart, cmd_worker_drain;

#define COMMAND_OPTIONS(table) .options = (table), .option_count = sizeof(table) / sizeof *(table)

#endif
