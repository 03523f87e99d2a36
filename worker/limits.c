/* Time and memory limits, enforced from outside. See limits.h. */
#include "worker/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker/recorder.h"
#include "worker/verdict.h"

/* Resident memory of a process, 0 when it cannot be told. */
static uint64_t limits_memory(int pid)
{
    char path[64];
    unsigned long pages = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limits_check_memory(struct slot *slot)
{
    uint64_t max = (uint64_t)slot->pool->options.memory_max_mib << 20;
    uint64_t used = max ? limits_memory(slot->process.pid) : 0;
    char why[128];

    if (used <= max)
        return;
    snprintf(why, sizeof why, "it used %" PRIu64 " MiB of memory, the limit is %" PRIu64 " MiB",
             used >> 20, max >> 20);
    slot_kill(slot, why);
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
    if (slot->state == SLOT_READY)
        limits_check_memory(slot);
    if (slot->state == SLOT_READY || slot->state == SLOT_DRAINING)
        limits_check_time(slot, now_ms);
}
