/* The blocking wait: while a queue has nothing to fetch, one call at a time sleeps in Redis for the
 * next job. It reserves one credit, for the job that it may bring: a job that is active but leased
 * to nobody, which the next commit takes (or puts back). Owns that job's TAKE effect. Where waits
 * only tell of work (BullMQ), no credit is kept, and a fetch follows. A wait whose credit has gone
 * is cut short. */
#include "queue/queue_internal.h"

#include "common/assert.h"
#include "common/log.h"

/* A wait that finds nothing sooner than this did not wait; it must not be repeated at once. */
enum { WAIT_SHORTEST_MS = 2 };

static bool wait_may_be_out(const struct queue *queue)
{
    return queue->is_up && !queue->is_draining && queue->rest_until_ms == 0 && queue->credits > 0;
}

static bool wait_is_wanted(const struct queue *queue)
{
    return wait_may_be_out(queue) && queue->is_drained && !queue->take && !queue->needs_reclaim &&
           !effects_hold_up_fetch(queue) && queue->refused.code == CT_E_OK;
}

uint32_t wait_reserved(const struct queue *queue)
{
    const bool may_bring_one = queue->wait_is_out && !queue->dialect->promotes_always;

    return may_bring_one || queue->take ? 1 : 0;
}

/* A job, or word of one (no id) that the next fetch gets; somebody else should when there is none.
 */
static void wait_brought(struct queue *queue, struct ct_str id)
{
    const bool can_take = !queue->is_draining && queue->rest_until_ms == 0 && queue->credits > 0;
    struct effect *effect;

    queue->is_drained = false;
    if (can_take && !id.data)
        return;
    effect = effect_new(can_take ? EFFECT_TAKE : EFFECT_UNTAKE, id, CT_STR_NONE);
    if (!can_take) {
        effects_queue(queue, effect);
        return;
    }
    ct_assert(!queue->take);
    effects_count(queue, effect);
    queue->take = effect;
}

static void wait_found_nothing(struct queue *queue, int64_t now_ms)
{
    if (now_ms - queue->wait_since_ms < WAIT_SHORTEST_MS)
        queue->wait_retry_at_ms = now_ms + QUEUE_LINK_RETRY_MS;
    if (queue->dialect->promotes_always)
        queue->is_drained = false; /* what tells of work may have been lost: look */
}

/* The blocking link has its own ups and downs. While it stays down, fetching goes on in steps. */
static void wait_failed(struct queue *queue, const struct ct_error *err)
{
    const uint32_t shift = queue->wait_failures < 16 ? queue->wait_failures : 16;
    int64_t pause_ms = queue->settings.retry_process_delay_ms;

    if (exchange_is_link_error(err->code)) {
        pause_ms = (int64_t)QUEUE_LINK_RETRY_MS << shift;
        if (pause_ms > QUEUE_LINK_RETRY_MAX_MS)
            pause_ms = QUEUE_LINK_RETRY_MAX_MS;
    } else {
        queue->wait_failures = QUEUE_WAIT_FAILURES_MAX;
    }
    queue->wait_failures++;
    queue->wait_retry_at_ms = ct_monotonic_ms(queue->clock) + pause_ms;
    if (queue->dialect->promotes_always)
        queue->is_drained = false; /* word of work may have been lost with the answer: look */
    if (trouble_note(&queue->wait_trouble, err->code) && queue->is_up)
        ct_log_warn("waiting for jobs failed", CT_STR("queue", queue->name), CT_ERR(err),
                    CT_INT("retry_ms", pause_ms));
}

static void wait_done(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct queue *queue = arg;
    const int64_t now_ms = ct_monotonic_ms(queue->clock);
    const bool was_cut = queue->wait_is_cut;
    struct ct_error own = {CT_E_OK, ""};
    struct ct_str id = CT_STR_NONE;
    int64_t due_ms = COMMIT_NEVER;
    bool has_work = false;

    queue_enter(queue);
    queue->wait_is_out = false;
    queue->wait_is_cut = false;
    if (!(err && err->code != CT_E_OK)) {
        err = &own;
        own.code =
            queue->dialect->parse_wait(queue->dialect_queue, reply, &id, &has_work, &due_ms, &own);
    }
    if (err->code != CT_E_OK && was_cut) {
        queue->wait_failures = 0; /* it ended, which was all we wanted */
    } else if (err->code != CT_E_OK) {
        wait_failed(queue, err);
    } else {
        queue->wait_failures = 0;
        queue->wait_trouble = (struct trouble){CT_E_OK, 0};
        if (due_ms < queue->next_due_ms)
            sched_due(queue, due_ms);
        if (id.data || has_work)
            wait_brought(queue, id);
        else if (due_ms == COMMIT_NEVER && !was_cut)
            wait_found_nothing(queue, now_ms);
    }
    queue_leave(queue);
}

static void wait_send(struct queue *queue, int64_t now_ms)
{
    struct redis_command command;

    queue->wait_is_out = true;
    queue->wait_since_ms = now_ms;
    queue->wait_retry_at_ms = 0;
    queue->tally->waits++;
    redis_command_init(&command, NULL);
    queue->dialect->build_wait(queue->dialect_queue, &command);
    queue->port->wait(queue->port->ctx, &command, wait_done, queue);
    redis_command_fini(&command);
}

void wait_step(struct queue *queue, int64_t now_ms)
{
    if (queue->wait_is_out) {
        if (!wait_may_be_out(queue) && !queue->wait_is_cut) {
            queue->wait_is_cut = true;
            queue->port->unwait(queue->port->ctx);
        }
        return;
    }
    if (!wait_is_wanted(queue) || now_ms < queue->wait_retry_at_ms)
        return;
    if (queue->wait_failures > QUEUE_WAIT_FAILURES_MAX) {
        /* Fetch now; what is found drained again then leads to the next try to wait. */
        queue->wait_failures = QUEUE_WAIT_FAILURES_MAX;
        queue->is_drained = false;
        queue_poke(queue);
        return;
    }
    wait_send(queue, now_ms);
}

int64_t wait_next_ms(const struct queue *queue)
{
    if (queue->wait_is_out || !wait_is_wanted(queue))
        return QUEUE_NEVER;
    return queue->wait_retry_at_ms;
}

void wait_taken(struct queue *queue, struct effect *effect)
{
    ct_assert(effect == queue->take);
    queue->take = NULL;
    queue->take_is_sent = false;
    if (effect->code == CT_E_JOB_MISSING)
        warn_job(queue, WARN_MISSING, effect->value, ct_error_text(effect->code));
    else if (effect->code != CT_E_OK)
        ct_log_debug("job from the wait is gone", CT_STR("queue", queue->name),
                     CT_BYTES("job", effect->value), CT_STR("why", ct_error_text(effect->code)));
    if (effect->leased) { /* else: parked by a limiter, or gone */
        ct_list_push_front(&queue->commit.jobs, &effect->leased->link);
        effect->leased = NULL;
    }
    effect_free(effect, queue->dialect->free_plan);
}

void wait_forget_take(struct queue *queue, struct ct_str id)
{
    if (queue->take && !queue->take_is_sent && ct_str_equal(queue->take->value, id)) {
        struct effect *effect = queue->take;

        queue->take = NULL;
        ct_list_init(&effect->link);
        effects_drop(queue, effect);
    }
}
