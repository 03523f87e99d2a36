/* Cancelled jobs: finds the lease, tells its consumer, and sees to it that the job does not run
 * again. However such a job ends (its plugin fails, its runner dies, it is handed back), it has
 * failed for good, with the reason `cancelled`; only a job that was completed stays so, for its
 * consumer alone knows whether it was told before.
 *
 *   HELD                    told at once
 *   SCHEDULING              fails instead of being offered
 *   ADOPTING                told when it is resumed
 *   ENDING, ENDED           too late
 *   in a fetch under way    remembered until its reply
 *
 * Called by the host with messages of Redis, by connections, and by lease.c, consumer.c, resume.c
 * at the turning points of a lease. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "queue/cancel.h"
#include "queue/queue_internal.h"

/* The call that is under way, and the one after it, which takes the job that a wait has brought. */
enum { COMMITS_TO_WAIT_FOR = 2 };

/* A job that nobody here holds, but that the next replies may bring. */
struct cancel_wish {
    struct ct_list link; /* in queue->cancels */
    uint32_t commits_left;
    char *why;        /* owned */
    struct ct_str id; /* behind the struct */
};

static char *cancel_why(struct ct_str reason)
{
    const struct ct_str cut = cancel_cut_reason(reason);

    return cut.len ? ct_asprintf("cancelled: %.*s", (int)cut.len, cut.data)
                   : ct_strdup("cancelled");
}

static bool has_ended(const struct lease *lease)
{
    return lease->state == LEASE_ENDING || lease->state == LEASE_ENDED;
}

/* By id, one by one: cancelling is rare, and a second table would cost every job. One that has not
 * ended comes before one that has and is not answered yet. */
static struct lease *cancel_find(const struct queue *queue, struct ct_str id)
{
    struct lease *found = NULL;

    for (uint32_t i = 0; i < queue->bucket_count; i++) {
        for (struct lease *lease = queue->buckets[i]; lease; lease = lease->next) {
            if (lease->is_lost || !ct_str_equal(lease_id(lease), id))
                continue;
            if (!found || has_ended(found))
                found = lease;
        }
    }
    return found;
}

void cancel_tell(struct lease *lease)
{
    struct ct_error why;

    if (!lease->cancelled || lease->is_lost || lease->state != LEASE_HELD || !lease->consumer)
        return;
    ct_error_set(&why, CT_E_CANCELLED, "%s", lease->cancelled);
    lease->consumer->events->on_cancel(lease->consumer->ctx, lease, &why);
}

static void cancel_lease(struct lease *lease, char *why)
{
    ct_log_info("job is cancelled", CT_STR("queue", lease->queue->name),
                CT_BYTES("job", lease_id(lease)), CT_STR("reason", why));
    lease->cancelled = why;
}

/* --- those that may come yet ------------------------------------------------------------------ */

static void wish_free(struct queue *queue, struct cancel_wish *wish)
{
    ct_list_remove(&wish->link);
    queue->cancel_count--;
    free(wish->why);
    free(wish);
}

static bool wish_has_sense(const struct queue *queue)
{
    return queue->call != CALL_NONE || queue->take || queue->wait_is_out || queue->needs_reclaim;
}

static void wish_keep(struct queue *queue, struct ct_str id, char *why)
{
    struct cancel_wish *wish;
    char *text;

    if (!wish_has_sense(queue) || queue->cancel_count >= QUEUE_CANCELS_MAX) {
        free(why);
        return;
    }
    wish = ct_alloc(sizeof *wish + id.len + 1);
    text = (char *)(wish + 1);
    memcpy(text, id.data, id.len);
    text[id.len] = '\0';
    *wish = (struct cancel_wish){.commits_left = COMMITS_TO_WAIT_FOR, .why = why};
    wish->id = (struct ct_str){text, id.len};
    ct_list_push_back(&queue->cancels, &wish->link);
    queue->cancel_count++;
    queue_poke(queue);
}

void cancel_meet(struct lease *lease)
{
    CT_LIST_FOREACH (node, &lease->queue->cancels) {
        struct cancel_wish *wish = CT_CONTAINER(node, struct cancel_wish, link);

        if (!ct_str_equal(wish->id, lease->job->id))
            continue;
        cancel_lease(lease, wish->why);
        wish->why = NULL;
        wish_free(lease->queue, wish);
        return;
    }
}

void cancel_commit_done(struct queue *queue)
{
    CT_LIST_FOREACH_SAFE (node, following, &queue->cancels) {
        struct cancel_wish *wish = CT_CONTAINER(node, struct cancel_wish, link);

        if (--wish->commits_left == 0)
            wish_free(queue, wish);
    }
}

void cancel_step(struct queue *queue)
{
    if (queue->call == CALL_NONE && !queue->take && !queue->needs_reclaim)
        cancel_forget_all(queue);
}

void cancel_forget_all(struct queue *queue)
{
    while (!ct_list_is_empty(&queue->cancels))
        wish_free(queue, CT_CONTAINER(queue->cancels.next, struct cancel_wish, link));
}

/* --- what the outside asks -------------------------------------------------------------------- */

enum ct_code queue_cancel(struct queue *queue, struct ct_str id, struct ct_str reason,
                          struct ct_error *err)
{
    struct lease *lease = cancel_find(queue, id);

    if (!lease) {
        wish_keep(queue, id, cancel_why(reason));
        return ct_error_set(err, CT_E_NOT_FOUND,
                            "no worker of this daemon has job %.*s of queue %s",
                            (int)(id.len < 64 ? id.len : 64), id.data, queue->name);
    }
    if (has_ended(lease))
        return ct_error_set(err, CT_E_CONFLICT, "job %.*s of queue %s has just ended",
                            (int)(id.len < 64 ? id.len : 64), id.data, queue->name);
    if (!lease->cancelled) {
        cancel_lease(lease, cancel_why(reason));
        cancel_tell(lease);
    }
    return CT_E_OK;
}

struct failure cancel_failure(const struct lease *lease, const struct failure *failure)
{
    const struct ct_str was = failure ? failure->reason : CT_STR_NONE;

    /* What it said itself is kept as its stack trace, unless it only repeats the reason. */
    return (struct failure){
        .reason = ct_str_of(lease->cancelled),
        .stack = failure && failure->stack.data ? failure->stack : was,
        .is_unrecoverable = true,
    };
}
