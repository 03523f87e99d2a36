/* Growing and shrinking a pool. See scale.h. */
#include "worker/supervisor/scale.h"

#include "common/log.h"
#include "worker/supervisor/fleet.h"

/* Runners that the backlog justifies; no more than there can be. */
static uint32_t scale_needed(const struct scale_look *look)
{
    uint64_t needed;

    if (!look->has_backlog || look->jobs_each == 0)
        return 0;
    needed = look->waiting / look->jobs_each + (look->waiting % look->jobs_each > 0);
    return needed < look->max ? (uint32_t)needed : look->max;
}

static bool scale_is_late(const struct scale_look *look)
{
    return look->has_backlog && look->age_max_ms && look->oldest_ms > look->age_max_ms;
}

/* All that should run do: a look at them means something. */
static bool scale_is_settled(const struct scale_look *look)
{
    return look->runners.ready == look->wanted;
}

/* How many runners this look wants, when it wants more. */
static uint32_t scale_up(const struct scale *scale, const struct scale_look *look, const char **why)
{
    uint32_t needed = scale_needed(look);

    if (look->wanted >= look->max)
        return look->wanted;
    if (needed > look->wanted) {
        *why = "jobs are waiting";
        return needed;
    }
    if (scale_is_late(look)) {
        *why = "jobs wait too long";
        return look->wanted + (scale_is_settled(look) && scale->age_ticks == 0);
    }
    *why = "all threads busy";
    return look->wanted + (!look->has_backlog && look->runners.ready > 0 &&
                           scale_is_settled(look) && look->runners.busy == look->runners.ready);
}

static bool scale_is_down(const struct scale_look *look)
{
    return scale_is_settled(look) && look->runners.idle > 0 && look->wanted > look->min &&
           !scale_is_late(look) && scale_needed(look) < look->wanted;
}

uint32_t scale_decide(struct scale *scale, const struct scale_look *look, const char **why)
{
    uint32_t more = scale_up(scale, look, why);

    scale->age_ticks -= scale->age_ticks > 0;
    scale->up_ticks = more > look->wanted ? scale->up_ticks + 1 : 0;
    scale->idle_ticks = scale_is_down(look) ? scale->idle_ticks + 1 : 0;
    if (scale->up_ticks >= SCALE_UP_TICKS) {
        scale->up_ticks = 0;
        scale->age_ticks = scale_is_late(look) ? SCALE_AGE_TICKS : 0;
        return more;
    }
    if (scale->idle_ticks >= SCALE_DOWN_TICKS) {
        scale->idle_ticks = 0;
        *why = "a runner was idle";
        return look->wanted - 1;
    }
    return look->wanted;
}

bool scale_wants_backlog(const struct pool_config *config)
{
    return config->options.scale_backlog > 0 || config->options.scale_age_ms > 0;
}

/* Of all its queues together; known as long as the daemon has told of each lately. */
static void scale_add_backlog(struct scale_look *look, const struct pool_run *pool, uint64_t now_ms)
{
    look->has_backlog = scale_wants_backlog(pool->config);
    for (size_t i = 0; i < pool->config->queue_count && look->has_backlog; i++) {
        const struct pool_backlog *backlog = &pool->backlogs[i];

        look->has_backlog = backlog->told_ms > 0 && now_ms - backlog->told_ms < FLEET_BACKLOG_MS;
        look->waiting += backlog->waiting;
        if (backlog->oldest_ms > look->oldest_ms)
            look->oldest_ms = backlog->oldest_ms;
    }
}

void scale_tick(struct scale *scale, const struct pool_look *runners, uint64_t now_ms)
{
    struct pool_run *pool = scale->pool;
    const struct pool_options *options = &pool->config->options;
    struct scale_look look = {
        .wanted = pool->wanted,
        .min = pool->min,
        .max = pool->max,
        .runners = *runners,
        .jobs_each = (uint64_t)(options->scale_backlog * options->concurrency),
        .age_max_ms = (uint64_t)options->scale_age_ms,
    };
    const char *why;
    uint32_t wanted;

    if (pool->max == pool->min || pool->is_stopped || pool->is_paused)
        return;
    scale_add_backlog(&look, pool, now_ms);
    wanted = scale_decide(scale, &look, &why);
    if (wanted == look.wanted)
        return;
    ct_log_info("pool changes its size", CT_STR("pool", pool->config->name), CT_STR("why", why),
                CT_INT("runners", wanted));
    pool_run_want(pool, wanted);
}
