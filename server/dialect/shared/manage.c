/* See the header; what the calls do to jobs is the scripts', and what the dialect's own calls do.
 */
#include "dialect/shared/manage.h"

#include "common/mem.h"
#include "dialect/shared/queue.h"
#include "queue/inspect.h"

/* Of one call; each is about a millisecond of Redis. */
#define PAUSE_JOBS_MAX 5000
#define ERASE_JOBS_MAX 300

static void put_head(const struct dialect *dialect, const struct queue_name *name,
                     const struct redis_script *script, int64_t now_ms,
                     struct redis_command *command)
{
    struct queue_keys keys;

    queue_keys_init(&keys, dialect->manager->keys, name->prefix, name->name);
    queue_keys_begin(&keys, script, now_ms, DIALECT_OUTSIDER, command);
    queue_keys_fini(&keys);
}

static enum ct_code unexpected(const char *script, struct ct_error *err)
{
    return ct_error_set(err, CT_E_INTERNAL, "%s.lua answered what it should not", script);
}

/* --- jobs ----------------------------------------------------------------------------------- */

static void put_flags(const struct manage_call *call, struct redis_command *command)
{
    static const char manners[] = {[MANAGE_AS_CLEAN] = 'c', [MANAGE_AS_DRAIN] = 'd'};
    static const char trees[] = {[MANAGE_WITH_CHILDREN] = 't', [MANAGE_PENDING_CHILDREN] = 'u'};
    char flags[4];
    size_t len = 0;

    if (call->resets_attempts)
        flags[len++] = 'a';
    if (call->takes_series)
        flags[len++] = 's';
    if (call->manner != MANAGE_AS_JOB)
        flags[len++] = manners[call->manner];
    if (call->tree != MANAGE_ALONE)
        flags[len++] = trees[call->tree];
    redis_command_str(command, (struct ct_str){flags, len});
}

void manage_build_jobs(const struct dialect *dialect, const struct manage_call *call,
                       int64_t now_ms, struct redis_command *command)
{
    static const char *const deeds[] = {
        [MANAGE_RETRY] = "retry",
        [MANAGE_PROMOTE] = "promote",
        [MANAGE_REMOVE] = "remove",
        [MANAGE_MOVE] = "move",
    };
    struct queue_name home = call->queue;
    struct ct_buf base;

    if (call->deed == MANAGE_MOVE)
        home.name = call->target;
    put_head(dialect, &home, dialect->manager->jobs, now_ms, command);
    ct_buf_init(&base);
    ct_buf_printf(&base, "%s:%s:", call->queue.prefix, call->queue.name);
    redis_command_str(command, ct_buf_str(&base));
    ct_buf_free(&base);
    redis_command_text(command, deeds[call->deed]);
    redis_command_text(command, call->has_place ? dialect->inspector->states[call->state].key : "");
    redis_command_int(command, call->has_place ? call->offset : 0);
    redis_command_int(command, call->has_place ? -1 : call->search);
    put_flags(call, command);
    CT_LIST_FOREACH (node, call->jobs) {
        redis_command_str(command, CT_CONTAINER(node, struct manage_job, link)->id);
    }
}

static void refuse(struct manage_job *job, struct ct_str problem, int64_t code, const char *target)
{
    job->result = MANAGE_REFUSED;
    if (problem.data)
        (void)redis_error_parse(problem, &job->err);
    else if (code == -5)
        ct_error_set(&job->err, CT_E_CONFLICT, "queue \"%s\" has a job with this id already",
                     target);
    else if (code == -6)
        ct_error_set(&job->err, CT_E_CONFLICT,
                     "it is part of a flow: its parent or its children know it by its queue");
    else
        ct_error_set(&job->err, CT_E_CONFLICT, "a worker has it or a job below it");
}

static bool take_answer(struct manage_job *job, const struct redis_reply *answer,
                        const char *target)
{
    static const enum manage_result results[] = {MANAGE_SERIES,      MANAGE_LATER, MANAGE_HELD,
                                                 MANAGE_WRONG_STATE, MANAGE_GONE,  MANAGE_DONE};
    struct ct_str problem = redis_reply_str(redis_reply_at(answer, 0));
    struct ct_str new_id = redis_reply_str(answer);
    int64_t code = new_id.data ? 1 : redis_reply_int(answer, -8);

    if (problem.data || (code >= -7 && code <= -5)) {
        refuse(job, problem, code, target);
        return true;
    }
    if (code < -4 || code > 1)
        return false;
    job->result = results[code + 4];
    if (new_id.data)
        job->new_id = ct_strndup(new_id.data, new_id.len);
    return true;
}

enum ct_code manage_parse_jobs(struct manage_call *call, const struct redis_reply *reply,
                               struct ct_error *err)
{
    size_t place = 1;
    enum ct_code rc = redis_reply_check(reply, err);

    if (rc != CT_E_OK)
        return rc;
    call->search = redis_reply_int(redis_reply_at(reply, 0), -1);
    CT_LIST_FOREACH (node, call->jobs) {
        struct manage_job *job = CT_CONTAINER(node, struct manage_job, link);

        if (!take_answer(job, redis_reply_at(reply, place++), call->target))
            return unexpected("manage_jobs", err);
    }
    return CT_E_OK;
}

/* --- the queue ------------------------------------------------------------------------------ */

void manage_build_pause(const struct dialect *dialect, const struct queue_name *name, bool is_pause,
                        struct redis_command *command)
{
    put_head(dialect, name, dialect->manager->pause, 0, command);
    redis_command_text(command, is_pause ? "1" : "0");
    redis_command_int(command, PAUSE_JOBS_MAX);
}

enum ct_code manage_parse_pause(const struct redis_reply *reply, bool *has_more,
                                struct ct_error *err)
{
    enum ct_code rc = redis_reply_check(reply, err);
    int64_t code = redis_reply_int(reply, -1);

    if (rc != CT_E_OK)
        return rc;
    if (code < 0)
        return unexpected("manage_pause", err);
    *has_more = code > 0;
    return CT_E_OK;
}

void manage_build_erase(const struct dialect *dialect, const struct queue_name *name,
                        enum manage_erase how, struct redis_command *command)
{
    static const char *const hows[] = {
        [MANAGE_ERASE_EMPTY] = "empty",
        [MANAGE_ERASE_IDLE] = "idle",
        [MANAGE_ERASE_ALL] = "all",
    };

    put_head(dialect, name, dialect->manager->erase, 0, command);
    redis_command_text(command, hows[how]);
    redis_command_int(command, ERASE_JOBS_MAX);
}

enum ct_code manage_parse_erase(const struct redis_reply *reply, enum manage_erased *out,
                                int64_t *removed, struct ct_error *err)
{
    static const enum manage_erased answers[] = {MANAGE_ERASE_SERIES, MANAGE_ERASE_JOBS,
                                                 MANAGE_ERASE_ACTIVE, MANAGE_ERASE_RUNNING,
                                                 MANAGE_ERASED,       MANAGE_ERASE_MORE};
    enum ct_code rc = redis_reply_check(reply, err);
    int64_t code = redis_reply_int(redis_reply_at(reply, 0), -5);

    if (rc != CT_E_OK)
        return rc;
    if (code < -4 || code > 1)
        return unexpected("manage_erase", err);
    *out = answers[code + 4];
    *removed = redis_reply_int(redis_reply_at(reply, 1), 0);
    return CT_E_OK;
}
