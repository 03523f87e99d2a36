/* Bringing a pool to the size that it should have. See pool_run.h. */
#include "worker/pool_run.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"

/* --- slots ---------------------------------------------------------------------------------------
 */

/* A slot that nothing lives in; NULL when there can be no more. */
static struct slot *pool_free_slot(struct pool_run *pool)
{
    struct slot *slot;

    for (size_t i = 0; i < pool->slot_count; i++)
        if (pool->slots[i]->state == SLOT_DOWN && !pool->slots[i]->is_wanted)
            return pool->slots[i];
    if (pool->slot_count == POOL_SLOTS_MAX)
        return NULL;
    slot = ct_alloc(sizeof *slot);
    slot_init(slot, pool->context, pool->config, (uint32_t)pool->slot_count);
    pool->slots = ct_realloc(pool->slots, (pool->slot_count + 1) * sizeof(struct slot *));
    pool->slots[pool->slot_count++] = slot;
    return slot;
}

/* Counts as one of those that should run: a successor does when it has taken over. */
static bool pool_counts(const struct pool_run *pool, const struct slot *slot)
{
    return slot->is_wanted && slot != pool->successor;
}

static uint32_t pool_count(const struct pool_run *pool)
{
    uint32_t count = 0;

    for (size_t i = 0; i < pool->slot_count; i++)
        count += pool_counts(pool, pool->slots[i]);
    return count;
}

/* --- replacing one -------------------------------------------------------------------------------
 */

static void pool_finish_replacing(struct pool_run *pool)
{
    struct slot *replaced = pool->replaced;

    if (!replaced || (replaced->is_wanted && pool->successor->state != SLOT_READY))
        return;
    pool->replaced = pool->successor = NULL;
    if (replaced->is_wanted)
        slot_retire(replaced);
}

static void pool_begin_replacing(struct pool_run *pool)
{
    for (size_t i = 0; i < pool->slot_count && !pool->replaced; i++) {
        struct slot *slot = pool->slots[i];

        if (!slot->replace_why || !slot->is_wanted || slot->state != SLOT_READY)
            continue;
        pool->successor = pool_free_slot(pool);
        if (!pool->successor)
            return;
        pool->replaced = slot;
        ct_log_info("replacing a runner", CT_STR("pool", pool->config->name),
                    CT_INT("slot", slot->index), CT_INT("by", pool->successor->index),
                    CT_STR("why", slot->replace_why));
        slot_start(pool->successor);
    }
}

/* --- its size ------------------------------------------------------------------------------------
 */

/* One that does not work yet; else the one with the highest number. */
static struct slot *pool_pick_to_drain(const struct pool_run *pool)
{
    struct slot *picked = NULL;

    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *slot = pool->slots[i];

        if (pool_counts(pool, slot) &&
            (!picked || picked->state == SLOT_READY || slot->state != SLOT_READY))
            picked = slot;
    }
    return picked;
}

static void pool_fit(struct pool_run *pool)
{
    uint32_t count = pool_count(pool);
    struct slot *slot;

    for (; count < pool->wanted && (slot = pool_free_slot(pool)); count++)
        slot_start(slot);
    for (; count > pool->wanted; count--) {
        slot = pool_pick_to_drain(pool);
        if (slot == pool->replaced) {
            slot_drain(pool->successor);
            pool->replaced = pool->successor = NULL;
        }
        slot_drain(slot);
    }
}

void pool_run_turn(struct pool_run *pool)
{
    if (pool->is_ending)
        return;
    pool_finish_replacing(pool);
    pool_fit(pool);
    pool_begin_replacing(pool);
}

void pool_run_want(struct pool_run *pool, uint32_t runners)
{
    if (runners < pool->min)
        runners = pool->min;
    if (runners > pool->max)
        runners = pool->max;
    if (runners == pool->wanted)
        return;
    pool->wanted = runners;
    pool->context->on_change(pool->context->ctx);
}

/* --- life ----------------------------------------------------------------------------------------
 */

void pool_run_open(struct pool_run *pool, const struct slot_context *context,
                   const struct pool_config *config)
{
    *pool = (struct pool_run){
        .config = config,
        .context = context,
        .min = (uint32_t)config->options.processes,
        .max = (uint32_t)config->options.processes_max,
        .wanted = (uint32_t)config->options.processes,
    };
    pool_run_turn(pool);
}

static void pool_end(struct pool_run *pool, void (*end)(struct slot *slot))
{
    pool->is_ending = true;
    pool->replaced = pool->successor = NULL;
    for (size_t i = 0; i < pool->slot_count; i++)
        end(pool->slots[i]);
}

void pool_run_drain(struct pool_run *pool)
{
    pool_end(pool, slot_drain);
}

void pool_run_retire(struct pool_run *pool)
{
    pool_end(pool, slot_retire);
}

void pool_run_stop(struct pool_run *pool)
{
    pool_end(pool, slot_stop);
}

static void pool_slot_closed(void *ctx)
{
    struct pool_run *pool = ctx;

    ct_assert(pool->slots_open > 0);
    if (--pool->slots_open > 0)
        return;
    for (size_t i = 0; i < pool->slot_count; i++)
        free(pool->slots[i]);
    free(pool->slots);
    pool->closed(pool->closed_ctx);
}

void pool_run_close(struct pool_run *pool, void (*closed)(void *ctx), void *ctx)
{
    ct_assert(pool->is_ending);
    ct_assert(pool->slot_count > 0); /* a pool has one runner at the least, to begin with */
    pool->closed = closed;
    pool->closed_ctx = ctx;
    pool->slots_open = pool->slot_count;
    for (size_t i = 0; i < pool->slot_count; i++)
        slot_close(pool->slots[i], pool_slot_closed, pool);
}

/* --- what it is ----------------------------------------------------------------------------------
 */

bool pool_run_is_ready(const struct pool_run *pool)
{
    uint32_t ready = 0;

    for (size_t i = 0; i < pool->slot_count; i++)
        ready += pool->slots[i]->is_wanted && pool->slots[i]->state == SLOT_READY;
    return ready >= pool->wanted;
}

bool pool_run_is_down(const struct pool_run *pool)
{
    for (size_t i = 0; i < pool->slot_count; i++)
        if (pool->slots[i]->state != SLOT_DOWN)
            return false;
    return true;
}

const struct slot *pool_run_find_unusable(const struct pool_run *pool)
{
    const struct slot *found = NULL;

    for (size_t i = 0; i < pool->slot_count; i++) {
        const struct slot *slot = pool->slots[i];

        if (slot->was_ready)
            return NULL;
        if (slot->is_unusable && slot->state == SLOT_DOWN)
            found = slot;
    }
    return found;
}
