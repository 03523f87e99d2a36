/* See order_wait.h. One row a verb says what its pool must look like. */
#include "q/order_wait.h"

#include <string.h>

#include "q/fleet.h"

static bool is_state(const json_t *pool, const char *state)
{
    return ct_str_is(fleet_text(pool, "state"), state);
}

static bool is_ready(const json_t *pool)
{
    int64_t wanted = fleet_number(pool, "wanted");

    return fleet_runners(pool, "ready") == wanted && fleet_runners(pool, NULL) == wanted;
}

static bool is_paused(const struct worker_order *order, const json_t *before, const json_t *now)
{
    return is_state(now, "paused");
}

static bool is_running(const struct worker_order *order, const json_t *before, const json_t *now)
{
    return is_state(now, "running") && is_ready(now);
}

static bool is_stopped(const struct worker_order *order, const json_t *before, const json_t *now)
{
    return is_state(now, "stopped") && fleet_runners(now, NULL) == 0;
}

static bool is_scaled(const struct worker_order *order, const json_t *before, const json_t *now)
{
    return fleet_number(now, "wanted") == order->count &&
           (is_state(now, "stopped") || is_ready(now));
}

static bool has_runner(const json_t *pool, struct ct_str uuid)
{
    const json_t *runners = fleet_list(pool, "runners");

    for (size_t i = 0; i < json_array_size(runners); i++) {
        if (ct_str_equal(fleet_text(json_array_get(runners, i), "runner"), uuid))
            return true;
    }
    return false;
}

/* Of those that ran before the order none is left. */
static bool is_renewed(const struct worker_order *order, const json_t *before, const json_t *now)
{
    const json_t *runners = fleet_list(now, "runners");

    for (size_t i = 0; i < json_array_size(runners); i++) {
        const json_t *runner = json_array_get(runners, i);
        if (!ct_str_is(fleet_text(runner, "state"), "down") &&
            has_runner(before, fleet_text(runner, "runner")))
            return false;
    }
    return is_ready(now);
}

static const struct {
    const char *verb;
    bool (*is_done)(const struct worker_order *order, const json_t *before, const json_t *now);
} goals[] = {
    {"pause", is_paused},  {"resume", is_running}, {"start", is_running},   {"stop", is_stopped},
    {"drain", is_stopped}, {"scale", is_scaled},   {"restart", is_renewed},
};

bool order_ends_worker(const struct worker_order *order)
{
    return !order->pool && strcmp(order->verb, "drain") == 0;
}

static bool pool_is_done(const struct worker_order *order, const json_t *before, const json_t *pool)
{
    const char *name = fleet_text(pool, "name").data;

    if (order->pool && strcmp(order->pool, name) != 0)
        return true;
    for (size_t i = 0; i < sizeof goals / sizeof goals[0]; i++) {
        if (strcmp(goals[i].verb, order->verb) == 0)
            return goals[i].is_done(order, fleet_pool(before, name), pool);
    }
    return true;
}

bool order_is_done(const struct worker_order *order, const json_t *before, const json_t *now)
{
    const json_t *pools = fleet_list(now, "pools");

    for (size_t i = 0; i < json_array_size(pools); i++) {
        if (!pool_is_done(order, before, json_array_get(pools, i)))
            return false;
    }
    return true;
}
