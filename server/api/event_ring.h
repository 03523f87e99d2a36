/* The last events of a source, each with its number: a listener reads on from where it is, however
 * slow it is, and one that comes back goes on there. Bounded in number and bytes: the oldest go.
 * Pure. */
#ifndef CT_SERVER_API_EVENT_RING_H
#define CT_SERVER_API_EVENT_RING_H

#include "server/api/event.h"

#define EVENT_RING_MAX       8192u
#define EVENT_RING_BYTES_MAX (4u << 20)

struct event_ring {
    struct event *items[EVENT_RING_MAX]; /* owned; by number, modulo the size */
    uint64_t first, next;                /* numbers; from 1 on */
    size_t bytes;
};

void event_ring_init(struct event_ring *ring);
void event_ring_fini(struct event_ring *ring);
/* Takes over the event. */
void event_ring_push(struct event_ring *ring, struct event *event);
/* `number` from first up to next - 1. */
const struct event *event_ring_at(const struct event_ring *ring, uint64_t number);

#endif
