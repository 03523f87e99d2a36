/* What a runner says of its jobs: outcomes, jobs handed back, the plugin told to stop. Part of
 * leases.h. */
#include "worker/runner/leases.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/runner/crash.h"

bool leases_send(struct leases *leases, const struct proto_message *message)
{
    struct ct_error err;

    if (!leases->is_up)
        return false;
    if (proto_client_send(leases->client, message, &err) == CT_E_OK)
        return true;
    if (err.code != CT_E_CLOSED)
        ct_log_error("message not sent", CT_STR("type", proto_type_name(message->type)),
                     CT_ERR(&err));
    return false;
}

static struct proto_message leases_outcome_message(const struct cartrita_job *job)
{
    const struct job_outcome *outcome = &job->outcome;
    struct proto_message message = {.type = PROTO_COMPLETED};

    switch (outcome->kind) {
    case JOB_COMPLETED:
        message.as.completed.lease = job->lease;
        message.as.completed.has_value = outcome->text != NULL;
        message.as.completed.value = (struct ct_str){outcome->text, outcome->text_len};
        break;
    case JOB_FAILED:
        message.type = PROTO_FAILED;
        message.as.failed.lease = job->lease;
        message.as.failed.has_reason = true;
        message.as.failed.reason = (struct ct_str){outcome->text, outcome->text_len};
        message.as.failed.has_stack = outcome->stack != NULL;
        message.as.failed.stack = ct_str_of(outcome->stack);
        message.as.failed.has_unrecoverable = outcome->is_unrecoverable;
        message.as.failed.unrecoverable = outcome->is_unrecoverable;
        message.as.failed.has_delay_ms = outcome->has_delay;
        message.as.failed.delay_ms = outcome->delay_ms;
        break;
    case JOB_RELEASED:
        message.type = PROTO_RELEASED;
        message.as.released.lease = job->lease;
        message.as.released.how = outcome->release;
        message.as.released.has_duration_ms = outcome->duration_ms > 0;
        message.as.released.duration_ms = outcome->duration_ms;
        break;
    }
    return message;
}

/* A result that no frame can carry fails the job, with a reason its owner can act on. */
static void leases_outcome_too_large(struct leases *leases, struct cartrita_job *job)
{
    char *reason =
        ct_asprintf("the result has %zu bytes, over the limit of %" PRIu32 " bytes in one message",
                    job->outcome.text_len, leases->frame_max);

    free(job->outcome.text);
    free(job->outcome.stack);
    job->outcome = (struct job_outcome){0};
    job_outcome_fail_reason(job, reason);
    free(reason);
}

/* It waits for children that the daemon has not added yet: none would be pending. */
static bool leases_awaits_adds(const struct cartrita_job *job)
{
    return job->adds_open > 0 && job->outcome.kind == JOB_RELEASED &&
           job->outcome.release == PROTO_RELEASE_AWAITING;
}

void leases_send_outcome(struct leases *leases, struct cartrita_job *job)
{
    struct proto_message message;
    struct ct_error err = {.code = CT_E_OK};

    job->has_outcome = true;
    if (!leases->is_up || job->lease == 0)
        return; /* said after resume */
    if (leases_awaits_adds(job))
        return; /* said when they are answered */
    message = leases_outcome_message(job);
    if (proto_client_send(leases->client, &message, &err) == CT_E_TOO_LARGE) {
        leases_outcome_too_large(leases, job);
        message = leases_outcome_message(job);
        if (proto_client_send(leases->client, &message, &err) == CT_E_TOO_LARGE)
            ct_log_error("outcome not sent", CT_BYTES("job", job->id), CT_ERR(&err));
    }
    job->is_sent = true;
}

void leases_tell_finished(struct leases *leases, const struct cartrita_job *job, const char *state,
                          const char *error)
{
    /* It hears of no job that it never had. */
    if (leases->options.plugin->finished && job->started_ns != 0 && !job->is_cached)
        leases->options.plugin->finished(leases->options.self, job->queue.data, job->id.data, state,
                                         error);
}

void leases_hand_back(struct leases *leases, struct cartrita_job *job)
{
    bool is_ours = job_claim(job, JOB_WAITING);

    ct_assert(is_ours); /* only called for jobs that are on no thread's list */
    job_outcome_release(job, PROTO_RELEASE_UNSTARTED, 0);
    if (job->is_lost && job->lease == 0)
        leases_forget(leases, job);
    else
        leases_send_outcome(leases, job);
}

/* Draining without a connection: jobs that never started are not worth waiting for. The daemon
 * gives them back when it hears that this runner is gone, or finds their locks expired. */
void leases_drop_parked(struct leases *leases)
{
    CT_LIST_FOREACH_SAFE (node, following, &leases->held) {
        struct cartrita_job *job = CT_CONTAINER(node, struct cartrita_job, link);

        if (job->lease == 0 && job_claim(job, JOB_WAITING))
            leases_forget(leases, job);
    }
}

void leases_hand_back_all(struct leases *leases, struct ct_list *jobs)
{
    CT_LIST_FOREACH_SAFE (node, following, jobs) {
        ct_list_remove(node);
        leases_hand_back(leases, CT_CONTAINER(node, struct cartrita_job, ready));
    }
}

void leases_tell_cancel(struct leases *leases, struct cartrita_job *job)
{
    const int phase = atomic_load(&job->phase);

    job->owes_cancel = phase == JOB_WAITING;
    if (job->owes_cancel) /* a thread has it in hand */
        deadlines_expect(leases, job_now_ms() + LEASES_SOON_MS);
    if (phase != JOB_RUNNING || !leases->options.plugin->cancel)
        return;
    crash_blame(job->entry, 1); /* should it crash in there */
    leases->options.plugin->cancel(leases->options.self, job, atomic_load(&job->cancel_reason));
    crash_blame(0, 0);
}

void leases_cancel(struct leases *leases, struct cartrita_job *job, const char *reason)
{
    char *expected = NULL;
    char *copy = ct_strdup(reason);

    if (!atomic_compare_exchange_strong(&job->cancel_reason, &expected, copy)) {
        free(copy); /* it knows already */
        return;
    }
    job->cancelled_ms = job_now_ms();
    asks_stop(leases, job, reason);
    leases_tell_cancel(leases, job);
}
