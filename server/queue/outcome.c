/* What a consumer says about a job that it holds: notes while it runs, then the one outcome. Turns
 * each into effects; the answers come later, from lease.c. */
#include "queue/queue_internal.h"

#include "common/error.h"

const struct job *lease_job(const struct lease *lease)
{
    return lease->job;
}

struct consumer *lease_consumer(const struct lease *lease)
{
    return lease->consumer;
}

void lease_set_note(struct lease *lease, uint64_t note)
{
    lease->note = note;
}

uint64_t lease_note(const struct lease *lease)
{
    return lease->note;
}

/* Whether it can be ended now. An outcome that was under way when the lease was resumed stands:
 * the one that comes again (*is_again) only asks for its answer. */
static enum ct_code end_check(struct lease *lease, bool *is_again, struct ct_error *err)
{
    *is_again = lease->is_again;
    if (lease->state == LEASE_HELD)
        return CT_E_OK;
    if (!lease->is_again)
        return ct_error_set(err, CT_E_CONFLICT, "job %s has been ended already",
                            lease->job->id.data);
    lease->is_again = false;
    consumer_hold(lease->consumer, -1);
    lease_try_answer(lease);
    return CT_E_OK;
}

enum ct_code queue_complete(struct lease *lease, struct ct_str value, struct ct_error *err)
{
    bool is_again;
    enum ct_code rc = end_check(lease, &is_again, err);

    if (rc == CT_E_OK && !is_again) {
        struct effect *effect = effect_new(EFFECT_COMPLETE, value, CT_STR_NONE);

        effect->attempts_made = lease->job->attempts_made;
        lease_end(lease, effect);
    }
    return rc;
}

enum ct_code queue_fail(struct lease *lease, const struct failure *failure, struct ct_error *err)
{
    bool is_again;
    enum ct_code rc = end_check(lease, &is_again, err);

    if (rc == CT_E_OK && !is_again)
        lease_fail(lease, failure);
    return rc;
}

enum ct_code queue_hand_back(struct lease *lease, struct ct_error *err)
{
    bool is_again;
    enum ct_code rc = end_check(lease, &is_again, err);

    if (rc == CT_E_OK && !is_again)
        lease_give_back(lease, EFFECT_RELEASE, 0);
    return rc;
}

enum ct_code queue_release(struct lease *lease, int64_t rest_ms, struct ct_error *err)
{
    bool is_again;
    enum ct_code rc;

    if (rest_ms < 0 || rest_ms > QUEUE_REST_MAX_MS)
        return ct_error_set(err, CT_E_INVALID,
                            "a rest of %lld ms is not between 0 and QUEUE_REST_MAX_MS (%d)",
                            (long long)rest_ms, QUEUE_REST_MAX_MS);
    rc = end_check(lease, &is_again, err);
    if (rc == CT_E_OK && !is_again) {
        lease_give_back(lease, EFFECT_RELEASE, rest_ms);
        lease->outcome->was_started = true;
        sched_rest(lease->queue, rest_ms);
    }
    return rc;
}

enum ct_code queue_postpone(struct lease *lease, int64_t delay_ms, struct ct_error *err)
{
    bool is_again;
    enum ct_code rc;

    if (delay_ms < 0 || delay_ms > QUEUE_POSTPONE_MAX_MS)
        return ct_error_set(err, CT_E_INVALID,
                            "a delay of %lld ms is not between 0 and QUEUE_POSTPONE_MAX_MS (%lld)",
                            (long long)delay_ms, (long long)QUEUE_POSTPONE_MAX_MS);
    rc = end_check(lease, &is_again, err);
    if (rc == CT_E_OK && !is_again)
        lease_give_back(lease, EFFECT_POSTPONE, ct_wall_ms(lease->queue->clock) + delay_ms);
    return rc;
}

enum ct_code queue_await(struct lease *lease, struct ct_error *err)
{
    static const struct failure no_children = {
        .reason =
            CT_STR_LIT("the job cannot wait for children: jobs of this queue's dialect have none"),
        .is_unrecoverable = true,
    };
    bool is_again;
    enum ct_code rc = end_check(lease, &is_again, err);

    if (rc != CT_E_OK || is_again)
        return rc;
    if (lease->queue->dialect->build_children)
        lease_give_back(lease, EFFECT_AWAIT, 0);
    else
        lease_fail(lease, &no_children);
    return CT_E_OK;
}

enum ct_code queue_forget(struct lease *lease, struct ct_error *err)
{
    bool is_again;
    enum ct_code rc = end_check(lease, &is_again, err);

    if (rc != CT_E_OK || is_again)
        return rc;
    consumer_hold(lease->consumer, -1);
    lease_become(lease, LEASE_ENDED);
    ct_list_remove(&lease->renew_link);
    lease->code = CT_E_OK;
    lease->result = QUEUE_WAITING;
    lease_try_answer(lease); /* after its notes, should some be under way */
    return CT_E_OK;
}

static enum ct_code note_check(const struct lease *lease, struct ct_error *err)
{
    if (lease->state != LEASE_HELD)
        return ct_error_set(err, CT_E_CONFLICT, "job %s has been ended already",
                            lease->job->id.data);
    if (lease->is_lost)
        return ct_error_set(err, CT_E_LOCK_LOST, "job %s: %s", lease->job->id.data,
                            ct_error_text(CT_E_LOCK_LOST));
    if (effects_is_full(lease->queue))
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "queue %s: Redis is behind, %d changes or %u bytes are waiting for it "
                            "(QUEUE_PENDING_MAX, QUEUE_PENDING_BYTES_MAX)",
                            lease->queue->name, QUEUE_PENDING_MAX, QUEUE_PENDING_BYTES_MAX);
    return CT_E_OK;
}

bool queue_takes_notes(const struct lease *lease)
{
    const struct queue *queue = lease->queue;

    if (lease->state != LEASE_HELD || lease->is_lost)
        return true; /* they go nowhere */
    return lease->note_count < QUEUE_NOTES_MAX / 4 * 3 &&
           queue->effect_count < QUEUE_PENDING_MAX / 4 * 3 &&
           queue->effect_bytes < QUEUE_PENDING_BYTES_MAX / 4 * 3;
}

static enum ct_code note_add(struct lease *lease, enum effect_kind kind, struct ct_str text,
                             struct ct_error *err)
{
    enum ct_code rc = note_check(lease, err);
    struct effect *effect;

    if (rc != CT_E_OK)
        return rc;
    if (lease->note_count >= QUEUE_NOTES_MAX) {
        if (kind != EFFECT_PROGRESS || !lease->progress)
            return ct_error_set(err, CT_E_TOO_LARGE,
                                "job %s: %d notes are waiting for Redis (QUEUE_NOTES_MAX)",
                                lease->job->id.data, QUEUE_NOTES_MAX);
        effects_drop(lease->queue, lease->progress);
    }
    effect = effect_new(kind, text, CT_STR_NONE);
    effect->job = lease->job;
    effect->owner = lease;
    effects_queue(lease->queue, effect);
    if (kind == EFFECT_PROGRESS)
        lease->progress = effect;
    return CT_E_OK;
}

enum ct_code queue_progress(struct lease *lease, struct ct_str value, struct ct_error *err)
{
    return note_add(lease, EFFECT_PROGRESS, value, err);
}

enum ct_code queue_log(struct lease *lease, struct ct_str line, struct ct_error *err)
{
    return note_add(lease, EFFECT_LOG, line, err);
}

enum ct_code queue_update(struct lease *lease, struct ct_str data, struct ct_error *err)
{
    return note_add(lease, EFFECT_UPDATE, data, err);
}
