/* Time limits of running jobs, on the runner's loop: at the deadline the plugin is told to stop; a
 * job that ends within the cancel grace has failed with Bull's words; one that does not is failed
 * by the loop, which goes on without its thread, and the runner is to be replaced. A job that was
 * cancelled (cancels.c) has that grace from then on. The supervisor watches from outside in case
 * this loop hangs (limits.c).
 *
 * One timer for all jobs: it is armed for the earliest time at which anything can be due, and finds
 * out then what is. */
#include "worker/runner/leases.h"

#include <stdlib.h>

#include "common/log.h"

static void deadlines_due(uv_timer_t *timer);

void deadlines_expect(struct leases *leases, uint64_t at_ms)
{
    uint64_t now_ms = job_now_ms();

    if (leases->deadline_at_ms && leases->deadline_at_ms <= at_ms)
        return;
    leases->deadline_at_ms = at_ms;
    /* A timer of the loop may fire a millisecond early by our clock: then it is armed again. */
    uv_timer_start(&leases->deadline, deadlines_due, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

static void deadlines_give_up(struct leases *leases, struct cartrita_job *job)
{
    if (!job_claim(job, JOB_RUNNING))
        return; /* it ended this very moment */
    job_outcome_stopped(job);
    ct_log_error("job does not stop, its runner will be replaced", CT_BYTES("queue", job->queue),
                 CT_BYTES("job", job->id), CT_STR("reason", job->outcome.text),
                 CT_INT("grace_ms", leases->options.cancel_grace_ms));
    if (job->is_lost && job->lease == 0)
        leases_forget(leases, job);
    else
        leases_send_outcome(leases, job);
    leases->options.on_stuck(leases->options.ctx);
}

void deadlines_over(struct leases *leases, struct cartrita_job *job, char *reason)
{
    job->limit_reason = reason;
    leases_cancel(leases, job, reason);
    job->cancelled_ms = job_now_ms(); /* the grace counts from here, also when told before */
    deadlines_expect(leases, job->cancelled_ms + leases->options.cancel_grace_ms);
}

/* When a job that was told to stop is given up. One that was told before it began has the grace
 * from its beginning. */
static uint64_t deadlines_end_ms(const struct leases *leases, const struct cartrita_job *job)
{
    const uint64_t started_ms = job->started_ns / 1000000u;

    return leases->options.cancel_grace_ms +
           (started_ms > job->cancelled_ms ? started_ms : job->cancelled_ms);
}

/* What is due for one job; returns when to look at it again, 0 for never. */
static uint64_t deadlines_check(struct leases *leases, struct cartrita_job *job, uint64_t now_ms)
{
    uint64_t deadline_ms = atomic_load(&job->deadline_ms);

    switch (atomic_load(&job->phase)) {
    case JOB_WAITING:
        if (job->owes_cancel)
            return now_ms + LEASES_SOON_MS;
        return job->timeout_ms ? now_ms + job->timeout_ms : 0;
    case JOB_ENDED:
        return 0;
    default:
        break;
    }
    if (job->owes_cancel)
        leases_tell_cancel(leases, job);
    if (!job->limit_reason && !job->cancelled) {
        if (deadline_ms == 0 || now_ms < deadline_ms)
            return deadline_ms;
        deadlines_over(leases, job, job_timeout_reason(job));
    }
    if (now_ms < deadlines_end_ms(leases, job))
        return deadlines_end_ms(leases, job);
    deadlines_give_up(leases, job);
    return 0;
}

static void deadlines_due(uv_timer_t *timer)
{
    struct leases *leases = timer->data;
    uint64_t now_ms = job_now_ms();
    uint64_t next_ms = 0;

    leases->deadline_at_ms = 0;
    CT_LIST_FOREACH_SAFE (node, following, &leases->held) {
        uint64_t at_ms =
            deadlines_check(leases, CT_CONTAINER(node, struct cartrita_job, link), now_ms);

        if (at_ms && (next_ms == 0 || at_ms < next_ms))
            next_ms = at_ms;
    }
    if (next_ms)
        deadlines_expect(leases, next_ms);
    leases_settle(leases);
}
