/* The leases of a queue by their tokens, so that a resume or a reclaim finds the one it means. A
 * hash table with chains through the leases themselves. Called by lease.c, resume.c, reclaim.c. */
#include "queue/queue_internal.h"

#include <stdlib.h>

#include "common/mem.h"

static uint32_t token_hash(struct ct_str token)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < token.len; i++)
        hash = (hash ^ (unsigned char)token.data[i]) * 16777619u;
    return hash;
}

static void leases_grow(struct queue *queue)
{
    const uint32_t count = queue->bucket_count * 2;
    struct lease **buckets = ct_zalloc(count * sizeof *buckets);

    for (uint32_t i = 0; i < queue->bucket_count; i++) {
        for (struct lease *lease = queue->buckets[i], *next; lease; lease = next) {
            next = lease->next;
            lease->next = buckets[lease->hash & (count - 1)];
            buckets[lease->hash & (count - 1)] = lease;
        }
    }
    free(queue->buckets);
    queue->buckets = buckets;
    queue->bucket_count = count;
}

void leases_add(struct queue *queue, struct lease *lease)
{
    struct lease **bucket;

    if (queue->lease_count >= queue->bucket_count)
        leases_grow(queue);
    lease->hash = token_hash(lease->token);
    bucket = &queue->buckets[lease->hash & (queue->bucket_count - 1)];
    lease->next = *bucket;
    *bucket = lease;
    queue->lease_count++;
}

void leases_remove(struct queue *queue, struct lease *lease)
{
    struct lease **place = &queue->buckets[lease->hash & (queue->bucket_count - 1)];

    while (*place != lease)
        place = &(*place)->next;
    *place = lease->next;
    queue->lease_count--;
}

struct lease *leases_find(const struct queue *queue, struct ct_str token)
{
    const uint32_t hash = token_hash(token);
    struct lease *lease = queue->buckets[hash & (queue->bucket_count - 1)];

    while (lease && !(lease->hash == hash && ct_str_equal(lease->token, token)))
        lease = lease->next;
    return lease;
}
