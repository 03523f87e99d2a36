/* The pools of one configuration. See generation.h. */
#include "worker/supervisor/generation.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "worker/watch/limits.h"

struct generation *generation_new(const struct slot_context *context, struct worker_config *config)
{
    struct generation *generation = ct_zalloc(sizeof *generation);

    generation->config = *config;
    memset(config, 0, sizeof *config);
    generation->pools = ct_zalloc(generation->config.pool_count * sizeof *generation->pools);
    generation->scales = ct_zalloc(generation->config.pool_count * sizeof *generation->scales);
    for (size_t i = 0; i < generation->config.pool_count; i++) {
        pool_run_open(&generation->pools[i], context, &generation->config.pools[i]);
        generation->scales[i] = (struct scale){.pool = &generation->pools[i]};
    }
    return generation;
}

static void generation_pool_closed(void *ctx)
{
    struct generation *generation = ctx;

    if (--generation->pools_open > 0)
        return;
    config_free(&generation->config);
    free(generation->pools);
    free(generation->scales);
    free(generation);
}

void generation_close(struct generation *generation)
{
    size_t count = generation->config.pool_count;

    ct_list_remove(&generation->link);
    generation->pools_open = count;
    for (size_t i = 0; i < count; i++)
        pool_run_close(&generation->pools[i], generation_pool_closed, generation);
}

static void generation_each(struct generation *generation, void (*act)(struct pool_run *pool))
{
    for (size_t i = 0; i < generation->config.pool_count; i++)
        act(&generation->pools[i]);
}

void generation_turn(struct generation *generation)
{
    generation_each(generation, pool_run_turn);
}

void generation_watch(struct generation *generation)
{
    uint64_t now_ms = uv_hrtime() / 1000000u;

    for (size_t i = 0; i < generation->config.pool_count; i++)
        for (size_t s = 0; s < generation->pools[i].slot_count; s++)
            limits_check(generation->pools[i].slots[s], now_ms);
}

void generation_look(struct generation *generation, uint64_t now_ms)
{
    for (size_t i = 0; i < generation->config.pool_count; i++) {
        struct pool_look look;

        pool_run_look(&generation->pools[i], &look);
        if (!generation->is_ending)
            scale_tick(&generation->scales[i], &look, now_ms);
    }
}

bool generation_has(const struct generation *generation, int pid)
{
    for (size_t i = 0; i < generation->config.pool_count; i++) {
        const struct pool_run *pool = &generation->pools[i];

        for (size_t s = 0; s < pool->slot_count; s++)
            if (slot_is_alive(pool->slots[s]) && pool->slots[s]->process.pid == pid)
                return true;
    }
    return false;
}

void generation_drain(struct generation *generation)
{
    generation->is_ending = true;
    generation->is_retiring = false;
    generation_each(generation, pool_run_drain);
}

void generation_retire(struct generation *generation)
{
    generation->is_ending = generation->is_retiring = true;
    generation_each(generation, pool_run_retire);
}

void generation_stop(struct generation *generation)
{
    generation->is_ending = true;
    generation_each(generation, pool_run_stop);
}

static bool generation_is_all(const struct generation *generation,
                              bool (*is)(const struct pool_run *pool))
{
    for (size_t i = 0; i < generation->config.pool_count; i++)
        if (!is(&generation->pools[i]))
            return false;
    return true;
}

bool generation_is_ready(const struct generation *generation)
{
    return generation_is_all(generation, pool_run_is_ready);
}

bool generation_is_settled(const struct generation *generation)
{
    return generation_is_all(generation, pool_run_is_settled);
}

bool generation_is_down(const struct generation *generation)
{
    return generation_is_all(generation, pool_run_is_down);
}

const struct slot *generation_find_unusable(const struct generation *generation)
{
    const struct slot *found = NULL;

    for (size_t i = 0; i < generation->config.pool_count && !found; i++)
        found = pool_run_find_unusable(&generation->pools[i]);
    return found;
}
