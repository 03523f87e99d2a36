/* Writes a commit as one call of commit.lua, whose head lists the arguments. Neighbouring effects
 * of a kind with equal options become one run: Redis then asks and deletes for all of them at once.
 * Called by the engine; the reply is commit_parse.c's. */
#include <stdlib.h>

#include "common/assert.h"
#include "dialect/shared/commit.h"
#include "dialect/shared/dead.h"
#include "dialect/shared/plan.h"

/* What every part of one call is written with. */
struct writing {
    const struct commit_rules *rules;
    const struct queue_settings *settings;
    const struct commit *commit;
    struct redis_command *command;
    struct ct_buf scratch;
};

static struct effect *effect_at(struct ct_list *node)
{
    return CT_CONTAINER(node, struct effect, link);
}

static struct keep effect_keep(const struct effect *effect)
{
    return effect->kind == EFFECT_FAIL ? effect->job->on_fail : effect->job->on_complete;
}

static bool same_run(const struct commit_rules *rules, const struct effect *a,
                     const struct effect *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == EFFECT_RENEW)
        return true;
    struct keep x = effect_keep(a), y = effect_keep(b);
    return x.count == y.count && x.age_s == y.age_s && a->is_resent == b->is_resent &&
           rules->run_option(a) == rules->run_option(b);
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

static void put_own(struct writing *to, const struct effect *effect)
{
    to->rules->put_own(to->command, &to->scratch, to->settings, to->commit, effect);
}

static struct ct_str value_or(struct ct_str value, struct ct_str fallback)
{
    return value.data ? value : fallback;
}

/* Stack traces of effects that have none are an empty list, as with Bull and BullMQ. */
static void put_stacktrace(struct redis_command *command, const struct effect *effect)
{
    redis_command_str(command, value_or(effect->extra, CT_STR_LIT("[]")));
}

static void put_finish(struct writing *to, const struct effect *effect)
{
    put_owner(to->command, effect->job);
    redis_command_str(to->command, value_or(effect->value, CT_STR_LIT("null")));
    put_own(to, effect);
    if (effect->kind == EFFECT_FAIL) {
        put_stacktrace(to->command, effect);
        redis_command_int(to->command, effect->attempts_made);
    }
    if (effect->is_resent)
        put_activation(to->command, effect->job);
}

void commit_put_keep(struct redis_command *command, struct keep keep)
{
    redis_command_int(command, keep.count);
    redis_command_int(command, keep.age_s);
}

/* What the jobs of a run have in common. Returns where their number goes. */
static size_t put_run_head(struct writing *to, const struct effect *first)
{
    redis_command_text(to->command, first->kind == EFFECT_COMPLETE ? "C"
                                    : first->kind == EFFECT_FAIL   ? "F"
                                                                   : "N");
    size_t hole = redis_command_hole(to->command);
    if (first->kind != EFFECT_RENEW) {
        redis_command_int(to->command, first->is_resent);
        redis_command_int(to->command, to->rules->run_option(first));
        commit_put_keep(to->command, effect_keep(first));
    }
    return hole;
}

/* Writes the run that begins at `node`; returns the node behind it. */
static struct ct_list *put_run(struct writing *to, struct ct_list *node)
{
    const struct effect *first = effect_at(node);
    const struct ct_list *end = &to->commit->effects;
    size_t hole = put_run_head(to, first);
    uint32_t count = 0;

    for (; node != end && same_run(to->rules, first, effect_at(node)); node = node->next, count++) {
        const struct effect *effect = effect_at(node);

        if (effect->kind == EFFECT_RENEW) {
            put_owner(to->command, effect->job);
            put_activation(to->command, effect->job);
        } else {
            put_finish(to, effect);
        }
    }
    redis_command_patch(to->command, hole, count);
    return node;
}

const char *commit_retry_push(const struct job *job)
{
    struct job_options options;
    bool is_lifo = options_read(job->opts, &options, NULL) == CT_E_OK && options.is_lifo;

    return is_lifo ? "RPUSH" : "LPUSH";
}

