/* The links to Redis that all queues share. Called by hosts.c.
 *
 * Redis lost: every queue is told, searches wait, and one line is logged at once and then every
 * HOSTS_REMIND_MS. Redis back: one line, every queue is told. A Redis that may evict keys is warned
 * about once. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "server/hosts_internal.h"

/* --- eviction --- */

/* The value of one line of INFO, "name:value\r\n"; absent: there is none. */
static struct ct_str info_find(struct ct_str info, const char *name)
{
    const size_t len = strlen(name);

    while (info.len > 0) {
        const char *end = memchr(info.data, '\n', info.len);
        const size_t line_len = end ? (size_t)(end - info.data) + 1 : info.len;

        if (line_len > len && memcmp(info.data, name, len) == 0 && info.data[len] == ':') {
            struct ct_str value = {info.data + len + 1, line_len - len - 1};

            while (value.len > 0 && strchr("\r\n", value.data[value.len - 1]))
                value.len--;
            return value;
        }
        info.data += line_len;
        info.len -= line_len;
    }
    return CT_STR_NONE;
}

static void hosts_on_info(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct hosts *hosts = arg;
    struct ct_str policy;

    if (err) {
        ct_log_debug("maxmemory-policy not known", CT_ERR(err)); /* few may ask for it */
        return;
    }
    policy = info_find(redis_reply_str(reply), "maxmemory_policy");
    if (policy.len == 0 || ct_str_equal(policy, CT_STR_LIT("noeviction"))) {
        hosts->is_policy_told = false;
        return;
    }
    if (hosts->is_policy_told)
        return;
    hosts->is_policy_told = true;
    ct_log_warn(
        "Redis removes keys when it is at its maxmemory: set maxmemory-policy to noeviction",
        CT_BYTES("policy", policy),
        CT_STR("risk", policy.data[0] == 'v' ? "locks go, and jobs run twice"
                                             : "jobs are lost without a trace, and locks go, "
                                               "so that jobs run twice"));
}

static void hosts_ask_policy(struct hosts *hosts)
{
    struct redis_command command;

    redis_command_init(&command, NULL);
    redis_command_text(&command, "INFO");
    redis_command_text(&command, "memory");
    redis_link_call(hosts->world.commands, &command, hosts_on_info, hosts);
    redis_command_fini(&command);
}

/* --- the links --- */

static void hosts_on_redis_up(void *ctx)
{
    struct hosts *hosts = ctx;

    if (hosts->reminded_ms > 0)
        ct_log_info("Redis is back", CT_INT("down_ms", uv_now(hosts->loop) - hosts->down_since_ms),
                    CT_INT("tries", hosts->down_tries));
    hosts->redis_connects++;
    hosts->down_since_ms = hosts->reminded_ms = 0;
    hosts->down_tries = 0;
    hosts_ask_policy(hosts);
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
    hosts->down_why = *why;
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
    CT_LIST_FOREACH (node, &hosts->retired)
        queue_host_message(queue_host_of(node), channel, payload);
}

static void hosts_on_refused(void *ctx, struct ct_str channel, const struct ct_error *why)
{
    struct hosts *hosts = ctx;

    CT_LIST_FOREACH (node, &hosts->live)
        queue_host_refused(queue_host_of(node), channel, why);
    CT_LIST_FOREACH (node, &hosts->retired)
        queue_host_refused(queue_host_of(node), channel, why);
}

bool hosts_redis_is_up(const struct hosts *hosts)
{
    return redis_link_is_up(hosts->world.commands);
}

bool hosts_find_outage(const struct hosts *hosts, struct hosts_outage *out)
{
    if (hosts_redis_is_up(hosts))
        return false;
    *out = (struct hosts_outage){0};
    if (hosts->down_since_ms > 0)
        out->lasted_ms = uv_now(hosts->loop) + 1 - hosts->down_since_ms;
    snprintf(out->why, sizeof out->why, "%s",
             hosts->down_since_ms > 0 ? hosts->down_why.detail : "it has not answered yet");
    return true;
}

void hosts_call(struct hosts *hosts, struct redis_command *command, redis_done_fn done, void *arg)
{
    redis_link_call(hosts->world.commands, command, done, arg);
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
        .on_refused = is_for_messages ? hosts_on_refused : NULL,
        .ctx = hosts,
    };

    return redis_link_open(&options);
}

void hosts_open_links(struct hosts *hosts)
{
    hosts->world.commands = hosts_open_link(hosts, false);
    hosts->world.messages = hosts_open_link(hosts, true);
}
