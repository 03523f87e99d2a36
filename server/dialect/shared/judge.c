/* What a failed attempt leads to: another attempt, now or later, or the end. As Bull and BullMQ
 * decide it; where they would leave the job behind (options they cannot use) it fails with a
 * reason. */
#include <math.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "dialect/shared/commit.h"
#include "dialect/shared/members.h"

#define DELAY_MS_MAX        (10.0 * 366 * 24 * 3600 * 1000)
#define STACKTRACES_MAX     100 /* kept when the job sets no stackTraceLimit */
#define JUDGE_NO_MORE       (-1.0)
#define JUDGE_UNKNOWN_DELAY (-2.0)

static size_t traces_kept(const struct commit_rules *rules, double limit)
{
    if (limit < 1 && rules->may_keep_no_trace)
        return 0;
    return limit >= 1 ? (size_t)fmin(limit, STACKTRACES_MAX) : STACKTRACES_MAX;
}

/* The stored traces without all but the newest, and this one. */
static void append_stack(struct ct_buf *out, struct ct_str stored, struct ct_str stack, size_t keep)
{
    size_t count = 0, place = 0;
    struct members members;

    if (keep == 0) {
        ct_buf_append_str(out, CT_STR_LIT("[]"));
        return;
    }
    bool is_list = stored.data && ct_json_check(stored, NULL) == CT_E_OK &&
                   members_begin_array(&members, stored);
    while (is_list && members_next(&members))
        count++;
    count += stack.data != NULL;
    size_t skip = count > keep ? count - keep : 0;

    ct_buf_append_char(out, '[');
    if (is_list)
        members_begin_array(&members, stored);
    while (is_list && members_next(&members)) {
        if (place++ < skip)
            continue;
        if (out->len > 1)
            ct_buf_append_char(out, ',');
        ct_buf_append_str(out, members.value);
    }
    if (stack.data) {
        if (out->len > 1)
            ct_buf_append_char(out, ',');
        ct_json_append_string(out, stack);
    }
    ct_buf_append_char(out, ']');
}

/* {"type": ..., "delay": ...}; JUDGE_UNKNOWN_DELAY with the name of a strategy nobody has. */
static double typed_delay(const struct dialect_queue *queue, struct ct_str backoff,
                          uint32_t attempts_made, const struct ct_random *random, char **unknown)
{
    struct ct_str type_json = members_find(backoff, "type");
    char *type = members_string(type_json);
    double delay = members_number(members_find(backoff, "delay"));
    double result = JUDGE_UNKNOWN_DELAY;
    const struct strategy *own =
        type ? queue_settings_strategy(&queue->settings, ct_str_of(type)) : NULL;

    if (own)
        result = (double)strategy_delay(own, attempts_made, random);
    else if (type && strcmp(type, "fixed") == 0)
        result = queue->rules->backoff(false, delay, backoff, attempts_made, random);
    else if (type && strcmp(type, "exponential") == 0)
        result = queue->rules->backoff(true, delay, backoff, attempts_made, random);
    else
        *unknown = type ? ct_strdup(type)
                        : ct_strndup(type_json.data ? type_json.data : "undefined",
                                     type_json.data ? type_json.len : 9);
    free(type);
    return isnan(result) ? 0 : result;
}

static double backoff_delay(const struct dialect_queue *queue, struct ct_str backoff,
                            uint32_t attempts_made, const struct ct_random *random, char **unknown)
{
    if (!backoff.data || ct_str_is(backoff, "false") || ct_str_is(backoff, "\"\""))
        return 0;
    if (backoff.data[0] == '{')
        return typed_delay(queue, backoff, attempts_made, random, unknown);
    if (backoff.data[0] == '-' || (backoff.data[0] >= '0' && backoff.data[0] <= '9'))
        return members_number(backoff);
    *unknown = ct_strndup(backoff.data, backoff.len);
    return JUDGE_UNKNOWN_DELAY;
}

static bool is_last_attempt(const struct dialect_queue *queue, const struct job *job,
                            const struct failure *failure, const struct job_options *options,
                            uint32_t attempts_made)
{
    const int64_t started_max = queue->settings.max_started_attempts;

    return failure->is_unrecoverable || job->broken || !(attempts_made < options->attempts) ||
           (started_max > 0 && job->attempts_started >= started_max);
}

/* The ms to wait, 0: at once, below 0: no further attempt. */
static double next_delay(const struct dialect_queue *queue, const struct failure *failure,
                         const struct job_options *options, uint32_t attempts_made,
                         const struct ct_random *random, char **unknown)
{
    if (failure->has_delay)
        return failure->delay_ms < 0 ? JUDGE_NO_MORE : (double)failure->delay_ms;
    return backoff_delay(queue, options->backoff, attempts_made, random, unknown);
}

/* The same failure as the job's end, should it have crashed as often as it may. */
static struct effect *last_crash(struct ct_str reason, struct ct_str stacks, uint32_t attempts_made,
                                 int64_t max_crashes)
{
    char *text = ct_asprintf("%.*s, crashed %lld times (maxCrashes)", (int)reason.len, reason.data,
                             (long long)max_crashes);
    struct effect *effect = effect_new(EFFECT_FAIL, ct_str_of(text), stacks);

    effect->attempts_made = attempts_made;
    free(text);
    return effect;
}

struct effect *dialect_judge(struct dialect_queue *queue, const struct job *job,
                             const struct failure *failure, int64_t now_ms,
                             const struct ct_random *random)
{
    struct job_options options = {.attempts = 1, .stack_trace_limit = NAN};
    uint32_t attempts_made = job->attempts_made + 1;
    struct ct_str reason = failure->reason.data ? failure->reason : CT_STR_LIT("Unknown reason");
    enum effect_kind kind = EFFECT_FAIL;
    char *unknown = NULL, *explained = NULL;
    struct ct_buf stacks;
    double delay = JUDGE_NO_MORE;

    bool can_retry = options_read(job->opts, &options, NULL) == CT_E_OK &&
                     !is_last_attempt(queue, job, failure, &options, attempts_made);
    if (can_retry)
        delay = next_delay(queue, failure, &options, attempts_made, random, &unknown);
    if (delay >= 0)
        kind = delay > 0 ? EFFECT_DELAY : EFFECT_RETRY;
    if (unknown) {
        explained =
            ct_asprintf("Unknown backoff strategy %s. If a custom backoff strategy is used, "
                        "name it in backoffStrategies of the queue. The job failed with: "
                        "%.*s",
                        unknown, (int)reason.len, reason.data);
        reason = ct_str_of(explained);
    }
    ct_buf_init(&stacks);
    struct ct_str stack = failure->stack;
    if (!stack.data && queue->rules->traces_every_failure)
        stack = reason;
    append_stack(&stacks, job->stacktrace, stack,
                 traces_kept(queue->rules, options.stack_trace_limit));

    struct effect *effect = effect_new(kind, reason, ct_buf_str(&stacks));
    effect->attempts_made = attempts_made;
    if (kind == EFFECT_DELAY) {
        effect->delay_ms = (int64_t)fmin(ceil(delay), DELAY_MS_MAX);
        effect->due_ms = now_ms + effect->delay_ms;
    }
    if (failure->is_crash && kind != EFFECT_FAIL && queue->settings.max_crashes > 0)
        effect->last =
            last_crash(reason, ct_buf_str(&stacks), attempts_made, queue->settings.max_crashes);
    ct_buf_free(&stacks);
    free(unknown);
    free(explained);
    return effect;
}
