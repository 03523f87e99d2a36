/* Leases: a job under a lock token, given to a consumer until an outcome, a return or a loss ends
 * it. Owns the job and the order of endings: exactly one outcome a lease, one answer for it, told
 * from a turn or a reply, never from inside the consumer's call. */
#include "queue/queue_internal.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"

#define TO(state) (1u << LEASE_##state)
static const unsigned lease_moves[] = {
#define LEASE_MOVES(name, moves) [LEASE_##name] = moves,
    LEASE_STATES(LEASE_MOVES)
#undef LEASE_MOVES
};
#undef TO

void lease_become(struct lease *lease, enum lease_state next)
{
    ct_assert(lease_moves[lease->state] & (1u << next));
    lease->state = next;
}

struct ct_str lease_id(const struct lease *lease)
{
    return lease->job ? lease->job->id : lease->outcome->value;
}

/* --- begin ----------------------------------------------------------------------------------- */

bool lease_is_open(const struct lease *lease)
{
    return lease->state == LEASE_ADOPTING || lease->state == LEASE_SCHEDULING ||
           lease->state == LEASE_HELD || lease->is_again;
}

void lease_give(struct lease *lease, struct consumer *consumer)
{
    const int held = lease_is_open(lease) ? 1 : 0;

    if (lease->consumer) {
        lease->consumer->lease_count--;
        consumer_hold(lease->consumer, -held);
    }
    ct_list_remove(&lease->link);
    lease->consumer = consumer;
    if (consumer) {
        ct_list_push_back(&consumer->leases, &lease->link);
        consumer->lease_count++;
        consumer_hold(consumer, held);
    } else {
        ct_list_push_back(&lease->queue->orphans, &lease->link);
    }
}

static struct lease *lease_alloc(struct queue *queue, struct ct_str token, enum lease_state state)
{
    struct lease *lease = ct_zalloc(sizeof *lease);

    lease->queue = queue;
    lease->token = token;
    lease->state = state;
    ct_list_init(&lease->link);
    ct_list_init(&lease->renew_link);
    ct_list_init(&lease->answer_link);
    leases_add(queue, lease);
    return lease;
}

struct lease *lease_new(struct queue *queue, struct consumer *consumer, struct job *job)
{
    struct lease *lease = lease_alloc(queue, job->token, LEASE_SCHEDULING);

    lease->job = job;
    lease_give(lease, consumer);
    sched_add_renewal(lease, false);
    if (!ct_list_is_empty(&queue->cancels))
        cancel_meet(lease);
    return lease;
}

struct lease *lease_new_adopting(struct queue *queue, struct consumer *consumer, struct ct_str id,
                                 struct ct_str token)
{
    struct effect *effect = effect_new(EFFECT_ADOPT, id, token);
    struct lease *lease = lease_alloc(queue, effect->extra, LEASE_ADOPTING);

    effect->owner = lease;
    lease->outcome = effect;
    lease_give(lease, consumer);
    effects_queue(queue, effect);
    return lease;
}

void lease_adopted(struct lease *lease, struct job *job)
{
    lease->job = job;
    lease->token = job->token; /* equal, but not in the effect, which goes */
    sched_add_renewal(lease, false);
    lease_become(lease, LEASE_HELD);
    if (!lease->consumer)
        lease_return(lease, lease->end == CONSUMER_DIED ? EFFECT_STALL : EFFECT_RELEASE);
}

/* A later attempt waited for its backoff, and a delayed job for its time. */
static void count_begin(const struct lease *lease)
{
    const struct job *job = lease->job;
    struct tally *tally = lease->queue->tally;

    tally->fetched++;
    if (job->attempts_made == 0 && job->stalled_counter == 0 && job->timestamp_ms > 0)
        tally_time(&tally->wait, &tally_time_bounds, job->timestamp_ms + job->delay_ms,
                   ct_wall_ms(lease->queue->clock));
}

static void lease_offer(struct lease *lease)
{
    struct consumer *consumer = lease->consumer;

    if (lease->cancelled) {
        lease_give(lease, NULL); /* it never hears of it */
        lease_fail(lease, NULL);
        return;
    }
    lease_become(lease, LEASE_HELD);
    count_begin(lease);
    consumer->events->on_job(consumer->ctx, lease);
}

static void lease_queue_outcome(struct lease *lease, struct effect *effect)
{
    effect->job = lease->job;
    effect->owner = lease;
    lease->outcome = effect;
    lease->is_sent = false;
    effects_queue(lease->queue, effect);
}

void lease_end(struct lease *lease, struct effect *effect)
{
    if (lease->consumer)
        consumer_hold(lease->consumer, -1);
    lease_become(lease, LEASE_ENDING);
    lease_queue_outcome(lease, effect);
}

