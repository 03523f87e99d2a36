/* Consumers: one attachment of one connection each, with a window of jobs that it wants to hold.
 * Owns the counting of credits and the fair handing out of jobs: in turn, one each, to whoever has
 * credit left. Never gives a consumer more than its window. */
#include "queue/queue_internal.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"

/* Recounts the free credit after held or window changed. */
static void consumer_count(struct consumer *consumer)
{
    struct queue *queue = consumer->queue;
    const uint32_t credit =
        consumer->window > consumer->held ? consumer->window - consumer->held : 0;

    if (credit == consumer->credit)
        return;
    queue->credits = queue->credits - consumer->credit + credit;
    if (credit == 0)
        ct_list_remove(&consumer->ready_link);
    else if (consumer->credit == 0)
        ct_list_push_back(&queue->ready, &consumer->ready_link);
    consumer->credit = credit;
    queue_poke(queue);
}

void consumer_hold(struct consumer *consumer, int change)
{
    ct_assert(change >= 0 || consumer->held > 0);
    consumer->held = (uint32_t)((int64_t)consumer->held + change);
    consumer_count(consumer);
}

struct consumer *consumer_open(struct queue *queue, const struct consumer_events *events, void *ctx)
{
    struct consumer *consumer = ct_zalloc(sizeof *consumer);

    consumer->queue = queue;
    consumer->events = events;
    consumer->ctx = ctx;
    ct_list_init(&consumer->ready_link);
    ct_list_init(&consumer->leases);
    ct_list_init(&consumer->resumes);
    ct_list_push_back(&queue->consumers, &consumer->link);
    return consumer;
}

void consumer_window(struct consumer *consumer, uint32_t window)
{
    consumer->window = window < CONSUMER_WINDOW_MAX ? window : CONSUMER_WINDOW_MAX;
    consumer_count(consumer);
}

uint32_t consumer_lease_count(const struct consumer *consumer)
{
    return consumer->lease_count;
}

static void part_with(struct lease *lease, enum consumer_end end)
{
    const enum lease_state state = lease->state;

    lease_give(lease, NULL);
    lease->is_again = false;
    switch (state) {
    case LEASE_ADOPTING:
        lease->end = end; /* and on when Redis has answered */
        break;
    case LEASE_SCHEDULING: /* it was never offered: nobody can have run it */
        lease_return(lease, EFFECT_RELEASE);
        break;
    case LEASE_HELD:
        lease_return(lease, end == CONSUMER_DIED ? EFFECT_STALL : EFFECT_RELEASE);
        break;
    case LEASE_ENDING:
        break;
    case LEASE_ENDED:
        lease_try_answer(lease);
        break;
    }
}

void consumer_close(struct consumer *consumer, enum consumer_end end)
{
    consumer_window(consumer, 0);
    resume_free_all(consumer);
    /* Each goes to the front, so the last one goes first. */
    while (!ct_list_is_empty(&consumer->leases))
        part_with(CT_CONTAINER(consumer->leases.prev, struct lease, link), end);
    ct_assert(consumer->held == 0 && consumer->lease_count == 0 && consumer->credit == 0);
    ct_list_remove(&consumer->link);
    queue_poke(consumer->queue);
    free(consumer);
}

struct consumer *consumer_next(struct queue *queue)
{
    struct consumer *consumer;

    if (queue->is_draining || ct_list_is_empty(&queue->ready))
        return NULL;
    consumer = CT_CONTAINER(queue->ready.next, struct consumer, ready_link);
    ct_list_remove(&consumer->ready_link);
    ct_list_push_back(&queue->ready, &consumer->ready_link);
    return consumer;
}

void consumer_hand_out(struct queue *queue, struct ct_list *jobs)
{
    struct ct_list back;

    ct_list_init(&back);
    while (!ct_list_is_empty(jobs)) {
        struct job *job = CT_CONTAINER(jobs->next, struct job, link);
        struct consumer *consumer = job->broken ? NULL : consumer_next(queue);

        ct_list_remove(&job->link);
        if (consumer || job->broken)
            lease_begin(lease_new(queue, consumer, job));
        else
            ct_list_push_back(&back, &job->link);
    }
    /* Each goes to the front of the queue: the last one must go first, and all of them before jobs
     * that were fetched earlier and are being returned. */
    while (!ct_list_is_empty(&back)) {
        struct job *job = CT_CONTAINER(back.next, struct job, link);
        struct lease *lease;

        ct_list_remove(&job->link);
        lease = lease_new(queue, NULL, job);
        lease_return(lease, EFFECT_RELEASE);
        effects_advance(queue, lease->outcome);
    }
}
