/* What happens at a time: promotion of delayed jobs, the sweep for stalled ones, renewal of locks,
 * the end of a rest, and retries. Due times of jobs are wall clock, as clients wrote them; waiting
 * is by the monotonic clock and never longer than guardInterval, so that a jump of the wall clock
 * costs no more than that. Called by the turn. */
#include "queue/queue_internal.h"

#include "common/log.h"

static int64_t guard_ms(const struct queue *queue)
{
    return queue->settings.guard_interval_ms > 0 ? queue->settings.guard_interval_ms : 1;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* --- promotion ------------------------------------------------------------------------------- */

bool sched_promotion_is_due(const struct queue *queue, int64_t now_ms)
{
    return !queue->is_draining && now_ms >= queue->promote_at_ms;
}

/* Monotonic time of a wall clock time, at most guardInterval from now. */
static int64_t promotion_time(const struct queue *queue, int64_t due_ms)
{
    const int64_t wall_ms = ct_wall_ms(queue->clock);
    const int64_t delay_ms = due_ms > wall_ms ? due_ms - wall_ms : 0;

    return ct_monotonic_ms(queue->clock) + earlier(delay_ms, guard_ms(queue));
}

void sched_due(struct queue *queue, int64_t due_ms)
{
    queue->next_due_ms = due_ms;
    queue->promote_at_ms = earlier(queue->promote_at_ms, promotion_time(queue, due_ms));
}

void sched_promoted(struct queue *queue, const struct commit *commit)
{
    const int64_t now_ms = ct_monotonic_ms(queue->clock);

    queue->next_due_ms = commit->next_due_ms;
    queue->promote_at_ms = promotion_time(queue, commit->next_due_ms);
    if (commit->has_more_due)
        queue->promote_at_ms = now_ms;
    else if (queue->promote_at_ms <= now_ms)
        queue->promote_at_ms = now_ms + 1; /* due in this very millisecond: not in a tight loop */
}

/* --- rest ------------------------------------------------------------------------------------ */

void sched_rest(struct queue *queue, int64_t rest_ms)
{
    const int64_t bounded_ms = earlier(rest_ms, QUEUE_REST_MAX_MS);
    const int64_t until_ms = ct_monotonic_ms(queue->clock) + bounded_ms;

    if (bounded_ms > 0 && until_ms > queue->rest_until_ms)
        queue->rest_until_ms = until_ms;
}

/* --- sweep ----------------------------------------------------------------------------------- */

static void sweep_done(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct queue *queue = arg;
    struct ct_error own = {CT_E_OK, ""};
    struct sweep sweep = {.failed_count = 0};

    queue_enter(queue);
    queue->sweep_is_out = false;
    if (!(err && err->code != CT_E_OK)) {
        err = &own;
        own.code = queue->dialect->parse_sweep(queue->dialect_queue, reply, &sweep, &own);
    }
    if (err->code == CT_E_OK) {
        queue->sweep_trouble = (struct trouble){CT_E_OK, 0};
        queue->tally->ended[TALLY_FAILED] += (uint64_t)sweep.failed_count;
        queue->tally->ended[TALLY_STALLED] += (uint64_t)sweep.recovered_count;
        warn_dead_letters(queue, &sweep.dead_letters);
        if (sweep.failed_count > 0 || sweep.recovered_count > 0)
            ct_log_warn("stalled jobs found", CT_STR("queue", queue->name),
                        CT_INT("recovered", sweep.recovered_count),
                        CT_INT("failed", sweep.failed_count));
    } else if (trouble_note(&queue->sweep_trouble, err->code)) {
        ct_log_warn("check for stalled jobs failed", CT_STR("queue", queue->name), CT_ERR(err));
    }
    queue_leave(queue);
}

/* After an outage our own jobs look stalled until they are renewed and reclaimed. */
static bool sweep_must_wait(const struct queue *queue, int64_t now_ms)
{
    if (!ct_list_is_empty(&queue->urgent) || (queue->take && !queue->take_is_sent))
        return true;
    return queue->needs_reclaim && now_ms >= queue->reclaim_at_ms;
}

void sched_sweep(struct queue *queue, int64_t now_ms)
{
    struct redis_command command;

    if (!queue->is_up || queue->is_draining || queue->sweep_is_out || now_ms < queue->sweep_at_ms ||
        sweep_must_wait(queue, now_ms))
        return;
    queue->sweep_is_out = true;
    queue->sweep_at_ms = now_ms + queue->settings.stalled_interval_ms;
    redis_command_init(&command, NULL);
    queue->dialect->build_sweep(queue->dialect_queue, ct_wall_ms(queue->clock), &command);
    queue->port->call(queue->port->ctx, &command, sweep_done, queue);
    redis_command_fini(&command);
}

/* --- renewal --------------------------------------------------------------------------------- */

static struct lease *first_renewal(const struct queue *queue)
{
    if (ct_list_is_empty(&queue->renewals))
        return NULL;
    return CT_CONTAINER(queue->renewals.next, struct lease, renew_link);
}

void sched_add_renewal(struct lease *lease, bool was_refused)
{
    struct queue *queue = lease->queue;
    const struct queue_settings *settings = &queue->settings;
    int64_t delay_ms = settings->lock_renew_ms;
    struct ct_list *place = queue->renewals.prev;

    if (lease->is_lost)
        return;
    if (was_refused)
        delay_ms = earlier(delay_ms, settings->retry_process_delay_ms);
    lease->renew_at_ms = ct_monotonic_ms(queue->clock) + delay_ms;
    /* Nearly always the last one; not so after a refusal or new settings. */
    while (place != &queue->renewals &&
           CT_CONTAINER(place, struct lease, renew_link)->renew_at_ms > lease->renew_at_ms)
        place = place->prev;
    ct_list_insert_after(place, &lease->renew_link);
}

static void renewal_step(struct queue *queue, int64_t now_ms)
{
    const int64_t slack_ms = queue->settings.lock_renew_ms / QUEUE_RENEW_SLACK_DIVISOR;
    struct lease *lease = first_renewal(queue);

    if (!queue->is_up || !lease || now_ms < lease->renew_at_ms)
        return;
    for (; lease && lease->renew_at_ms <= now_ms + slack_ms; lease = first_renewal(queue))
        lease_renew(lease);
}

/* --- all together ---------------------------------------------------------------------------- */

void sched_link_up(struct queue *queue)
{
    const int64_t now_ms = ct_monotonic_ms(queue->clock);
    struct lease *lease;

    queue->promote_at_ms = now_ms;
    /* At once at the start, as Bull does. After an outage other daemons, too, have to renew first.
     */
    queue->sweep_at_ms = queue->was_up ? now_ms + guard_ms(queue) : now_ms;
    if (queue->settings.stalled_interval_ms <= 0)
        queue->sweep_at_ms = QUEUE_NEVER;
    queue->was_up = true;
    /* Locks ran on during the outage: hold on to them before anything else. */
    while ((lease = first_renewal(queue)) != NULL)
        lease_renew(lease);
}

void sched_configured(struct queue *queue)
{
    const int64_t now_ms = ct_monotonic_ms(queue->clock);
    const int64_t renew_at_ms = now_ms + queue->settings.lock_renew_ms;

    queue->promote_at_ms = earlier(queue->promote_at_ms, now_ms + guard_ms(queue));
    if (queue->settings.stalled_interval_ms > 0)
        queue->sweep_at_ms =
            earlier(queue->sweep_at_ms, now_ms + queue->settings.stalled_interval_ms);
    else
        queue->sweep_at_ms = QUEUE_NEVER;
    CT_LIST_FOREACH (node, &queue->renewals) {
        struct lease *lease = CT_CONTAINER(node, struct lease, renew_link);

        lease->renew_at_ms = earlier(lease->renew_at_ms, renew_at_ms);
    }
}

void sched_step(struct queue *queue, int64_t now_ms)
{
    if (queue->rest_until_ms != 0 && now_ms >= queue->rest_until_ms)
        queue->rest_until_ms = 0;
    effects_retry(queue, now_ms);
    renewal_step(queue, now_ms);
}

/* The earlier one of `at_ms` and `other_ms`, which counts only when it is still to come: what is
 * due and did not happen waits for a reply, and that brings a turn of its own. */
static int64_t still_to_come(int64_t at_ms, int64_t other_ms, int64_t now_ms)
{
    return other_ms > now_ms ? earlier(at_ms, other_ms) : at_ms;
}

void sched_arm(struct queue *queue, int64_t now_ms)
{
    const struct lease *lease = first_renewal(queue);
    int64_t at_ms = adds_next_ms(queue);

    if (queue->is_up) {
        at_ms = still_to_come(at_ms, queue->retry_at_ms, now_ms);
        at_ms = still_to_come(at_ms, queue->rest_until_ms, now_ms);
        at_ms = still_to_come(at_ms, wait_next_ms(queue), now_ms);
        if (!queue->is_draining) {
            at_ms = still_to_come(at_ms, queue->promote_at_ms, now_ms);
            at_ms = still_to_come(at_ms, queue->sweep_at_ms, now_ms);
        }
        if (queue->needs_reclaim)
            at_ms = still_to_come(at_ms, queue->reclaim_at_ms, now_ms);
        if (queue->later_count > 0)
            at_ms = still_to_come(at_ms, queue->later_at_ms, now_ms);
        if (lease)
            at_ms = still_to_come(at_ms, lease->renew_at_ms, now_ms);
    }
    /* A timer that is too early only costs a turn: it is not moved for every job. */
    if (at_ms >= queue->armed_ms)
        return;
    queue->armed_ms = at_ms;
    queue->port->arm(queue->port->ctx, at_ms);
}
