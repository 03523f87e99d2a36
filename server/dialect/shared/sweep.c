/* The two searches beside commits: for jobs that other workers left behind (sweep.lua), and for
 * jobs of ours whose fetch was never answered (reclaim.lua). */
#include "dialect/shared/commit.h"
#include "dialect/shared/dead.h"

void dialect_build_sweep(struct dialect_queue *queue, int64_t now_ms, struct redis_command *command)
{
    queue_keys_begin(&queue->keys, queue->rules->sweep, now_ms, "", command);
    redis_command_int(command, queue->settings.max_stalled_count);
    redis_command_int(command, queue->settings.stalled_interval_ms);
    if (queue->rules->sweep_ends_jobs)
        dead_put_sweep(queue, command);
}

enum ct_code dialect_parse_sweep(struct dialect_queue *queue, const struct redis_reply *reply,
                                 struct sweep *out, struct ct_error *err)
{
    (void)queue;
    enum ct_code rc = redis_reply_check(reply, err);
    if (rc != CT_E_OK)
        return rc;
    if (redis_reply_count(reply) < 2)
        return ct_error_set(err, CT_E_INTERNAL, "sweep.lua answered what it should not");
    out->failed_count = redis_reply_int(redis_reply_at(reply, 0), 0);
    out->recovered_count = redis_reply_int(redis_reply_at(reply, 1), 0);
    dead_parse(redis_reply_at(reply, 2), &out->dead_letters);
    return CT_E_OK;
}

void dialect_build_reclaim(struct dialect_queue *queue, const char *token_base,
                           struct redis_command *command)
{
    queue_keys_begin(&queue->keys, queue->rules->reclaim, 0, token_base, command);
}

enum ct_code dialect_parse_reclaim(struct dialect_queue *queue, struct commit *commit,
                                   const struct redis_reply *reply, struct ct_error *err)
{
    const size_t token_place = (size_t)queue->rules->id_place + 1;

    enum ct_code rc = redis_reply_check(reply, err);
    if (rc != CT_E_OK)
        return rc;
    for (size_t i = 0; i < redis_reply_count(reply); i++) {
        const struct redis_reply *fields = redis_reply_at(reply, i);
        struct ct_str token = redis_reply_str(redis_reply_at(fields, token_place));
        struct job *job = dialect_read_job(queue, fields, token);
        if (!job)
            return ct_error_set(err, CT_E_INTERNAL, "reclaim.lua answered what it should not");
        ct_list_push_back(&commit->jobs, &job->link);
        commit->job_count++;
    }
    return CT_E_OK;
}
