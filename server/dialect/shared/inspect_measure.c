/* Measuring queues: the backlog, the times of jobs that ended, memory. Each is one bounded
 * script; the rest of looking is in inspect.c. */
#include "dialect/shared/inspect_parts.h"

/* --- backlog -------------------------------------------------------------------------------- */

void inspect_build_backlog(const struct inspector *inspector, const struct queue_name *name,
                           int64_t now_ms, struct redis_command *command)
{
    inspect_begin(inspector->scripts.backlog, name, CT_STR_LIT("wait"), command);
    redis_command_int(command, now_ms);
}

enum ct_code inspect_parse_backlog(const struct redis_reply *reply, struct inspect_backlog *out,
                                   struct ct_error *err)
{
    struct inspect_backlog backlog = {
        .waiting = redis_reply_int(redis_reply_at(reply, 0), -1),
        .oldest_ms = redis_reply_int(redis_reply_at(reply, 1), -1),
    };

    if (backlog.waiting < 0 || backlog.oldest_ms < 0)
        return inspect_unexpected("a backlog without its numbers", err);
    *out = backlog;
    return CT_E_OK;
}

/* --- times and memory ----------------------------------------------------------------------- */

void inspect_build_times(const struct inspector *inspector, const struct queue_name *name,
                         bool is_failed, int64_t offset, struct redis_command *command)
{
    inspect_begin(inspector->scripts.times, name, ct_str_of(is_failed ? "failed" : "completed"),
                  command);
    redis_command_int(command, is_failed);
    redis_command_int(command, offset);
    redis_command_int(command, INSPECT_TIMES_MAX);
}

enum ct_code inspect_parse_times(const struct redis_reply *reply, struct inspect_time out[],
                                 uint32_t *count, struct ct_error *err)
{
    int64_t jobs = redis_reply_int(redis_reply_at(reply, 0), -1);

    if (jobs < 0 || jobs > INSPECT_TIMES_MAX || redis_reply_count(reply) != 1 + 2 * (size_t)jobs)
        return inspect_unexpected("times of the wrong number", err);
    for (size_t i = 0; i < (size_t)jobs; i++)
        out[i] = (struct inspect_time){
            .wait_ms = redis_reply_int(redis_reply_at(reply, 1 + 2 * i), -1),
            .run_ms = redis_reply_int(redis_reply_at(reply, 2 + 2 * i), -1),
        };
    *count = (uint32_t)jobs;
    return CT_E_OK;
}

void inspect_build_memory(const struct inspector *inspector, const struct queue_name *name,
                          struct redis_command *command)
{
    inspect_begin(inspector->scripts.memory, name, CT_STR_LIT("id"), command);
    redis_command_int(command, INSPECT_SAMPLE_MAX);
}

enum ct_code inspect_parse_memory(const struct redis_reply *reply, struct inspect_memory out[],
                                  uint32_t *count, struct ct_error *err)
{
    size_t classes = redis_reply_count(reply);

    if (classes == 0 || classes > INSPECT_CLASS_MAX)
        return inspect_unexpected("memory of the wrong number of classes", err);
    for (size_t i = 0; i < classes; i++) {
        const struct redis_reply *row = redis_reply_at(reply, i);

        out[i] = (struct inspect_memory){
            .name = redis_reply_str(redis_reply_at(row, 0)),
            .key_count = redis_reply_int(redis_reply_at(row, 1), 0),
            .bytes = redis_reply_int(redis_reply_at(row, 2), 0),
            .measured_count = redis_reply_int(redis_reply_at(row, 3), 0),
        };
    }
    *count = (uint32_t)classes;
    return CT_E_OK;
}
