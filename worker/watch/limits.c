/* Limits of time, memory and processes, enforced from outside. See limits.h. */
#include "worker/watch/limits.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/shared/recorder.h"
#include "worker/supervisor/recycle.h"
#include "worker/supervisor/verdict.h"
#include "worker/watch/temp_watch.h"
#include "worker/watch/tree.h"

/* Nothing is asked here: what is over such a limit cannot be trusted to stop, and goes on growing
 * while it is waited for. */
static void limits_end(struct slot *slot, const struct tree *tree, const char *why)
{
    slot_kill_now(slot, why);
    if (slot->cgroup)
        cgroup_kill(slot->cgroup);
    for (size_t i = 0; i < tree->count; i++)
        (void)kill(tree->pids[i], SIGKILL); /* the rest is found when it is dead (orphans.h) */
}

/* By the jobs that it runs now: a name's own limit may be larger than the pool's. Of several that
 * run, the largest. 0: none. */
static uint64_t limits_memory_max(const struct slot *slot)
{
    const struct pool_config *pool = slot->pool;
    int64_t max_mib = -1;
    struct recorder_job *jobs;
    size_t count;

    if (pool->limit_count == 0 || recorder_read(slot->recorder_fd, &jobs, &count, NULL) != CT_E_OK)
        return (uint64_t)pool->options.memory_max_mib << 20;
    for (size_t i = 0; i < count && max_mib != 0; i++) {
        uint32_t which = jobs[i].limits;
        int64_t mib = which > 0 && which <= pool->limit_count
                          ? pool->limits[which - 1].memory_max_mib
                          : pool->options.memory_max_mib;

        if (mib == 0 || mib > max_mib)
            max_mib = mib;
    }
    free(jobs);
    return (uint64_t)(max_mib < 0 ? pool->options.memory_max_mib : max_mib) << 20;
}

uint64_t limits_memory_most(const struct pool_config *pool)
{
    int64_t most_mib = pool->options.memory_max_mib;

    for (size_t i = 0; i < pool->limit_count && most_mib != 0; i++)
        if (pool->limits[i].memory_max_mib == 0 || pool->limits[i].memory_max_mib > most_mib)
            most_mib = pool->limits[i].memory_max_mib;
    return (uint64_t)most_mib << 20;
}

/* A child between vfork and exec has its parent's memory, and is gone in a moment: what only the
 * sum shows is believed at the second look. */
static bool limits_is_over(struct slot *slot, uint64_t used, uint64_t memory_max)
{
    bool was_over = slot->was_over;

    slot->was_over = used > memory_max;
    return slot->was_over && (was_over || tree_memory_of(slot->process.pid) > memory_max);
}

static void limits_check_size(struct slot *slot)
{
    static struct tree tree; /* large, and used in one place at a time */
    uint64_t memory_max = limits_memory_max(slot);
    uint64_t children_max = (uint64_t)slot->pool->options.children_max;
    uint64_t used;
    char why[128];

    if (memory_max == 0 && children_max == 0)
        return;
    /* A fork bomb may be far larger: nobody needs to know how far. */
    tree_read(&tree, slot->process.pid, children_max ? children_max + 1 : TREE_MAX);
    used = memory_max ? tree_memory(&tree, slot->process.pid, memory_max) : 0;
    if (limits_is_over(slot, used, memory_max)) {
        snprintf(why, sizeof why,
                 "killed at %" PRIu64 " MiB of memory, limit %" PRIu64 " MiB (memory-max)",
                 used >> 20, memory_max >> 20);
        limits_end(slot, &tree, why);
    } else if (children_max && tree.count > children_max) {
        snprintf(why, sizeof why,
                 "killed at %zu%s child processes, limit %" PRIu64 " (children-max)", tree.count,
                 tree.is_cut ? " or more" : "", children_max);
        limits_end(slot, &tree, why);
    }
}

static void limits_check_time(struct slot *slot, uint64_t now_ms)
{
    uint64_t extra = slot->context->cancel_grace_ms + LIMITS_EXTRA_MS;
    struct recorder_job *jobs;
    size_t count;
    char why[128];

    if (recorder_read(slot->recorder_fd, &jobs, &count, NULL) != CT_E_OK)
        return; /* told when it dies */
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].deadline_ms == 0 || now_ms < jobs[i].deadline_ms + extra)
            continue;
        verdict_late(&jobs[i], why, sizeof why);
        slot_kill_late(slot, why, now_ms - extra);
        break;
    }
    free(jobs);
}

void limits_check(struct slot *slot, uint64_t now_ms)
{
    if (slot->state != SLOT_STARTING && slot->state != SLOT_READY && slot->state != SLOT_DRAINING)
        return;
    if (slot->state != SLOT_STARTING && now_ms - slot->time_checked_ms >= LIMITS_TIME_MS) {
        slot->time_checked_ms = now_ms;
        limits_check_time(slot, now_ms);
        temp_watch_look(slot);
        recycle_check(slot);
    }
    if (slot->state != SLOT_DYING)
        limits_check_size(slot);
}
