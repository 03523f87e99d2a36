/* Effects: what has happened to jobs and is not in Redis yet. Owns each from the moment it is
 * queued until Redis has answered for it, and keeps those of one lease in order. A call that got
 * no answer puts its effects back; one that Redis refuses alone waits aside, with everything of
 * its lease behind it, so that it holds up nobody else. Called by the rest of the engine. */
#include "queue/queue_internal.h"

#include "common/assert.h"
#include "common/log.h"

static size_t effect_size(const struct effect *effect)
{
    return effect->value.len + effect->extra.len + (effect->last ? effect_size(effect->last) : 0);
}

static bool is_note(enum effect_kind kind)
{
    return kind == EFFECT_PROGRESS || kind == EFFECT_LOG || kind == EFFECT_UPDATE;
}

void effects_count(struct queue *queue, struct effect *effect)
{
    struct lease *lease = effect->owner;

    queue->effect_count++;
    queue->effect_bytes += effect_size(effect);
    if (lease)
        lease->effect_count++;
}

static void mark_obstructed(struct queue *queue, struct effect *effect, bool is_obstructed)
{
    if (effect->is_obstructed == is_obstructed)
        return;
    effect->is_obstructed = is_obstructed;
    if (is_obstructed)
        queue->obstructed_count++;
    else
        queue->obstructed_count--;
}

static void effect_discount(struct queue *queue, struct effect *effect)
{
    struct lease *lease = effect->owner;

    ct_assert(queue->effect_count > 0);
    queue->effect_count--;
    mark_obstructed(queue, effect, false);
    queue->effect_bytes -= effect_size(effect);
    if (!lease)
        return;
    ct_assert(lease->effect_count > 0);
    lease->effect_count--;
    if (lease->outcome == effect)
        lease->outcome = NULL;
    if (lease->renew == effect)
        lease->renew = NULL;
    if (lease->progress == effect)
        lease->progress = NULL;
    if (is_note(effect->kind))
        lease->note_count--;
}

static void effect_end(struct queue *queue, struct effect *effect)
{
    effect_discount(queue, effect);
    effect_free(effect, queue->dialect->free_plan);
}

void effects_queue(struct queue *queue, struct effect *effect)
{
    struct lease *lease = effect->owner;

    effects_count(queue, effect);
    if (lease && is_note(effect->kind))
        lease->note_count++;
    if (lease && lease->later_count > 0) {
        ct_list_push_back(&queue->later, &effect->link);
        queue->later_count++;
        lease->later_count++;
    } else {
        ct_list_push_back(&queue->pending, &effect->link);
    }
    queue_poke(queue);
}

void effects_advance(struct queue *queue, struct effect *effect)
{
    ct_list_remove(&effect->link);
    ct_list_push_front(&queue->pending, &effect->link);
}

void effects_queue_urgent(struct queue *queue, struct effect *effect)
{
    effects_count(queue, effect);
    ct_list_push_back(&queue->urgent, &effect->link);
    queue_poke(queue);
}

bool effects_is_full(const struct queue *queue)
{
    return queue->effect_count >= QUEUE_PENDING_MAX ||
           queue->effect_bytes >= QUEUE_PENDING_BYTES_MAX;
}

bool effects_hold_up_fetch(const struct queue *queue)
{
    return effects_is_full(queue) || queue->later_count >= QUEUE_REFUSED_MAX ||
           queue->obstructed_count > 0;
}

bool effects_are_waiting(const struct queue *queue)
{
    return !ct_list_is_empty(&queue->urgent) || !ct_list_is_empty(&queue->pending);
}

/* --- aside --------------------------------------------------------------------------------- */

static void leave_later(struct queue *queue, struct effect *effect)
{
    struct lease *lease = effect->owner;

    ct_list_remove(&effect->link);
    ct_assert(queue->later_count > 0);
    queue->later_count--;
    if (lease)
        lease->later_count--;
}

static void enter_later(struct queue *queue, struct effect *effect)
{
    struct lease *lease = effect->owner;

    ct_list_remove(&effect->link);
    ct_list_push_back(&queue->later, &effect->link);
    queue->later_count++;
    if (lease)
        lease->later_count++;
}

void effects_retry(struct queue *queue, int64_t now_ms)
{
    struct ct_list back;

    if (queue->later_count == 0 || now_ms < queue->later_at_ms)
        return;
    ct_list_init(&back);
    while (!ct_list_is_empty(&queue->later)) {
        struct effect *effect = CT_CONTAINER(queue->later.next, struct effect, link);

        leave_later(queue, effect);
        ct_list_push_back(&back, &effect->link);
    }
    ct_list_append(&back, &queue->pending);
    ct_list_append(&queue->pending, &back);
}

