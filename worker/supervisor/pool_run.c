/* Bringing a pool to the size that it should have. See pool_run.h. */
#include "worker/supervisor/pool_run.h"

#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"

/* --- slots ---------------------------------------------------------------------------------------
 */

/* A slot that nothing lives in; NULL when there can be no more. */
static struct slot *pool_free_slot(struct pool_run *pool)
{
    struct slot *slot;

    for (size_t i = 0; i < pool->slot_count; i++) {
        slot = pool->slots[i];
        if (slot->state == SLOT_DOWN && !slot->is_wanted) {
            slot->failures = 0; /* those were another runner's */
            return slot;
        }
    }
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

/* Runners that still end: retired ones, or those that have the grace period for it. There are never
 * more of either kind than should run when another is started, so that jobs that take long, or do
 * not stop, cannot fill the machine with runners. */
static uint32_t pool_draining_count(const struct pool_run *pool, bool is_retired)
{
    uint32_t count = 0;

    for (size_t i = 0; i < pool->slot_count; i++)
        count += pool->slots[i]->state == SLOT_DRAINING && pool->slots[i]->is_retired == is_retired;
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

static void pool_start(struct pool_run *pool, struct slot *slot)
{
    slot_pause(slot, pool->is_paused);
    slot_start(slot);
}

static void pool_begin_replacing(struct pool_run *pool)
{
    if (pool_draining_count(pool, true) >= pool->wanted)
        return; /* as soon as one of them is down */
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
        pool_start(pool, pool->successor);
    }
}

/* --- its size ------------------------------------------------------------------------------------
 */

/* The less it has to do the better: not ready, then idle when last looked at, then any. */
static unsigned pool_loss(const struct slot *slot)
{
    return slot->state != SLOT_READY ? 0 : slot->jobs == 0 ? 1 : 2;
}

/* Of those that lose as little the one with the highest number. */
static struct slot *pool_pick_to_retire(const struct pool_run *pool)
{
    struct slot *picked = NULL;

    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *slot = pool->slots[i];

        if (pool_counts(pool, slot) && (!picked || pool_loss(slot) <= pool_loss(picked)))
            picked = slot;
    }
    return picked;
}

static void pool_shrink(struct pool_run *pool)
{
    struct slot *slot = pool_pick_to_retire(pool);

    if (slot == pool->replaced) {
        slot_drain(pool->successor);
        pool->replaced = pool->successor = NULL;
    }
    slot_retire(slot); /* there is no hurry */
}

static void pool_fit(struct pool_run *pool)
{
    uint32_t count = pool_count(pool);
    struct slot *slot;

    while (count < pool->wanted && pool_draining_count(pool, false) <= pool->wanted &&
           (slot = pool_free_slot(pool))) {
        pool_start(pool, slot);
        count++;
    }
    for (; count > pool->wanted; count--)
        pool_shrink(pool);
}

static void pool_drain_all(struct pool_run *pool)
{
    pool->replaced = pool->successor = NULL;
    for (size_t i = 0; i < pool->slot_count; i++)
        slot_drain(pool->slots[i]);
}

static void pool_note_plugin(struct pool_run *pool)
{
    for (size_t i = 0; i < pool->slot_count; i++)
        if (pool->slots[i]->state == SLOT_READY)
            memcpy(pool->plugin, pool->slots[i]->plugin, sizeof pool->plugin);
}

void pool_run_turn(struct pool_run *pool)
{
    if (pool->is_ending)
        return;
    pool_note_plugin(pool);
    if (pool->is_stopped) {
        pool_drain_all(pool);
        return;
    }
    pool_finish_replacing(pool);
    pool_fit(pool);
    pool_begin_replacing(pool);
}

/* --- what is wanted of it ------------------------------------------------------------------------
 */

static void pool_changed(struct pool_run *pool)
{
    pool->context->on_change(pool->context->ctx);
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
    pool_changed(pool);
}

void pool_run_set(struct pool_run *pool, uint32_t runners)
{
    bool is_fixed = pool->min == pool->max;

    if (is_fixed || runners < pool->min)
        pool->min = runners;
    if (is_fixed || runners > pool->max)
        pool->max = runners;
    pool_run_want(pool, runners);
}

void pool_run_pause(struct pool_run *pool, bool is_paused)
{
    pool->is_paused = is_paused;
    for (size_t i = 0; i < pool->slot_count; i++)
        if (pool->slots[i]->is_wanted)
            slot_pause(pool->slots[i], is_paused);
    pool_changed(pool);
}

void pool_run_restart(struct pool_run *pool, const char *why)
{
    for (size_t i = 0; i < pool->slot_count; i++)
        slot_renew(pool->slots[i], why);
    pool_changed(pool);
}

void pool_run_halt(struct pool_run *pool, bool is_stopped)
{
    pool->is_stopped = is_stopped;
    for (size_t i = 0; i < pool->slot_count && !is_stopped; i++)
        if (pool->slots[i]->state == SLOT_DOWN)
            slot_renew(pool->slots[i], "the pool is started");
    pool_changed(pool);
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
        .backlogs = ct_zalloc(config->queue_count * sizeof(struct pool_backlog)),
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
    free(pool->backlogs);
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
