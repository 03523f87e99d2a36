/* Writes a commit as one call of commit.lua, whose head lists the arguments. Neighbouring effects
 * of a kind with equal options become one run: Redis then asks and deletes for all of them at once.
 * Called by the engine; the reply is commit_parse.c's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bull_lua.h"
#include "common/assert.h"
#include "common/json.h"
#include "dialect/bull/options.h"
#include "dialect/bull/parts.h"
#include "dialect/shared/plan.h"

#define SCORE_FACTOR 4096 /* a delayed score is the time times this, plus 12 bits */

static struct effect *effect_at(struct ct_list *node)
{
    return CT_CONTAINER(node, struct effect, link);
}

static struct keep effect_keep(const struct effect *effect)
{
    return effect->kind == EFFECT_FAIL ? effect->job->on_fail : effect->job->on_complete;
}

/* A job has a debounce id only when its options say so; without one there is nothing to look up. */
static bool may_be_debounced(const struct job *job)
{
    return job->opts.data && memmem(job->opts.data, job->opts.len, "debounce", 8) != NULL;
}

static bool same_run(const struct effect *a, const struct effect *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == EFFECT_RENEW)
        return true;
    struct keep x = effect_keep(a), y = effect_keep(b);
    return x.count == y.count && x.age_s == y.age_s && a->is_resent == b->is_resent &&
           may_be_debounced(a->job) == may_be_debounced(b->job);
}

static void put_owner(struct redis_command *command, const struct job *job)
{
    redis_command_str(command, job->id);
    redis_command_str(command, job->token);
}

