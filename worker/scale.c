/* Growing and shrinking a pool. See scale.h. */
#include "worker/scale.h"

#include <stdlib.h>

#include "common/log.h"
#include "worker/recorder.h"

int scale_decide(struct scale *scale, const struct scale_look *look)
{
    bool is_busy = look->ready > 0 && look->ready == look->wanted && look->busy == look->ready;
    bool is_idle = look->ready == look->wanted && look->idle > 0;

    scale->busy_ticks =
        is_busy && look->wanted < scale->pool->options.processes_max ? scale->busy_ticks + 1 : 0;
    scale->idle_ticks =
        is_idle && look->wanted > scale->pool->options.processes ? scale->idle_ticks + 1 : 0;
    if (scale->busy_ticks >= SCALE_UP_TICKS) {
        scale->busy_ticks = 0;
        return 1;
    }
    if (scale->idle_ticks >= SCALE_DOWN_TICKS) {
        scale->idle_ticks = 0;
        return -1;
    }
    return 0;
}

static void scale_look_at(struct scale_look *look, const struct slot *slot, uint32_t concurrency)
{
    struct recorder_job *jobs;
    size_t running;

    look->wanted += slot->is_wanted;
    if (!slot->is_wanted || slot->state != SLOT_READY ||
        recorder_read(slot->recorder_fd, &jobs, &running, NULL) != CT_E_OK)
        return;
    free(jobs);
    look->ready++;
    look->busy += running >= concurrency;
    look->idle += running == 0;
}

static void scale_log(const struct scale *scale, const char *what, uint32_t runners)
{
    ct_log_info("pool changes its size", CT_STR("pool", scale->pool->name), CT_STR("why", what),
                CT_INT("runners", runners));
}

void scale_tick(struct scale *scale)
{
    uint32_t max = (uint32_t)scale->pool->options.processes_max;
    struct scale_look look = {0};
    int change;

    if (max == scale->pool->options.processes)
        return;
    for (uint32_t i = 0; i < max; i++)
        scale_look_at(&look, &scale->slots[i], (uint32_t)scale->pool->options.concurrency);
    change = scale_decide(scale, &look);
    for (uint32_t i = 0; change > 0 && i < max; i++) {
        if (!scale->slots[i].is_wanted && scale->slots[i].state == SLOT_DOWN) {
            scale_log(scale, "all threads busy", look.wanted + 1);
            slot_start(&scale->slots[i]);
            change = 0;
        }
    }
    for (uint32_t i = max; change < 0 && i > 0; i--) {
        if (scale->slots[i - 1].is_wanted && scale->slots[i - 1].state == SLOT_READY) {
            scale_log(scale, "a runner was idle", look.wanted - 1);
            slot_drain(&scale->slots[i - 1]);
            change = 0;
        }
    }
}