/* RETRY, DELAY, POSTPONE, AWAIT, RELEASE and STALL: out of active, somewhere else. */
static void put_move(struct writing *to, const char *letter, const struct effect *effect)
{
    redis_command_text(to->command, letter);
    put_owner(to->command, effect->job);
    redis_command_int(to->command, effect->is_resent);
    put_activation(to->command, effect->job);
    if (effect->kind == EFFECT_RETRY || effect->kind == EFFECT_DELAY) {
        redis_command_str(to->command, value_or(effect->value, CT_STR_LIT("")));
        put_stacktrace(to->command, effect);
        redis_command_int(to->command, effect->attempts_made);
    }
    put_own(to, effect);
}

/* RETRY and DELAY; after a crash with the failure that may take their place. */
static void put_again(struct writing *to, const struct effect *effect)
{
    if (effect->last) {
        redis_command_text(to->command, "K");
        put_owner(to->command, effect->job);
        redis_command_int(to->command, to->settings->max_crashes);
    }
    put_move(to, effect->kind == EFFECT_RETRY ? "R" : "D", effect);
    if (effect->last) {
        struct effect last = *effect->last;

        last.job = effect->job;
        last.is_resent = effect->is_resent;
        redis_command_patch(to->command, put_run_head(to, &last), 1);
        put_finish(to, &last);
    }
}

static void put_note(struct writing *to, const char *letter, const struct effect *effect)
{
    redis_command_text(to->command, letter);
    put_owner(to->command, effect->job);
    redis_command_str(to->command, effect->value);
    put_own(to, effect);
}

static void put_id(struct writing *to, const char *letter, const struct effect *effect)
{
    redis_command_text(to->command, letter);
    redis_command_str(to->command, value_or(effect->value, CT_STR_LIT("")));
}

static void put_single(struct writing *to, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_RETRY:
    case EFFECT_DELAY:
        put_again(to, effect);
        break;
    case EFFECT_POSTPONE:
        put_move(to, "W", effect);
        break;
    case EFFECT_AWAIT:
        put_move(to, "V", effect);
        break;
    case EFFECT_RELEASE:
        put_move(to, "B", effect);
        break;
    case EFFECT_STALL:
        put_move(to, "S", effect);
        break;
    case EFFECT_PROGRESS:
        put_note(to, "P", effect);
        break;
    case EFFECT_LOG:
        put_note(to, "L", effect);
        break;
    case EFFECT_UPDATE:
        put_note(to, "U", effect);
        break;
    case EFFECT_TAKE:
        put_id(to, "T", effect);
        break;
    case EFFECT_UNTAKE:
        put_id(to, "X", effect);
        break;
    case EFFECT_ADOPT:
        put_id(to, "A", effect);
        redis_command_str(to->command, effect->extra);
        break;
    case EFFECT_SCHEDULE:
        redis_command_text(to->command, "Q");
        plan_write(effect->plan, to->command);
        break;
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

static void put_head(const struct writing *to, const struct dialect_queue *queue)
{
    const struct commit *commit = to->commit;

    queue_keys_begin(&queue->keys, to->rules->commit, commit->now_ms, commit->token_base,
                     to->command);
    redis_command_int(to->command, (int64_t)commit->token_first);
    redis_command_int(to->command, to->settings->lock_duration_ms);
    redis_command_int(to->command, commit->tell_drained ? -1 : (int64_t)commit->fetch_max);
    redis_command_int(to->command, commit->promote ? COMMIT_PROMOTE_MAX : 0);
    redis_command_int(to->command, to->settings->metrics_max_points);
    redis_command_int(to->command, to->settings->limiter_max);
    redis_command_int(to->command, to->settings->limiter_duration_ms);
    to->rules->put_head(to->command, to->settings);
}

void dialect_build_commit(struct dialect_queue *queue, const struct commit *commit,
                          struct redis_command *command)
{
    struct writing to = {queue->rules, &queue->settings, commit, command, {0}};
    const struct ct_list *end = &commit->effects;
    struct ct_list *node = commit->effects.next;

    ct_assert(commit->effect_count <= COMMIT_EFFECTS_MAX);
    put_head(&to, queue);
    dead_put_commit(queue, commit, command);
    ct_buf_init(&to.scratch);
    while (node != end) {
        if (is_run(effect_at(node)->kind)) {
            node = put_run(&to, node);
        } else {
            put_single(&to, effect_at(node));
            node = node->next;
        }
    }
    ct_buf_free(&to.scratch);
}
