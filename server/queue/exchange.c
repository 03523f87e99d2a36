/* The one call in flight. While Redis works on a commit, everything that happens is collected; the
 * reply sends the next. So a batch is as large as the load makes it and one job when idle, without
 * a timer.
 *
 *   reply     effects are settled, jobs handed out, the next promotion is timed
 *   refused   (memory, replica, rights, loading ...) effects go back and wait retryProcessDelay;
 *             then they go alone, so that a fetch that cannot work does not hold up results
 *   lost      effects go back, marked as resent; what the call may have fetched is reclaimed
 *
 * Called by the turn. */
#include "queue/queue_internal.h"

#include "common/log.h"

bool exchange_is_link_error(enum ct_code code)
{
    return code == CT_E_REDIS_DOWN || code == CT_E_CLOSED || code == CT_E_TIMEOUT;
}

/* Whether a call that ended so may have changed something. A script is refused for these before
 * its first write. */
static bool may_have_run(enum ct_code code)
{
    switch (code) {
    case CT_E_REDIS_AUTH:
    case CT_E_REDIS_LOADING:
    case CT_E_REDIS_READONLY:
    case CT_E_REDIS_OOM:
    case CT_E_REDIS_SCRIPT:
        return false;
    default:
        return true;
    }
}

bool exchange_failed(struct queue *queue, const struct ct_error *err)
{
    const bool is_new = trouble_note(&queue->refused, err->code);
    int64_t pause_ms = queue->settings.retry_process_delay_ms;

    queue->why = *err;
    if (exchange_is_link_error(err->code)) {
        const uint64_t shift = queue->refused.count < 16 ? queue->refused.count - 1 : 15;

        pause_ms = (int64_t)QUEUE_LINK_RETRY_MS << shift;
        if (pause_ms > QUEUE_LINK_RETRY_MAX_MS)
            pause_ms = QUEUE_LINK_RETRY_MAX_MS;
    } else {
        queue->is_careful = true;
    }
    if (is_new)
        ct_log_warn("commit failed, trying again", CT_STR("queue", queue->name), CT_ERR(err),
                    CT_INT("retry_ms", pause_ms));
    queue->retry_at_ms = ct_monotonic_ms(queue->clock) + pause_ms;
    queue->is_drained = false; /* the next fetch shows whether all is well again */
    return may_have_run(err->code);
}

void exchange_worked(struct queue *queue)
{
    if (queue->refused.code == CT_E_OK)
        return;
    ct_log_info("commits work again", CT_STR("queue", queue->name),
                CT_INT("failures", queue->refused.count));
    queue->refused = (struct trouble){CT_E_OK, 0};
}

static void commit_failed(struct queue *queue, const struct ct_error *err)
{
    struct commit *commit = &queue->commit;
    const bool may_be_done = exchange_failed(queue, err);

    if (may_be_done && (commit->fetch_max > 0 || queue->take_is_sent)) {
        queue->needs_reclaim = true;
        queue->reclaim_until_ms = ct_monotonic_ms(queue->clock) + queue->settings.lock_duration_ms;
    }
    effects_restore(queue, commit, may_be_done);
}

static void commit_worked(struct queue *queue)
{
    struct commit *commit = &queue->commit;

    if (queue->is_careful)
        queue->is_careful = false; /* the next one, with a fetch, tells whether all is well */
    else
        exchange_worked(queue);
    if (commit->promote)
        sched_promoted(queue, commit);
    if (commit->fetch_max > 0)
        queue->is_drained = commit->is_drained;
    if (commit->job_count > 0 || queue->take_is_sent)
        queue->owes_drained = true;
    else if (commit->tell_drained || (commit->fetch_max > 0 && commit->is_drained))
        queue->owes_drained = false;
    if (commit->rest_ms > 0) {
        sched_rest(queue, commit->rest_ms);
        /* Limited: like Bull, go on with a wait, where that finds jobs and not only word of them.
         */
        queue->is_drained = !queue->dialect->promotes_always;
    }
    if (commit->dropped_count > 0)
        ct_log_warn("ids without a job dropped", CT_STR("queue", queue->name),
                    CT_INT("count", commit->dropped_count));
    warn_dead_letters(queue, &commit->dead_letters);
    if (commit->untold_id)
        warn_job(queue, WARN_UNTOLD, ct_str_of(commit->untold_id), commit->untold.detail);
    effects_settle(queue, commit);
    consumer_hand_out(queue, &commit->jobs);
    cancel_commit_done(queue);
}

