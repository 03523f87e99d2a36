/* What a pool is and what its runners do: only looks, and tells when they keep dying. Part of
 * pool_run.h. */
#include "worker/supervisor/pool_run.h"

#include <stdlib.h>

#include "common/log.h"
#include "worker/shared/recorder.h"
#include "worker/watch/tree.h"

static void pool_look_at(struct pool_look *look, struct slot *slot, uint32_t concurrency)
{
    struct recorder_job *jobs;
    size_t running;

    slot->jobs = 0;
    slot->memory_bytes = 0;
    if (slot->state == SLOT_DOWN ||
        recorder_read(slot->recorder_fd, &jobs, &running, NULL) != CT_E_OK)
        return;
    free(jobs);
    slot->jobs = (uint32_t)running;
    slot->memory_bytes = tree_memory_of(slot->process.pid);
    if (!slot->is_wanted || slot->state != SLOT_READY)
        return;
    look->ready++;
    look->busy += running >= concurrency;
    look->idle += running == 0;
}

static void pool_check_looping(struct pool_run *pool)
{
    const struct slot *looping = NULL;

    for (size_t i = 0; i < pool->slot_count && !looping; i++)
        if (slot_is_looping(pool->slots[i]))
            looping = pool->slots[i];
    if (!looping == !pool->is_looping)
        return;
    pool->is_looping = looping != NULL;
    pool->context->on_change(pool->context->ctx);
    if (looping)
        ct_log_error("runner keeps dying: it is started ever more slowly",
                     CT_STR("pool", pool->config->name), CT_INT("slot", looping->index),
                     CT_INT("failures", looping->failures),
                     CT_INT("slowest_ms", slot_restart_max_ms(looping)),
                     CT_STR("reason", looping->death));
    else
        ct_log_info("runners of the pool live again", CT_STR("pool", pool->config->name));
}

void pool_run_look(struct pool_run *pool, struct pool_look *out)
{
    *out = (struct pool_look){0};
    for (size_t i = 0; i < pool->slot_count; i++)
        pool_look_at(out, pool->slots[i], (uint32_t)pool->config->options.concurrency);
    pool_check_looping(pool);
}

const char *pool_run_state(const struct pool_run *pool)
{
    bool is_unusable = false;

    for (size_t i = 0; i < pool->slot_count; i++)
        is_unusable |= pool->slots[i]->is_wanted && pool->slots[i]->is_unusable;
    if (pool->is_stopped)
        return "stopped";
    if (is_unusable)
        return "unusable";
    if (pool->is_looping)
        return "crashLoop";
    return pool->is_paused ? "paused" : "running";
}

uint32_t pool_run_ready_count(const struct pool_run *pool)
{
    uint32_t ready = 0;

    for (size_t i = 0; i < pool->slot_count; i++)
        ready += pool->slots[i]->is_wanted && pool->slots[i]->state == SLOT_READY;
    return ready;
}

bool pool_run_is_ready(const struct pool_run *pool)
{
    return pool->is_stopped || pool_run_ready_count(pool) >= pool->wanted;
}

bool pool_run_is_settled(const struct pool_run *pool)
{
    bool is_settled = pool->is_stopped || pool->is_looping;

    for (size_t i = 0; i < pool->slot_count; i++)
        is_settled |= pool->slots[i]->was_ready || pool->slots[i]->is_unusable;
    return is_settled;
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