/* What leases with a refused effect have queued since keeps its place behind it. */
static void follow_later(struct queue *queue)
{
    CT_LIST_FOREACH_SAFE (node, following, &queue->pending) {
        struct effect *effect = CT_CONTAINER(node, struct effect, link);
        const struct lease *lease = effect->owner;

        if (lease && lease->later_count > 0)
            enter_later(queue, effect);
    }
}

/* Redis is in a state that will pass or that an operator will end: the effect is good. */
static bool is_state_of_redis(enum ct_code code)
{
    switch (code) {
    case CT_E_REDIS_DOWN:
    case CT_E_REDIS_AUTH:
    case CT_E_REDIS_PERM:
    case CT_E_REDIS_LOADING:
    case CT_E_REDIS_READONLY:
    case CT_E_REDIS_OOM:
    case CT_E_REDIS_SCRIPT:
    case CT_E_TIMEOUT:
    case CT_E_CLOSED:
        return true;
    default:
        return false;
    }
}

/* Whether Redis has not answered for good. Counts the tries of effects that it refuses for a
 * reason of their own. */
static bool is_to_try_again(const struct commit *commit, const struct effect *effect)
{
    struct lease *lease = effect->owner;

    switch (effect->code) {
    case CT_E_OK:
    case CT_E_LOCK_LOST:
    case CT_E_JOB_MISSING:
    case CT_E_NOT_ACTIVE:
    case CT_E_CHILDREN:
        return false;
    case CT_E_REDIS_TYPE: /* of the job's own keys: no other job meets it */
        return commit->obstacle.code != CT_E_OK;
    default:
        if (is_state_of_redis(effect->code))
            return true;
        return lease && ++lease->refused_count < QUEUE_REFUSED_TRIES;
    }
}

/* --- into a call and out of it -------------------------------------------------------------- */

static void take_effect(struct commit *commit, struct effect *effect)
{
    struct lease *lease = effect->owner;

    ct_list_remove(&effect->link);
    ct_list_push_back(&commit->effects, &effect->link);
    commit->effect_count++;
    if (!lease)
        return;
    if (lease->progress == effect)
        lease->progress = NULL; /* can no longer be replaced */
    if (lease->outcome == effect)
        lease->is_sent = true;
}

/* What a call moves for it: a dead letter is a copy of its job. */
static size_t call_size(const struct queue *queue, const struct effect *effect)
{
    size_t size = effect_size(effect);

    if (queue->settings.dead_letter_queue && effect_may_fail(effect))
        size += effect->job->data.len + effect->job->opts.len;
    return size;
}

static void take_from(const struct queue *queue, struct ct_list *from, struct commit *commit,
                      size_t *bytes)
{
    while (!ct_list_is_empty(from) && commit->effect_count < COMMIT_EFFECTS_MAX) {
        struct effect *effect = CT_CONTAINER(from->next, struct effect, link);
        size_t size = call_size(queue, effect);

        if (commit->effect_count > 0 && *bytes + size > COMMIT_BYTES_MAX)
            return;
        *bytes += size;
        take_effect(commit, effect);
    }
}

void effects_take(struct queue *queue, struct commit *commit)
{
    size_t bytes = 0;

    /* First, so that it finds room however many others there are: nobody holds its job's lock. */
    if (queue->take && !queue->needs_reclaim) {
        take_effect(commit, queue->take);
        queue->take_is_sent = true;
    }
    take_from(queue, &queue->urgent, commit, &bytes);
    if (ct_list_is_empty(&queue->urgent))
        take_from(queue, &queue->pending, commit, &bytes);
}

void effects_restore(struct queue *queue, struct commit *commit, bool may_have_run)
{
    struct ct_list urgent, pending;

    ct_list_init(&urgent);
    ct_list_init(&pending);
    while (!ct_list_is_empty(&commit->effects)) {
        struct effect *effect = CT_CONTAINER(commit->effects.next, struct effect, link);
        struct lease *lease = effect->owner;

        ct_list_remove(&effect->link);
        effect->is_resent |= may_have_run;
        job_free(effect->leased); /* of a reply that could be read only in part */
        effect->leased = NULL;
        if (lease)
            lease->is_sent = false;
        if (effect->kind == EFFECT_RENEW)
            ct_list_push_back(&urgent, &effect->link);
        else if (effect == queue->take)
            queue->take_is_sent = false;
        else
            ct_list_push_back(&pending, &effect->link);
    }
    commit->effect_count = 0;
    ct_list_append(&urgent, &queue->urgent);
    ct_list_append(&queue->urgent, &urgent);
    ct_list_append(&pending, &queue->pending);
    ct_list_append(&queue->pending, &pending);
}

/* --- answers -------------------------------------------------------------------------------- */

