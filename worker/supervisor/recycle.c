/* Replacing runners by age. See recycle.h. */
#include "worker/supervisor/recycle.h"

#include "worker/watch/tree.h"

uint64_t recycle_spread(const struct ct_random *random, uint64_t value)
{
    return value - (value / RECYCLE_SPREAD ? ct_random_next(random) % (value / RECYCLE_SPREAD) : 0);
}

static bool recycle_is_fat(const struct slot *slot)
{
    static struct tree tree; /* large, and used in one place at a time */
    uint64_t enough = (uint64_t)slot->pool->options.recycle_memory_mib << 20;

    if (enough == 0)
        return false;
    tree_read(&tree, slot->process.pid, TREE_MAX);
    return tree_memory(&tree, slot->process.pid, enough) > enough;
}

static bool recycle_is_old(struct slot *slot)
{
    uint64_t after_ms = (uint64_t)slot->pool->options.recycle_after_ms;

    if (after_ms == 0)
        return false;
    if (slot->recycle_at_ms == 0)
        slot->recycle_at_ms = slot->ready_ms + recycle_spread(slot->context->random, after_ms);
    return uv_now(slot->context->loop) >= slot->recycle_at_ms;
}

void recycle_check(struct slot *slot)
{
    if (slot->state != SLOT_READY || !slot->is_wanted || slot->replace_why)
        return;
    if (recycle_is_old(slot))
        slot_replace(slot, "it is old enough (recycle-after)");
    else if (recycle_is_fat(slot))
        slot_replace(slot, "it has grown (recycle-memory)");
}
