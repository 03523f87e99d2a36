/* What Bull does its own way in commits, and how it counts. See dialect/shared/commit.h, whose
 * functions call these. */
#include <math.h>

#include "bull_lua.h"
#include "common/json.h"
#include "dialect/bull/parts.h"

/* --- into a commit ---------------------------------------------------------------------------- */

static void put_head(struct redis_command *command, const struct queue_settings *settings)
{
    redis_command_int(command, settings->limiter_bounce_back);
    redis_command_int(command, settings->limiter_group_key != NULL);
}

/* A job has a debounce id only when its options say so; without one there is nothing to look up. */
static int64_t may_be_debounced(const struct effect *effect)
{
    const struct ct_str opts = effect->job->opts;

    return opts.data && memmem(opts.data, opts.len, "debounce", 8) != NULL;
}

/* {"jobId":"1","val":"..."}; without a value there is no val. */
static void put_message(struct redis_command *command, struct ct_buf *scratch, struct ct_str id,
                        struct ct_str value)
{
    ct_buf_clear(scratch);
    ct_buf_append_str(scratch, CT_STR_LIT("{\"jobId\":"));
    ct_json_append_string(scratch, id);
    if (value.data) {
        ct_buf_append_str(scratch, CT_STR_LIT(",\"val\":"));
        ct_json_append_string(scratch, value);
    }
    ct_buf_append_char(scratch, '}');
    redis_command_str(command, ct_buf_str(scratch));
}

static void put_progress_message(struct redis_command *command, struct ct_buf *scratch,
                                 const struct effect *effect)
{
    ct_buf_clear(scratch);
    ct_buf_append_str(scratch, CT_STR_LIT("{\"jobId\":"));
    ct_json_append_string(scratch, effect->job->id);
    ct_buf_append_str(scratch, CT_STR_LIT(",\"progress\":"));
    ct_buf_append_str(scratch, effect->value);
    ct_buf_append_char(scratch, '}');
    redis_command_str(command, ct_buf_str(scratch));
}

/* Bull's own words and blanks, but with an id that is safe in JSON. */
static void put_stalled_message(struct redis_command *command, struct ct_buf *scratch,
                                struct ct_str id)
{
    ct_buf_clear(scratch);
    ct_buf_append_str(scratch, CT_STR_LIT("{\"jobId\":"));
    ct_json_append_string(scratch, id);
    ct_buf_append_str(scratch, CT_STR_LIT(", \"val\": \"job stalled more than maxStalledCount\"}"));
    redis_command_str(command, ct_buf_str(scratch));
}

/* The low bits that Bull takes from the id: its value as a 32-bit integer, 0 when it is none. */
static unsigned id_bits(struct ct_str id)
{
    double number;

    if (!ct_str_to_double(id, &number) || fabs(number) >= 0x1p53)
        return 0;
    return (unsigned)((int64_t)number & (SCORE_FACTOR - 1));
}

/* Where a job that is due then stands in delayed. */
static void put_score(struct redis_command *command, const struct effect *effect)
{
    double score = (double)effect->due_ms * SCORE_FACTOR + id_bits(effect->job->id);

    redis_command_double(command, effect->due_ms > 0 ? score : 0);
}

static void put_own(struct redis_command *command, struct ct_buf *scratch,
                    const struct queue_settings *settings, const struct commit *commit,
                    const struct effect *effect)
{
    (void)commit;
    switch (effect->kind) {
    case EFFECT_COMPLETE:
    case EFFECT_FAIL:
        put_message(command, scratch, effect->job->id, effect->value);
        break;
    case EFFECT_RETRY:
        redis_command_text(command, commit_retry_push(effect->job));
        break;
    case EFFECT_DELAY:
    case EFFECT_POSTPONE:
        put_score(command, effect);
        break;
    case EFFECT_RELEASE:
        redis_command_int(command, !effect->was_started && effect->job->attempts_made == 0);
        break;
    case EFFECT_STALL:
        redis_command_int(command, settings->max_stalled_count);
        commit_put_keep(command, effect->job->on_fail);
        put_stalled_message(command, scratch, effect->job->id);
        break;
    case EFFECT_PROGRESS:
        put_progress_message(command, scratch, effect);
        break;
    default: /* AWAIT: Bull's jobs have no children */
        break;
    }
}

/* --- out of it -------------------------------------------------------------------------------- */

/* A handler under preventParsingData sees the text that is stored, as a string. */
static void prepare_job(const struct dialect_queue *queue, struct job_reading *reading)
{
    (void)queue;
    if (reading->texts.name.len == 0)
        reading->texts.name = CT_STR_LIT("__default__");
    if (reading->broken || !reading->options.keeps_data_text)
        return;
    ct_json_append_string(&reading->scratch, reading->texts.data);
    reading->texts.data = ct_buf_str(&reading->scratch);
    reading->has_any_data = true;
}

static void complete_job(const struct dialect_queue *queue, const struct job_reading *reading,
                         struct job *job)
{
    (void)queue;
    job->timeout_ms = reading->options.timeout_ms;
    job->is_repeat = reading->options.repeat.data != NULL;
}

/* --- failed attempts -------------------------------------------------------------------------- */

static double backoff(bool is_exponential, double delay, struct ct_str own, uint32_t attempts_made,
                      const struct ct_random *random)
{
    (void)own;
    (void)random;
    return is_exponential ? round((pow(2, attempts_made) - 1) * delay) : delay;
}

const struct commit_rules bull_commit_rules = {
    .commit = &bull_commit_script,
    .sweep = &bull_sweep_script,
    .reclaim = &bull_reclaim_script,
    .put_head = put_head,
    .run_option = may_be_debounced,
    .put_own = put_own,
    .sweep_ends_jobs = true,
    .stack_place = 6,
    .id_place = 7,
    .prepare_job = prepare_job,
    .complete_job = complete_job,
    .backoff = backoff,
};
