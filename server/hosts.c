/* The queues of the daemon. See hosts.h; called by daemon.c and by connections, at the end of each
 * turn of the loop by daemon.c. */
#include "server/hosts.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"
#include "server/hosts_internal.h"

/* Turns that a turn may cause in the same pass; more go to the next turn of the loop. */
#define HOSTS_PASSES_MAX 8

/* --- what hosts ask of their owner --- */

void hosts_schedule(void *ctx, struct queue_host *host)
{
    struct hosts *hosts = ctx;
    struct ct_list *node = queue_host_turn_node(host);

    if (ct_list_is_empty(node))
        ct_list_push_back(&hosts->turns, node);
}

static void hosts_retire(void *ctx, struct queue_host *host)
{
    struct hosts *hosts = ctx;
    struct ct_list *node = queue_host_node(host);

    ct_list_remove(node);
    ct_list_push_back(&hosts->retired, node);
}

static void hosts_on_host_gone(void *ctx)
{
    struct hosts *hosts = ctx;

    ct_assert(hosts->host_count > 0);
    hosts->host_count--;
}

/* --- turns --- */

void hosts_turn(struct hosts *hosts)
{
    struct ct_list now;

    if (!ct_list_is_empty(&hosts->searches))
        hosts_search_all(hosts);
    for (int pass = 0; pass < HOSTS_PASSES_MAX && !ct_list_is_empty(&hosts->turns); pass++) {
        ct_list_init(&now);
        ct_list_append(&now, &hosts->turns);
        while (!ct_list_is_empty(&now)) {
            struct ct_list *node = now.next;
            ct_list_remove(node);
            queue_host_turn(queue_host_of_turn(node));
        }
    }
}

bool hosts_want_turn(const struct hosts *hosts)
{
    return !ct_list_is_empty(&hosts->turns);
}

/* --- life --- */

static void hosts_open_configured(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->queue_count; i++) {
        const struct hosts_want want = {
            .prefix = ct_str_of(hosts->queues[i].prefix),
            .name = ct_str_of(hosts->queues[i].name),
        };
        hosts_find(hosts, &want, NULL, NULL);
    }
}

struct hosts *hosts_open(const struct hosts_options *options)
{
    struct hosts *hosts = ct_zalloc(sizeof *hosts);

    hosts->loop = options->loop;
    hosts->url = options->url;
    hosts->queues = options->queues;
    hosts->queue_count = options->queue_count;
    hosts->dialect = options->dialect;
    hosts->quiet_ms = options->quiet_ms;
    hosts->on_redis_up = options->on_redis_up;
    hosts->ctx = options->ctx;
    ct_list_init(&hosts->live);
    ct_list_init(&hosts->retired);
    ct_list_init(&hosts->turns);
    ledger_init(&hosts->ledger);
    hosts_init_searches(hosts);
    hosts->world = (struct queue_host_world){
        .loop = options->loop,
        .url = options->url,
        .random = options->random,
        .clock = options->clock,
        .schedule = hosts_schedule,
        .retire = hosts_retire,
        .gone = hosts_on_host_gone,
        .ctx = hosts,
    };
    hosts_open_links(hosts);
    hosts_open_configured(hosts);
    return hosts;
}

void hosts_drain(struct hosts *hosts)
{
    hosts->is_draining = true;
    hosts_stir(hosts);
    CT_LIST_FOREACH_SAFE (node, following, &hosts->live)
        queue_host_drain(queue_host_of(node));
}

struct ledger *hosts_ledger(struct hosts *hosts)
{
    return &hosts->ledger;
}

static void hosts_add_figures(const struct ct_list *list, struct hosts_figures *out)
{
    struct queue_figures figures;

    CT_LIST_FOREACH (node, list) {
        queue_figures(queue_host_queue(queue_host_of(node)), &figures);
        out->leases += figures.leases;
        out->credits += figures.credits;
        out->pending += figures.pending;
    }
}

void hosts_figures(const struct hosts *hosts, struct hosts_figures *out)
{
    *out = (struct hosts_figures){
        .redis_connects = hosts->redis_connects,
        .queues = hosts->host_count,
    };
    hosts_add_figures(&hosts->live, out);
    hosts_add_figures(&hosts->retired, out);
}

uint32_t hosts_each_trouble(const struct hosts *hosts,
                            void (*visit)(void *arg, const char *name, const char *why), void *arg)
{
    uint32_t count = 0;

    CT_LIST_FOREACH (node, &hosts->live) {
        const struct queue *queue = queue_host_queue(queue_host_of(node));
        const char *why = queue_trouble(queue);

        if (!why)
            continue;
        count++;
        visit(arg, queue_name(queue), why);
    }
    return count;
}

bool hosts_are_gone(const struct hosts *hosts)
{
    return hosts->host_count == 0 && ct_list_is_empty(&hosts->searches) &&
           ct_list_is_empty(&hosts->silent);
}

static void hosts_on_closed(void *ctx)
{
    struct hosts *hosts = ctx;

    if (--hosts->handles_open > 0)
        return;
    void (*closed)(void *ctx) = hosts->closed;
    void *closed_ctx = hosts->closed_ctx;
    ledger_fini(&hosts->ledger);
    free(hosts);
    closed(closed_ctx);
}

static void hosts_on_timer_closed(uv_handle_t *handle)
{
    hosts_on_closed(handle->data);
}

void hosts_close(struct hosts *hosts, void (*closed)(void *ctx), void *ctx)
{
    ct_assert(hosts_are_gone(hosts));
    hosts->closed = closed;
    hosts->closed_ctx = ctx;
    hosts->handles_open = 3;
    uv_close((uv_handle_t *)&hosts->again, hosts_on_timer_closed);
    redis_link_close(hosts->world.commands, hosts_on_closed, hosts);
    redis_link_close(hosts->world.messages, hosts_on_closed, hosts);
}