void lease_give_back(struct lease *lease, enum effect_kind kind, int64_t due_ms)
{
    struct effect *effect;

    if (lease->cancelled) {
        lease_fail(lease, NULL);
        return;
    }
    effect = effect_new(kind, CT_STR_NONE, CT_STR_NONE);
    effect->attempts_made = lease->job->attempts_made;
    effect->due_ms = due_ms;
    lease_end(lease, effect);
}

void lease_return(struct lease *lease, enum effect_kind kind)
{
    lease->is_returned = true;
    lease_give_back(lease, kind, 0);
}

static struct effect *lease_judge(struct lease *lease, const struct failure *failure)
{
    struct queue *queue = lease->queue;
    struct failure cancelled;

    if (lease->cancelled) {
        cancelled = cancel_failure(lease, failure);
        failure = &cancelled;
    }
    return queue->dialect->judge(queue->dialect_queue, lease->job, failure,
                                 ct_wall_ms(queue->clock), queue->random);
}

void lease_fail(struct lease *lease, const struct failure *failure)
{
    lease_end(lease, lease_judge(lease, failure));
}

void lease_begin(struct lease *lease)
{
    struct queue *queue = lease->queue;
    const struct job *job = lease->job;
    struct effect *effect = NULL;
    struct ct_error err = {CT_E_OK, ""};

    if (job->broken) {
        const struct failure failure = {.reason = ct_str_of(job->broken), .is_unrecoverable = true};

        warn_job(queue, WARN_BROKEN, job->id, job->broken);
        lease_fail(lease, &failure);
        return;
    }
    if (job->is_repeat &&
        queue->dialect->schedule(queue->dialect_queue, job, ct_wall_ms(queue->clock), &effect,
                                 &err) != CT_E_OK) {
        warn_job(queue, WARN_UNSCHEDULED, job->id, err.detail);
        effect = NULL;
    }
    if (!effect) {
        lease_offer(lease);
        return;
    }
    effect->job = job;
    effect->owner = lease;
    effects_queue(queue, effect);
}

void lease_scheduled(struct lease *lease, enum ct_code code)
{
    struct consumer *consumer = lease->consumer;

    if (code != CT_E_OK)
        warn_job(lease->queue, WARN_UNSCHEDULED, lease->job->id, ct_error_text(code));
    if (lease->state != LEASE_SCHEDULING)
        return;
    /* Its consumer may want fewer by now. */
    if (consumer->held > consumer->window || lease->queue->is_draining) {
        consumer = consumer_next(lease->queue);
        lease_give(lease, consumer);
    }
    if (consumer)
        lease_offer(lease);
    else
        lease_return(lease, EFFECT_RELEASE);
}

/* --- renewal and loss ------------------------------------------------------------------------ */

void lease_renew(struct lease *lease)
{
    struct effect *effect = effect_new(EFFECT_RENEW, CT_STR_NONE, CT_STR_NONE);

    ct_list_remove(&lease->renew_link);
    effect->job = lease->job;
    effect->owner = lease;
    lease->renew = effect;
    effects_queue_urgent(lease->queue, effect);
}

/* No more renewals; a consumer that still works on it is told to stop. Its outcome is sent all the
 * same: Redis has the last word. */
static void lease_lose(struct lease *lease, enum ct_code code)
{
    struct ct_error why;

    if (lease->is_lost)
        return;
    lease->is_lost = true;
    ct_list_remove(&lease->renew_link);
    if (lease->state != LEASE_HELD || !lease->consumer)
        return;
    ct_error_set(&why, code, "job %s: %s; its result will be refused", lease->job->id.data,
                 ct_error_text(code));
    warn_job(lease->queue, WARN_LOST, lease->job->id, ct_error_text(code));
    lease->consumer->events->on_cancel(lease->consumer->ctx, lease, &why);
}

static bool is_loss(enum ct_code code)
{
    return code == CT_E_LOCK_LOST || code == CT_E_JOB_MISSING || code == CT_E_NOT_ACTIVE;
}

void lease_renewed(struct lease *lease, enum ct_code code)
{
    if (lease->state == LEASE_ENDED) {
        lease_try_answer(lease);
        return;
    }
    if (is_loss(code))
        lease_lose(lease, code);
    else
        sched_add_renewal(lease, code != CT_E_OK);
}

void lease_noted(struct lease *lease, enum ct_code code)
{
    if (lease->state == LEASE_ENDED)
        lease_try_answer(lease);
    else if (code == CT_E_LOCK_LOST)
        lease_lose(lease, code);
    else if (code != CT_E_OK)
        warn_job(lease->queue, WARN_NOTE, lease->job->id, ct_error_text(code));
}

