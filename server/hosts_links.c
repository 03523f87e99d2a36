/* The links to Redis that all queues share. Called by hosts.c.
 *
 * Redis lost: every queue is told, searches wait, and one line is logged at once and then every
 * HOSTS_REMIND_MS. Redis back: one line, every queue is told. */
#include "common/log.h"
#include "server/hosts_internal.h"

static void hosts_on_redis_up(void *ctx)
{
    struct hosts *hosts = ctx;

    if (hosts->reminded_ms > 0)
        ct_log_info("Redis is back", CT_INT("down_ms", uv_now(hosts->loop) - hosts->down_since_ms),
                    CT_INT("tries", hosts->down_tries));
    hosts->down_since_ms = hosts->reminded_ms = 0;
    hosts->down_tries = 0;
    CT_LIST_FOREACH (node, &hosts->live)
        queue_host_link_up(queue_host_of(node));
    CT_LIST_FOREACH (node, &hosts->retired)
        queue_host_link_up(queue_host_of(node));
    if (hosts->on_redis_up)
        hosts->on_redis_up(hosts->ctx);
}

static void hosts_on_redis_down(void *ctx, const struct ct_error *why)
{
    struct hosts *hosts = ctx;
    uint64_t now_ms = uv_now(hosts->loop) + 1; /* never 0 */

    hosts->down_tries++;
    if (hosts->down_since_ms == 0)
        hosts->down_since_ms = now_ms;
    if (now_ms - hosts->down_since_ms >= hosts->quiet_ms &&
        (hosts->reminded_ms == 0 || now_ms - hosts->reminded_ms >= HOSTS_REMIND_MS)) {
        ct_log_warn("Redis is away: trying again", CT_INT("tries", hosts->down_tries), CT_ERR(why));
        hosts->reminded_ms = now_ms;
    }
    CT_LIST_FOREACH (node, &hosts->live)
        queue_host_link_down(queue_host_of(node));
    CT_LIST_FOREACH (node, &hosts->retired)
        queue_host_link_down(queue_host_of(node));
}

static void hosts_on_messages_up(void *ctx)
{
    struct hosts *hosts = ctx;

    hosts->world.is_deaf = false;
}

static void hosts_on_messages_down(void *ctx, const struct ct_error *why)
{
    struct hosts *hosts = ctx;

    ct_log_debug("link for messages is down", CT_ERR(why));
    hosts->world.is_deaf = true;
    CT_LIST_FOREACH (node, &hosts->live)
        queue_host_deaf(queue_host_of(node));
    CT_LIST_FOREACH (node, &hosts->retired)
        queue_host_deaf(queue_host_of(node));
}

static void hosts_on_message(void *ctx, struct ct_str channel, struct ct_str payload)
{
    struct hosts *hosts = ctx;

    CT_LIST_FOREACH (node, &hosts->live)
        queue_host_message(queue_host_of(node), channel, payload);
}

bool hosts_redis_is_up(const struct hosts *hosts)
{
    return redis_link_is_up(hosts->world.commands);
}

static struct redis_link *hosts_open_link(struct hosts *hosts, bool is_for_messages)
{
    struct redis_link_options options = {
        .loop = hosts->loop,
        .url = hosts->url,
        .random = hosts->world.random,
        .reply_timeout_ms = is_for_messages ? 0 : REDIS_REPLY_TIMEOUT_MS,
        .on_up = is_for_messages ? hosts_on_messages_up : hosts_on_redis_up,
        .on_down = is_for_messages ? hosts_on_messages_down : hosts_on_redis_down,
        .on_message = is_for_messages ? hosts_on_message : NULL,
        .ctx = hosts,
    };

    return redis_link_open(&options);
}

void hosts_open_links(struct hosts *hosts)
{
    hosts->world.commands = hosts_open_link(hosts, false);
    hosts->world.messages = hosts_open_link(hosts, true);
}
