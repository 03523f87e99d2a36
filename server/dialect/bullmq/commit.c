/* What BullMQ does its own way in commits, and how it counts. See dialect/shared/commit.h, whose
 * functions call these. */
#include <math.h>
#include <stdlib.h>

#include "bullmq_lua.h"
#include "common/mem.h"
#include "dialect/bullmq/parts.h"
#include "dialect/shared/members.h"

#define KEEP_LIMIT 1000 /* removals by age in one call, where nothing else is said */

/* Fields of a job behind those that both dialects have (inc/job.lua). */
enum {
    JOB_STARTED = JOB_OWN,
    JOB_ATTEMPTS_OLD, /* as versions up to 4 and Bull count them */
    JOB_DEFERRED,     /* failed already, and only nobody has said so yet */
    JOB_SERIES,
    JOB_PARENT,
    JOB_STACK,
    JOB_ID
};

/* --- into a commit ---------------------------------------------------------------------------- */

static void put_head(struct redis_command *command, const struct queue_settings *settings)
{
    redis_command_text(command, settings->worker_name ? settings->worker_name : "");
}

static int64_t keep_limit(const struct effect *effect)
{
    const struct job *job = effect->job;
    int64_t limit = effect->kind == EFFECT_FAIL ? job->on_fail.limit : job->on_complete.limit;

    return limit > 0 ? limit : KEEP_LIMIT;
}

static bool is_exhausted(const struct effect *effect)
{
    struct job_options options;

    return options_read(effect->job->opts, &options, NULL) != CT_E_OK ||
           !(effect->attempts_made < options.attempts);
}

/* Put back unstarted it was not started. */
static void put_release(struct redis_command *command, const struct effect *effect)
{
    if (!effect->was_started && effect->job->attempts_started > 0)
        redis_command_int(command, effect->job->attempts_started - 1);
    else
        redis_command_text(command, "");
    redis_command_int(command, effect->due_ms);
}

static void put_log_limit(struct redis_command *command, const struct job *job)
{
    struct job_options options;

    if (memmem(job->opts.data, job->opts.len, "\"kl\"", 4) &&
        options_read(job->opts, &options, NULL) == CT_E_OK && options.keep_logs > 0)
        redis_command_int(command, options.keep_logs);
    else
        redis_command_text(command, "");
}

static void put_own(struct redis_command *command, struct ct_buf *scratch,
                    const struct queue_settings *settings, const struct commit *commit,
                    const struct effect *effect)
{
    (void)scratch;
    switch (effect->kind) {
    case EFFECT_COMPLETE:
        redis_command_int(command, (int64_t)effect->job->attempts_made + 1);
        break;
    case EFFECT_FAIL:
        redis_command_int(command, is_exhausted(effect));
        break;
    case EFFECT_RETRY:
        redis_command_text(command, commit_retry_push(effect->job));
        break;
    case EFFECT_DELAY:
        redis_command_int(command, effect->due_ms);
        redis_command_int(command, effect->delay_ms);
        break;
    case EFFECT_POSTPONE:
        redis_command_int(command, effect->due_ms);
        redis_command_int(command,
                          effect->due_ms > commit->now_ms ? effect->due_ms - commit->now_ms : 0);
        break;
    case EFFECT_RELEASE:
        put_release(command, effect);
        break;
    case EFFECT_STALL:
        redis_command_int(command, settings->max_stalled_count);
        break;
    case EFFECT_LOG:
        put_log_limit(command, effect->job);
        break;
    default:
        break;
    }
}

/* --- out of it -------------------------------------------------------------------------------- */

static int64_t count_of(const struct job_reading *reading, int place)
{
    double number;
    const struct ct_str text = job_reading_text(reading, place);

    if (!text.data || !ct_str_to_double(text, &number))
        return redis_reply_int(redis_reply_at(reading->fields, (size_t)place), 0);
    return number > 0 && number < UINT32_MAX ? (int64_t)number : 0;
}

/* What a producer gave to tracing is a text of its own; anything else stays as it is written. */
static struct ct_str telemetry_of(struct job_reading *reading)
{
    struct ct_str json = reading->options.telemetry;
    char *text = json.data ? members_string(json) : NULL;

    if (!text)
        return json;
    ct_buf_append_str(&reading->scratch, ct_str_of(text));
    free(text);
    return ct_buf_str(&reading->scratch);
}

static void break_with(struct job_reading *reading, struct ct_str text)
{
    free(reading->broken);
    reading->broken = ct_strndup(text.data, text.len);
}

static void prepare_job(const struct dialect_queue *queue, struct job_reading *reading)
{
    const struct queue_settings *settings = &queue->settings;
    struct ct_str deferred = job_reading_text(reading, JOB_DEFERRED);

    if (reading->texts.name.len == 0)
        reading->texts.name = CT_STR_LIT("");
    reading->texts.telemetry = telemetry_of(reading);
    reading->texts.parent = job_reading_text(reading, JOB_PARENT);
    reading->texts.series = job_reading_text(reading, JOB_SERIES);
    if (!reading->options.has_on_complete)
        reading->options.on_complete = settings->on_complete;
    if (!reading->options.has_on_fail)
        reading->options.on_fail = settings->on_fail;
    if (deferred.data)
        break_with(reading, deferred);
    else if (settings->max_started_attempts > 0 &&
             count_of(reading, JOB_STARTED) > settings->max_started_attempts)
        break_with(reading, CT_STR_LIT("job started more than allowable limit"));
}

static void complete_job(const struct dialect_queue *queue, const struct job_reading *reading,
                         struct job *job)
{
    int64_t attempts_old = count_of(reading, JOB_ATTEMPTS_OLD);

    (void)queue;
    if (attempts_old > job->attempts_made)
        job->attempts_made = (uint32_t)attempts_old;
    job->attempts_started = (uint32_t)count_of(reading, JOB_STARTED);
    job->is_repeat = job->series.len > 0;
}

/* --- failed attempts -------------------------------------------------------------------------- */

static double backoff(bool is_exponential, double delay, struct ct_str own, uint32_t attempts_made,
                      const struct ct_random *random)
{
    double jitter = members_number(members_find(own, "jitter"));
    double whole = is_exponential ? round(pow(2, (double)attempts_made - 1) * delay) : delay;

    if (!(jitter > 0))
        return whole;
    const double chance = (double)(ct_random_next(random) >> 11) * 0x1p-53; /* 0 to below 1 */
    jitter = fmin(jitter, 1);
    return floor(chance * whole * jitter + whole * (1 - jitter));
}

const struct commit_rules bullmq_commit_rules = {
    .commit = &bullmq_commit_script,
    .sweep = &bullmq_sweep_script,
    .reclaim = &bullmq_reclaim_script,
    .put_head = put_head,
    .run_option = keep_limit,
    .put_own = put_own,
    .stack_place = JOB_STACK,
    .id_place = JOB_ID,
    .is_due_floored = true,
    .has_longest_rest = true,
    .prepare_job = prepare_job,
    .complete_job = complete_job,
    .backoff = backoff,
    .may_keep_no_trace = true,
    .traces_every_failure = true,
};