static void settle_one(struct queue *queue, struct effect *effect)
{
    struct lease *lease = effect->owner;
    const enum ct_code code = effect->code;

    switch (effect->kind) {
    case EFFECT_COMPLETE:
    case EFFECT_FAIL:
    case EFFECT_RETRY:
    case EFFECT_DELAY:
    case EFFECT_POSTPONE:
    case EFFECT_AWAIT:
    case EFFECT_RELEASE:
    case EFFECT_STALL:
        effect_discount(queue, effect);
        if (code == CT_E_CHILDREN)
            lease_refused(lease, effect);
        else
            lease_settled(lease, effect);
        effect_free(effect, queue->dialect->free_plan);
        break;
    case EFFECT_RENEW:
        effect_end(queue, effect);
        lease_renewed(lease, code);
        break;
    case EFFECT_PROGRESS:
    case EFFECT_LOG:
    case EFFECT_UPDATE:
        effect_end(queue, effect);
        lease_noted(lease, code);
        break;
    case EFFECT_SCHEDULE:
        effect_end(queue, effect);
        lease_scheduled(lease, code);
        break;
    case EFFECT_ADOPT:
        effect_discount(queue, effect);
        resume_adopted(queue, effect);
        break;
    case EFFECT_TAKE:
        effect_discount(queue, effect);
        wait_taken(queue, effect);
        break;
    case EFFECT_UNTAKE:
        if (code != CT_E_OK)
            warn_job(queue, WARN_NOT_BACK, effect->value, ct_error_text(code));
        effect_end(queue, effect);
        break;
    }
}

/* Returns how many were refused. A renewal is not put aside: its lease tries another one. */
static uint32_t set_aside_refused(struct queue *queue, struct commit *commit)
{
    const int64_t retry_ms = queue->settings.retry_process_delay_ms;
    const int64_t retry_at_ms = ct_monotonic_ms(queue->clock) + retry_ms;
    uint32_t count = 0;
    bool is_obstructed;

    if (queue->later_count == 0)
        queue->later_at_ms = retry_at_ms;
    CT_LIST_FOREACH_SAFE (node, following, &commit->effects) {
        struct effect *effect = CT_CONTAINER(node, struct effect, link);

        if (!is_to_try_again(commit, effect))
            continue;
        count++;
        is_obstructed = effect->code == CT_E_REDIS_TYPE;
        ct_error_set(&queue->why, effect->code, "%s",
                     is_obstructed ? commit->obstacle.detail : ct_error_text(effect->code));
        if (trouble_note(&queue->alone, effect->code))
            ct_log_warn("Redis refused a change, trying again", CT_STR("queue", queue->name),
                        CT_ERR(&queue->why), CT_INT("retry_ms", retry_ms));
        if (effect->kind != EFFECT_RENEW)
            mark_obstructed(queue, effect, is_obstructed);
        if (effect == queue->take) {
            ct_list_remove(&effect->link);
            queue->take_is_sent = false;
            queue->retry_at_ms = retry_at_ms;
        } else if (effect->kind != EFFECT_RENEW) {
            if (effect->owner)
                ((struct lease *)effect->owner)->is_sent = false;
            enter_later(queue, effect);
        }
    }
    if (count > 0)
        follow_later(queue);
    return count;
}

void effects_settle(struct queue *queue, struct commit *commit)
{
    if (set_aside_refused(queue, commit) == 0 && queue->later_count == 0 &&
        queue->alone.code != CT_E_OK) {
        ct_log_info("Redis took the refused changes", CT_STR("queue", queue->name),
                    CT_INT("refusals", queue->alone.count));
        queue->alone = (struct trouble){CT_E_OK, 0};
    }
    while (!ct_list_is_empty(&commit->effects)) {
        struct effect *effect = CT_CONTAINER(commit->effects.next, struct effect, link);

        ct_list_remove(&effect->link);
        settle_one(queue, effect);
    }
    commit->effect_count = 0;
}

/* --- dropping ------------------------------------------------------------------------------- */

void effects_drop(struct queue *queue, struct effect *effect)
{
    struct lease *lease = effect->owner;

    /* While a lease has any aside, all of its effects but a renewal are there. */
    if (lease && lease->later_count > 0 && effect->kind != EFFECT_RENEW)
        leave_later(queue, effect);
    else
        ct_list_remove(&effect->link);
    effect_end(queue, effect);
}

static void drop_from(struct queue *queue, struct ct_list *from, const struct lease *lease)
{
    CT_LIST_FOREACH_SAFE (node, following, from) {
        struct effect *effect = CT_CONTAINER(node, struct effect, link);

        if (lease->effect_count == 0)
            return;
        if (effect->owner != lease)
            continue;
        if (from == &queue->later)
            leave_later(queue, effect);
        else
            ct_list_remove(&effect->link);
        effect_end(queue, effect);
    }
}

void effects_drop_of(struct queue *queue, struct lease *lease)
{
    if (lease->effect_count > 0)
        drop_from(queue, &queue->urgent, lease);
    if (lease->effect_count > 0)
        drop_from(queue, &queue->later, lease);
    if (lease->effect_count > 0)
        drop_from(queue, &queue->pending, lease);
}