/* What tells this activation of the job from another one. */
static void put_activation(struct redis_command *command, const struct job *job)
{
    redis_command_int(command, job->processed_on_ms);
    redis_command_int(command, job->stalled_counter);
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

static struct ct_str value_or(struct ct_str value, struct ct_str fallback)
{
    return value.data ? value : fallback;
}

/* Stack traces of effects that have none: Bull writes an empty list. */
static void put_stacktrace(struct redis_command *command, const struct effect *effect)
{
    redis_command_str(command, value_or(effect->extra, CT_STR_LIT("[]")));
}

static void put_finish(struct redis_command *command, struct ct_buf *scratch,
                       const struct effect *effect)
{
    put_owner(command, effect->job);
    redis_command_str(command, value_or(effect->value, CT_STR_LIT("null")));
    put_message(command, scratch, effect->job->id, effect->value);
    if (effect->kind == EFFECT_FAIL) {
        put_stacktrace(command, effect);
        redis_command_int(command, effect->attempts_made);
    }
    if (effect->is_resent)
        put_activation(command, effect->job);
}

static void put_keep(struct redis_command *command, struct keep keep)
{
    redis_command_int(command, keep.count);
    redis_command_int(command, keep.age_s);
}

/* What the jobs of a run have in common. Returns where their number goes. */
static size_t put_run_head(struct redis_command *command, const struct effect *first)
{
    redis_command_text(command, first->kind == EFFECT_COMPLETE ? "C"
                                : first->kind == EFFECT_FAIL   ? "F"
                                                               : "N");
    size_t hole = redis_command_hole(command);
    if (first->kind != EFFECT_RENEW) {
        redis_command_int(command, first->is_resent);
        redis_command_int(command, may_be_debounced(first->job));
        put_keep(command, effect_keep(first));
    }
    return hole;
}

/* Writes the run that begins at `node`; returns the node behind it. */
static struct ct_list *put_run(struct redis_command *command, struct ct_buf *scratch,
                               struct ct_list *node, const struct ct_list *end)
{
    const struct effect *first = effect_at(node);
    size_t hole = put_run_head(command, first);
    uint32_t count = 0;

    for (; node != end && same_run(first, effect_at(node)); node = node->next, count++) {
        const struct effect *effect = effect_at(node);

        if (effect->kind == EFFECT_RENEW) {
            put_owner(command, effect->job);
            put_activation(command, effect->job);
        } else {
            put_finish(command, scratch, effect);
        }
    }
    redis_command_patch(command, hole, count);
    return node;
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

static void put_retry(struct redis_command *command, const struct effect *effect)
{
    struct job_options options;

    redis_command_str(command, value_or(effect->value, CT_STR_LIT("")));
    put_stacktrace(command, effect);
    redis_command_int(command, effect->attempts_made);
    if (effect->kind == EFFECT_DELAY) {
        put_score(command, effect);
        return;
    }
    bool is_lifo = options_read(effect->job->opts, &options, NULL) == CT_E_OK && options.is_lifo;
    redis_command_text(command, is_lifo ? "RPUSH" : "LPUSH");
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

/* RETRY, DELAY, POSTPONE, RELEASE and STALL: out of active, somewhere else. */
static void put_move(struct redis_command *command, struct ct_buf *scratch, const char *letter,
                     const struct effect *effect, const struct queue_settings *settings)
{
    redis_command_text(command, letter);
    put_owner(command, effect->job);
    redis_command_int(command, effect->is_resent);
    put_activation(command, effect->job);
    if (effect->kind == EFFECT_RELEASE) {
        redis_command_int(command, effect->job->attempts_made == 0);
    } else if (effect->kind == EFFECT_POSTPONE) {
        put_score(command, effect);
    } else if (effect->kind == EFFECT_STALL) {
        redis_command_int(command, settings->max_stalled_count);
        put_keep(command, effect->job->on_fail);
        put_stalled_message(command, scratch, effect->job->id);
    } else {
        put_retry(command, effect);
    }
}

/* RETRY and DELAY; after a crash with the failure that may take their place. */
static void put_again(struct redis_command *command, struct ct_buf *scratch,
                      const struct effect *effect, const struct queue_settings *settings)
{
    if (effect->last) {
        redis_command_text(command, "K");
        put_owner(command, effect->job);
        redis_command_int(command, settings->max_crashes);
    }
    put_move(command, scratch, effect->kind == EFFECT_RETRY ? "R" : "D", effect, settings);
    if (effect->last) {
        struct effect last = *effect->last;

        last.job = effect->job;
        last.is_resent = effect->is_resent;
        redis_command_patch(command, put_run_head(command, &last), 1);
        put_finish(command, scratch, &last);
    }
}

static void put_note(struct redis_command *command, struct ct_buf *scratch, const char *letter,
                     const struct effect *effect)
{
    redis_command_text(command, letter);
    put_owner(command, effect->job);
    redis_command_str(command, effect->value);
    if (effect->kind != EFFECT_PROGRESS)
        return;
    ct_buf_clear(scratch);
    ct_buf_append_str(scratch, CT_STR_LIT("{\"jobId\":"));
    ct_json_append_string(scratch, effect->job->id);
    ct_buf_append_str(scratch, CT_STR_LIT(",\"progress\":"));
    ct_buf_append_str(scratch, effect->value);
    ct_buf_append_char(scratch, '}');
    redis_command_str(command, ct_buf_str(scratch));
}

static void put_single(struct redis_command *command, struct ct_buf *scratch,
                       const struct effect *effect, const struct queue_settings *settings)
{
    switch (effect->kind) {
    case EFFECT_RETRY:
    case EFFECT_DELAY:
        put_again(command, scratch, effect, settings);
        break;
    case EFFECT_POSTPONE:
        put_move(command, scratch, "W", effect, settings);
        break;
    case EFFECT_RELEASE:
        put_move(command, scratch, "B", effect, settings);
        break;
    case EFFECT_STALL:
        put_move(command, scratch, "S", effect, settings);
        break;
    case EFFECT_PROGRESS:
        put_note(command, scratch, "P", effect);
        break;
    case EFFECT_LOG:
        put_note(command, scratch, "L", effect);
        break;
    case EFFECT_UPDATE:
        put_note(command, scratch, "U", effect);
        break;
    case EFFECT_TAKE:
    case EFFECT_UNTAKE:
    case EFFECT_ADOPT:
        redis_command_text(command, effect->kind == EFFECT_TAKE     ? "T"
                                    : effect->kind == EFFECT_UNTAKE ? "X"
                                                                    : "A");
        redis_command_str(command, effect->value);
        if (effect->kind == EFFECT_ADOPT)
            redis_command_str(command, effect->extra);
        break;
    case EFFECT_SCHEDULE:
        redis_command_text(command, "Q");
        plan_write(effect->plan, command);
        break;
    case EFFECT_AWAIT:    /* Bull has no children */
    case EFFECT_COMPLETE: /* runs */
    case EFFECT_FAIL:
    case EFFECT_RENEW:
        ct_assert(false);
    }
}

static bool is_run(enum effect_kind kind)
{
    return kind == EFFECT_COMPLETE || kind == EFFECT_FAIL || kind == EFFECT_RENEW;
}

static void put_head(struct redis_command *command, const struct dialect_queue *queue,
                     const struct commit *commit)
{
    const struct queue_settings *settings = &queue->settings;

    queue_keys_begin(&queue->keys, &bull_commit_script, commit->now_ms, commit->token_base,
                     command);
    redis_command_int(command, (int64_t)commit->token_first);
    redis_command_int(command, settings->lock_duration_ms);
    redis_command_int(command, commit->tell_drained ? -1 : (int64_t)commit->fetch_max);
    redis_command_int(command, commit->promote ? COMMIT_PROMOTE_MAX : 0);
    redis_command_int(command, settings->metrics_max_points);
    redis_command_int(command, settings->limiter_max);
    redis_command_int(command, settings->limiter_duration_ms);
    redis_command_int(command, settings->limiter_bounce_back);
    redis_command_int(command, settings->limiter_group_key != NULL);
}

void bull_build_commit(struct dialect_queue *queue, const struct commit *commit,
                       struct redis_command *command)
{
    const struct ct_list *end = &commit->effects;
    struct ct_list *node = commit->effects.next;
    struct ct_buf scratch;

    ct_assert(commit->effect_count <= COMMIT_EFFECTS_MAX);
    put_head(command, queue, commit);
    dead_put_commit(queue, commit, command);
    ct_buf_init(&scratch);
    while (node != end) {
        if (is_run(effect_at(node)->kind)) {
            node = put_run(command, &scratch, node, end);
        } else {
            put_single(command, &scratch, effect_at(node), &queue->settings);
            node = node->next;
        }
    }
    ct_buf_free(&scratch);
}