/* --- end ------------------------------------------------------------------------------------- */

static enum queue_state state_after(const struct effect *effect)
{
    if (effect->is_failed)
        return QUEUE_FAILED;
    switch (effect->kind) {
    case EFFECT_COMPLETE:
        return QUEUE_COMPLETED;
    case EFFECT_FAIL:
        return QUEUE_FAILED;
    case EFFECT_DELAY:
    case EFFECT_POSTPONE:
        return QUEUE_DELAYED;
    case EFFECT_AWAIT:
        return effect->is_ready ? QUEUE_WAITING : QUEUE_WAITING_CHILDREN;
    default:
        return QUEUE_WAITING;
    }
}

static enum tally_outcome outcome_of(const struct effect *effect)
{
    if (effect->code != CT_E_OK)
        return TALLY_LOST;
    if (effect->kind == EFFECT_COMPLETE)
        return TALLY_COMPLETED;
    if (effect->kind == EFFECT_FAIL || effect->is_failed)
        return TALLY_FAILED;
    if (effect->kind == EFFECT_RETRY || effect->kind == EFFECT_DELAY)
        return TALLY_RETRIED;
    return effect->kind == EFFECT_STALL ? TALLY_STALLED : TALLY_RELEASED;
}

static void count_end(const struct lease *lease, const struct effect *effect)
{
    struct tally *tally = lease->queue->tally;
    const enum tally_outcome outcome = outcome_of(effect);

    tally_end(tally, lease->job->name, outcome);
    if (outcome <= TALLY_RETRIED && lease->job->processed_on_ms > 0)
        tally_time(&tally->run, &tally_time_bounds, lease->job->processed_on_ms,
                   ct_wall_ms(lease->queue->clock));
}

void lease_refused(struct lease *lease, struct effect *effect)
{
    struct failure failure = {.is_unrecoverable = effect->is_final};

    free(lease->refusal);
    lease->refusal = effect->refusal;
    effect->refusal = NULL;
    failure.reason = ct_str_of(lease->refusal ? lease->refusal : ct_error_text(CT_E_CHILDREN));
    lease_queue_outcome(lease, lease_judge(lease, &failure));
}

void lease_settled(struct lease *lease, const struct effect *effect)
{
    count_end(lease, effect);
    if (effect->code != CT_E_OK)
        warn_job(lease->queue, WARN_RESULT, lease->job->id, ct_error_text(effect->code));
    lease_become(lease, LEASE_ENDED);
    ct_list_remove(&lease->renew_link);
    lease->code = effect->code;
    lease->result = effect->code == CT_E_OK ? state_after(effect) : QUEUE_LOST;
    effects_drop_of(lease->queue, lease); /* refused notes, a renewal: too late for them */
    if (lease->is_again && lease->consumer)
        return; /* its consumer will ask */
    lease_answer(lease);
}

/* Out of every list; only the memory is left. */
static void lease_unlink(struct lease *lease)
{
    struct queue *queue = lease->queue;

    ct_assert(lease->effect_count == 0);
    leases_remove(queue, lease);
    ct_list_remove(&lease->link);
    ct_list_remove(&lease->renew_link);
    ct_list_remove(&lease->answer_link);
    if (!lease->consumer)
        return;
    lease->consumer->lease_count--;
    if (lease_is_open(lease))
        consumer_hold(lease->consumer, -1);
}

static void lease_forget(struct lease *lease)
{
    job_free(lease->job);
    free(lease->cancelled);
    free(lease->refusal);
    free(lease);
}

void lease_free(struct lease *lease)
{
    lease_unlink(lease);
    lease_forget(lease);
}

void lease_answer(struct lease *lease)
{
    struct consumer *consumer = lease->consumer;

    lease_unlink(lease);
    if (consumer)
        consumer->events->on_answer(consumer->ctx, lease, lease->code, lease->result,
                                    lease->code == CT_E_OK ? lease->refusal
                                                           : ct_error_text(lease->code));
    lease_forget(lease);
}

void lease_try_answer(struct lease *lease)
{
    if (lease->state != LEASE_ENDED || lease->is_again || lease->effect_count > 0)
        return;
    ct_list_remove(&lease->answer_link);
    ct_list_push_back(&lease->queue->answers, &lease->answer_link);
    queue_poke(lease->queue);
}

void lease_answer_all(struct queue *queue)
{
    while (!ct_list_is_empty(&queue->answers))
        lease_answer(CT_CONTAINER(queue->answers.next, struct lease, answer_link));
}
