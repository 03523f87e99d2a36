/* Jobs that the daemon wants stopped: somebody cancelled one, or its lock is lost. Part of
 * leases.h.
 *
 *   not begun          lock lost: handed back. Cancelled: it fails without running
 *   runs               the plugin is told; within the cancel grace it ends, or deadlines.c gives it
 *                      up. Cancelled: whatever the plugin says then, it has failed for good
 *   has ended          too late, its outcome counts */
#include "worker/runner/leases.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"

/* Takes a job that no thread has taken yet out of where it waits. */
static bool cancels_take_back(struct leases *leases, struct cartrita_job *job)
{
    CT_LIST_FOREACH (node, &leases->incoming) {
        if (node == &job->ready) { /* it came in the same turn */
            ct_list_remove(node);
            return true;
        }
    }
    return threads_take_back_one(leases->options.threads, job);
}

/* Should this loop hang, the supervisor counts from now. The entry may have gone over to another
 * job meanwhile, whose limit this must not touch. */
static void cancels_tell_recorder(const struct cartrita_job *job, uint64_t now_ms)
{
    struct recorder *recorder = threads_recorder(job->threads);
    const uint64_t was_ms = atomic_load(&job->deadline_ms);

    if (atomic_load(&job->phase) != JOB_RUNNING)
        return;
    recorder_move_deadline(recorder, job->entry, was_ms, now_ms);
    if (atomic_load(&job->phase) != JOB_RUNNING)
        recorder_move_deadline(recorder, job->entry, now_ms, was_ms);
}

static void cancels_fail_unstarted(struct leases *leases, struct cartrita_job *job)
{
    const bool is_ours = job_claim(job, JOB_WAITING);

    ct_assert(is_ours); /* it is on no thread's list */
    job_outcome_stopped(job);
    leases_send_outcome(leases, job);
    leases->is_changed = true;
}

static void cancels_cancelled(struct leases *leases, struct cartrita_job *job, struct ct_str reason)
{
    const uint64_t now_ms = job_now_ms();

    if (job->cancelled)
        return;
    job->cancelled = reason.len ? ct_strndup(reason.data, reason.len) : ct_strdup("cancelled");
    if (cancels_take_back(leases, job)) {
        cancels_fail_unstarted(leases, job);
        return;
    }
    cancels_tell_recorder(job, now_ms); /* first: the plugin may hang as it is told */
    leases_cancel(leases, job, job->cancelled);
    deadlines_expect(leases, now_ms + leases->options.cancel_grace_ms);
}

static void cancels_lost(struct leases *leases, struct cartrita_job *job, struct ct_str reason)
{
    char *text;

    job->is_lost = true;
    if (cancels_take_back(leases, job)) {
        leases_hand_back(leases, job);
        return;
    }
    text = ct_strndup(reason.data, reason.len);
    leases_cancel(leases, job, text);
    free(text);
}

void cancels_told(struct leases *leases, struct cartrita_job *job,
                  const struct proto_cancel *cancel)
{
    if (atomic_load(&job->phase) == JOB_ENDED)
        return;
    if (cancel->code == CT_E_CANCELLED)
        cancels_cancelled(leases, job, cancel->reason);
    else
        cancels_lost(leases, job, cancel->reason);
}
