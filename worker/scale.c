/* Growing and shrinking a pool. See scale.h. */
#include "worker/scale.h"

#include <stdlib.h>

#include "common/log.h"
#include "worker/recorder.h"

int scale_decide(struct scale *scale, const struct scale_look *look)
{
    bool is_busy = look->ready > 0 && look->ready == look->wanted && look->busy == look->ready;
    bool is_idle = look->ready == look->wanted && look->idle > 0;

    scale->busy_ticks = is_busy && look->wanted < scale->pool->max ? scale->busy_ticks + 1 : 0;
    scale->idle_ticks = is_idle && look->wanted > scale->pool->min ? scale->idle_ticks + 1 : 0;
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

    if (!slot->is_wanted || slot->state != SLOT_READY ||
        recorder_read(slot->recorder_fd, &jobs, &running, NULL) != CT_E_OK)
        return;
    free(jobs);
    look->ready++;
    look->busy += running >= concurrency;
    look->idle += running == 0;
}

void scale_tick(struct scale *scale)
{
    struct pool_run *pool = scale->pool;
    struct scale_look look = {.wanted = pool->wanted};
    int change;

    if (pool->max == pool->min)
        return;
    for (size_t i = 0; i < pool->slot_count; i++)
        scale_look_at(&look, pool->slots[i], (uint32_t)pool->config->options.concurrency);
    change = scale_decide(scale, &look);
    if (change == 0)
        return;
    ct_log_info("pool changes its size", CT_STR("pool", pool->config->name),
                CT_STR("why", change > 0 ? "all threads busy" : "a runner was idle"),
                CT_INT("runners", (int64_t)look.wanted + change));
    pool_run_want(pool, (uint32_t)((int64_t)look.wanted + change));
}
