/* Builds the calls of queue/manage.h and reads their replies; what they do to jobs is the scripts',
 * and what Bull's own calls do. */
#include "dialect/bull/manage.h"

#include "bull_lua.h"
#include "common/mem.h"
#include "dialect/bull/inspect.h"
#include "dialect/bull/parts.h"

/* Of one call; each is about a millisecond of Redis. */
#define PAUSE_JOBS_MAX 5000
#define ERASE_JOBS_MAX 300

static void put_head(const struct queue_name *name, const struct redis_script *script,
                     int64_t now_ms, struct redis_command *command)
{
    struct queue_keys keys;

    queue_keys_init(&keys, &bull_key_table, name->prefix, name->name);
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
    char flags[4];
    size_t len = 0;

    if (call->resets_attempts)
        flags[len++] = 'a';
    if (call->takes_series)
        flags[len++] = 's';
    if (call->keeps_debounce)
        flags[len++] = 'd';
    redis_command_str(command, (struct ct_str){flags, len});
}

static void bull_build_jobs(const struct manage_call *call, int64_t now_ms,
                            struct redis_command *command)
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
    put_head(&home, &bull_manage_jobs_script, now_ms, command);
    ct_buf_init(&base);
    ct_buf_printf(&base, "%s:%s:", call->queue.prefix, call->queue.name);
    redis_command_str(command, ct_buf_str(&base));
    ct_buf_free(&base);
    redis_command_text(command, deeds[call->deed]);
    redis_command_text(command, call->has_place ? bull_state_key(call->state) : "");
    redis_command_int(command, call->has_place ? call->offset : 0);
    redis_command_int(command, call->has_place ? -1 : call->search);
    put_flags(call, command);
    CT_LIST_FOREACH (node, call->jobs) {
        redis_command_str(command, CT_CONTAINER(node, struct manage_job, link)->id);
    }
}

static void refuse(struct manage_job *job, struct ct_str problem, const char *target)
{
    job->result = MANAGE_REFUSED;
    if (problem.data)
        (void)redis_error_parse(problem, &job->err);
    else
        ct_error_set(&job->err, CT_E_CONFLICT, "queue \"%s\" has a job with this id already",
                     target);
}

static bool take_answer(struct manage_job *job, const struct redis_reply *answer,
                        const char *target)
{
    static const enum manage_result results[] = {MANAGE_SERIES,      MANAGE_LATER, MANAGE_HELD,
                                                 MANAGE_WRONG_STATE, MANAGE_GONE,  MANAGE_DONE};
    struct ct_str problem = redis_reply_str(redis_reply_at(answer, 0));
    struct ct_str new_id = redis_reply_str(answer);
    int64_t code = new_id.data ? 1 : redis_reply_int(answer, -6);

    if (problem.data || code == -5) {
        refuse(job, problem, target);
        return true;
    }
    if (code < -4 || code > 1)
        return false;
    job->result = results[code + 4];
    if (new_id.data)
        job->new_id = ct_strndup(new_id.data, new_id.len);
    return true;
}

static enum ct_code bull_parse_jobs(struct manage_call *call, const struct redis_reply *reply,
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

static void bull_build_pause(const struct queue_name *name, bool is_pause,
                             struct redis_command *command)
{
    put_head(name, &bull_manage_pause_script, 0, command);
    redis_command_text(command, is_pause ? "1" : "0");
    redis_command_int(command, PAUSE_JOBS_MAX);
}

static enum ct_code bull_parse_pause(const struct redis_reply *reply, bool *has_more,
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

static void bull_build_erase(const struct queue_name *name, enum manage_erase how,
                             struct redis_command *command)
{
    static const char *const hows[] = {
        [MANAGE_ERASE_EMPTY] = "empty",
        [MANAGE_ERASE_IDLE] = "idle",
        [MANAGE_ERASE_ALL] = "all",
    };

    put_head(name, &bull_manage_erase_script, 0, command);
    redis_command_text(command, hows[how]);
    redis_command_int(command, ERASE_JOBS_MAX);
}

static enum ct_code bull_parse_erase(const struct redis_reply *reply, enum manage_erased *out,
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

/* What nobody works on and has not ended goes first. */
static const uint32_t retry_states[] = {BULL_FAILED};
static const uint32_t promote_states[] = {BULL_DELAYED};
static const uint32_t other_states[] = {BULL_WAITING, BULL_PAUSED, BULL_DELAYED, BULL_FAILED,
                                        BULL_COMPLETED};

#define STATES(items)                           \
    {                                           \
        items, sizeof(items) / sizeof(items)[0] \
    }

const struct manager bull_manager = {
    .states =
        {
            [MANAGE_RETRY] = STATES(retry_states),
            [MANAGE_PROMOTE] = STATES(promote_states),
            [MANAGE_REMOVE] = STATES(other_states),
            [MANAGE_MOVE] = STATES(other_states),
        },
    .build_jobs = bull_build_jobs,
    .parse_jobs = bull_parse_jobs,
    .build_pause = bull_build_pause,
    .parse_pause = bull_parse_pause,
    .build_erase = bull_build_erase,
    .parse_erase = bull_parse_erase,
};
