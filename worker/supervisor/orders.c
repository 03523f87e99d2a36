/* Orders for pools. See orders.h. */
#include "worker/supervisor/orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/nearest.h"

static enum ct_code orders_scale(struct pool_run *pool, const struct proto_order *order,
                                 struct ct_error *detail)
{
    uint32_t min = pool->min, max = pool->max, runners;

    if (!order->has_count || !order->has_pool)
        return ct_error_set(detail, CT_E_INVALID, "scale needs a pool and a count of runners");
    if (order->count > POOL_PROCESSES_MAX)
        return ct_error_set(detail, CT_E_INVALID,
                            "a pool may have %d runners at the most, not %llu", POOL_PROCESSES_MAX,
                            (unsigned long long)order->count);
    runners = (uint32_t)order->count;
    pool_run_set(pool, runners);
    if (runners < min)
        (void)ct_error_set(detail, CT_E_OK, "its minimum was %u, and is %u until the next reload",
                           min, runners);
    else if (runners > max)
        (void)ct_error_set(detail, CT_E_OK, "its maximum was %u, and is %u until the next reload",
                           max, runners);
    return CT_E_OK;
}

static enum ct_code orders_pause(struct pool_run *pool, const struct proto_order *order,
                                 struct ct_error *detail)
{
    pool_run_pause(pool, true);
    return CT_E_OK;
}

static enum ct_code orders_resume(struct pool_run *pool, const struct proto_order *order,
                                  struct ct_error *detail)
{
    pool_run_pause(pool, false);
    return CT_E_OK;
}

static enum ct_code orders_stop(struct pool_run *pool, const struct proto_order *order,
                                struct ct_error *detail)
{
    pool_run_halt(pool, true);
    return CT_E_OK;
}

static enum ct_code orders_start(struct pool_run *pool, const struct proto_order *order,
                                 struct ct_error *detail)
{
    pool_run_halt(pool, false);
    return CT_E_OK;
}

static enum ct_code orders_restart(struct pool_run *pool, const struct proto_order *order,
                                   struct ct_error *detail)
{
    if (pool->is_stopped)
        return ct_error_set(detail, CT_E_CONFLICT, "pool %.100s is stopped: start it",
                            pool->config->name);
    pool_run_restart(pool, "by order");
    return CT_E_OK;
}

static const struct order_verb {
    const char *name;
    enum ct_code (*obey)(struct pool_run *pool, const struct proto_order *order,
                         struct ct_error *detail);
} verbs[] = {
    {"scale", orders_scale},     {"pause", orders_pause}, {"resume", orders_resume},
    {"stop", orders_stop},       {"drain", orders_stop},  {"start", orders_start},
    {"restart", orders_restart},
};

#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static const struct order_verb *orders_find_verb(struct ct_str name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (ct_str_is(name, verbs[i].name))
            return &verbs[i];
    return NULL;
}

static enum ct_code orders_no_pool(const struct generation *generation, struct ct_str name,
                                   struct ct_error *detail)
{
    char *word = ct_strndup(name.data, name.len);
    struct ct_nearest nearest;
    enum ct_code rc;

    ct_nearest_init(&nearest, word);
    for (size_t i = 0; i < generation->config.pool_count; i++)
        ct_nearest_offer(&nearest, generation->config.pools[i].name);
    if (nearest.best)
        rc = ct_error_set(detail, CT_E_NOT_FOUND,
                          "this worker has no pool %.60s; did you mean %.60s?", word, nearest.best);
    else
        rc = ct_error_set(detail, CT_E_NOT_FOUND, "this worker has no pool %.60s; it has %.60s%s",
                          word, generation->config.pools[0].name,
                          generation->config.pool_count > 1 ? " and others" : "");
    free(word);
    return rc;
}

static bool orders_concerns(const struct proto_order *order, const struct pool_run *pool)
{
    return !order->has_pool || ct_str_is(order->pool, pool->config->name);
}

enum ct_code orders_obey(struct generation *generation, const struct proto_order *order,
                         struct ct_error *detail)
{
    const struct order_verb *verb = orders_find_verb(order->verb);
    struct ct_error said = {.code = CT_E_OK};
    size_t concerned = 0, obeyed = 0;

    *detail = said;
    if (!verb)
        return ct_error_set(detail, CT_E_INVALID, "this worker knows no order '%.*s'",
                            (int)(order->verb.len < 60 ? order->verb.len : 60), order->verb.data);
    for (size_t i = 0; i < generation->config.pool_count; i++) {
        struct pool_run *pool = &generation->pools[i];

        if (!orders_concerns(order, pool))
            continue;
        concerned++;
        if (verb->obey(pool, order, &said) != CT_E_OK)
            continue;
        obeyed++;
        ct_log_info("order for a pool", CT_STR("pool", pool->config->name),
                    CT_STR("verb", verb->name), CT_INT("runners", pool->wanted));
    }
    if (concerned == 0)
        return orders_no_pool(generation, order->pool, detail);
    if (obeyed == 0 || order->has_pool)
        *detail = said; /* an order for all is for those that can */
    return detail->code;
}

bool orders_is_leave(const struct proto_order *order)
{
    return ct_str_is(order->verb, "drain") && !order->has_pool;
}