static void commit_done(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct queue *queue = arg;
    struct ct_error own = {CT_E_OK, ""};

    queue_enter(queue);
    if (!(err && err->code != CT_E_OK)) {
        err = &own;
        own.code = queue->dialect->parse_commit(queue->dialect_queue, &queue->commit, reply, &own);
    }
    if (err->code == CT_E_OK) {
        tally_time(&queue->tally->commit, &tally_commit_bounds, queue->commit_sent_ms,
                   ct_monotonic_ms(queue->clock));
        metric_observe(&queue->tally->batch, &tally_batch_bounds,
                       queue->commit.effect_count + queue->commit.job_count);
        commit_worked(queue);
    } else
        commit_failed(queue, err);
    commit_fini(&queue->commit, queue->dialect->free_plan);
    queue->call = CALL_NONE;
    queue_leave(queue);
}

static bool commit_ends_jobs(const struct commit *commit)
{
    CT_LIST_FOREACH (node, &commit->effects) {
        if (CT_CONTAINER(node, struct effect, link)->kind <= EFFECT_DELAY)
            return true;
    }
    return false;
}

static void commit_send(struct queue *queue, uint32_t fetch_max, bool promote)
{
    struct commit *commit = &queue->commit;
    struct redis_command command;

    commit_init(commit);
    commit->fetch_max = fetch_max;
    commit->promote = promote;
    commit->now_ms = ct_wall_ms(queue->clock);
    commit->token_base = queue->token_base;
    commit->token_first = queue->token_next;
    queue->token_next += fetch_max;
    effects_take(queue, commit);
    /* A Bull worker looks for more after each job and tells when there is none. Here the last fetch
     * found that already, before its jobs had run: listeners hear it when the first of them ends.
     */
    commit->tell_drained =
        queue->owes_drained && queue->is_drained && fetch_max == 0 && commit_ends_jobs(commit);
    queue->token_next += queue->take_is_sent;
    queue->call = CALL_COMMIT;
    queue->tally->commits++;
    queue->commit_sent_ms = ct_monotonic_ms(queue->clock);
    redis_command_init(&command, NULL);
    queue->dialect->build_commit(queue->dialect_queue, commit, &command);
    queue->port->call(queue->port->ctx, &command, commit_done, queue);
    redis_command_fini(&command);
}

static uint32_t fetch_count(const struct queue *queue)
{
    const uint32_t reserved = wait_reserved(queue);

    if (queue->is_drained || queue->is_draining || queue->needs_reclaim ||
        queue->rest_until_ms != 0 || queue->credits <= reserved || effects_hold_up_fetch(queue))
        return 0;
    if (queue->credits - reserved > COMMIT_FETCH_MAX)
        return COMMIT_FETCH_MAX;
    return (uint32_t)queue->credits - reserved;
}

void exchange_step(struct queue *queue, int64_t now_ms)
{
    bool has_effects, promote;
    uint32_t fetch_max;

    if (queue->call != CALL_NONE || !queue->is_up || now_ms < queue->retry_at_ms)
        return;
    if (queue->needs_reclaim && ct_list_is_empty(&queue->urgent) &&
        now_ms >= queue->reclaim_at_ms) {
        reclaim_send(queue);
        return;
    }
    has_effects = effects_are_waiting(queue) || (queue->take && !queue->needs_reclaim);
    promote = sched_promotion_is_due(queue, now_ms);
    if (promote && queue->dialect->promotes_always)
        queue->is_drained = false; /* one call can promote and fetch */
    fetch_max = fetch_count(queue);
    if (queue->is_careful && has_effects) {
        fetch_max = 0;
        promote = false;
    }
    promote |= fetch_max > 0 && queue->dialect->promotes_always;
    if (has_effects || fetch_max > 0 || promote) {
        if (!has_effects)
            queue->is_careful = false;
        commit_send(queue, fetch_max, promote);
    }
}
