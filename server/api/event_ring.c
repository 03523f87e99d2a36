/* See event_ring.h. */
#include "server/api/event_ring.h"

#include "common/assert.h"

static struct event **place_of(struct event_ring *ring, uint64_t number)
{
    return &ring->items[number % EVENT_RING_MAX];
}

static void drop_first(struct event_ring *ring)
{
    struct event **place = place_of(ring, ring->first++);

    ring->bytes -= (*place)->bytes;
    event_free(*place);
    *place = NULL;
}

void event_ring_init(struct event_ring *ring)
{
    *ring = (struct event_ring){.first = 1, .next = 1};
}

void event_ring_fini(struct event_ring *ring)
{
    while (ring->first < ring->next)
        drop_first(ring);
}

void event_ring_push(struct event_ring *ring, struct event *event)
{
    while (ring->first < ring->next && (ring->next - ring->first == EVENT_RING_MAX ||
                                        ring->bytes + event->bytes > EVENT_RING_BYTES_MAX))
        drop_first(ring);
    *place_of(ring, ring->next++) = event;
    ring->bytes += event->bytes;
}

const struct event *event_ring_at(const struct event_ring *ring, uint64_t number)
{
    ct_assert(number >= ring->first && number < ring->next);
    return ring->items[number % EVENT_RING_MAX];
}
