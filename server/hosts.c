/* The queues of the daemon and their shared links. See hosts.h; called by daemon.c and by
 * connections, at the end of each turn of the loop by daemon.c.
 *
 * Redis lost: every queue is told, searches wait, and one line is logged at once and then every
 * HOSTS_REMIND_MS. Redis back: one line, every queue is told. */
#include "server/hosts.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "server/detect.h"

/* Turns that a turn may cause in the same pass; more go to the next turn of the loop. */
#define HOSTS_PASSES_MAX 8

struct hosts_search {
    struct ct_list link;   /* in hosts->searches */
    char *prefix, *name;   /* owned */
    char *dialect;         /* owned; NULL: auto */
    char *settings;        /* owned; NULL: none */
    struct detect *detect; /* owned; under way */
    hosts_found_fn found;
    void *arg;
    bool is_pinned;
};

struct hosts {
    uv_loop_t *loop;
    const struct ct_redis_url *url;
    const struct queue_config *queues;
    size_t queue_count;
    uint64_t quiet_ms;
    void (*on_redis_up)(void *ctx);
    void *ctx;
    struct queue_host_world world;
    struct ct_list live;    /* those that can be found */
    struct ct_list retired; /* draining */
    struct ct_list turns;   /* to have their turn */
    struct ct_list searches;
    uint32_t host_count; /* live, retired and closing */
    bool is_draining;
    /* The outage under way. */
    uint64_t down_since_ms; /* 0: none */
    uint64_t reminded_ms;   /* 0: nothing was said about it yet */
    uint64_t down_tries;
    int handles_open;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* --- links --- */

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

/* --- what hosts ask of their owner --- */

static void hosts_schedule(void *ctx, struct queue_host *host)
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

/* --- searches --- */

static const struct queue_config *hosts_config_of(const struct hosts *hosts,
                                                  const struct hosts_search *search)
{
    for (size_t i = 0; i < hosts->queue_count; i++) {
        const struct queue_config *config = &hosts->queues[i];
        if (strcmp(config->name, search->name) == 0 && strcmp(config->prefix, search->prefix) == 0)
            return config;
    }
    return NULL;
}

/* Defaults, then what the worker attaches with, then the configuration file. */
static enum ct_code search_settings(const struct hosts_search *search,
                                    const struct queue_config *config,
                                    struct queue_settings *settings, struct ct_error *err)
{
    enum ct_code rc = queue_settings_parse(settings, ct_str_of(search->settings), err);

    if (rc == CT_E_OK && config)
        rc = queue_settings_parse(settings, ct_str_of(config->settings), err);
    if (rc != CT_E_OK)
        ct_error_wrap(err, "settings of queue '%.60s'", search->name);
    return rc;
}

static struct queue_host *hosts_find_live(const struct hosts *hosts,
                                          const struct hosts_search *search, const char *dialect)
{
    CT_LIST_FOREACH (node, &hosts->live) {
        struct queue_host *host = queue_host_of(node);
        const struct queue *queue = queue_host_queue(host);
        if (strcmp(queue_name(queue), search->name) == 0 &&
            strcmp(queue_prefix(queue), search->prefix) == 0 &&
            (!dialect || strcmp(queue_dialect(queue)->name, dialect) == 0))
            return host;
    }
    return NULL;
}

/* The latest attach that brings settings decides for all: they are one queue's. */
static enum ct_code hosts_reconfigure(struct queue_host *host, const struct hosts_search *search,
                                      const struct queue_config *config, struct ct_error *err)
{
    struct queue *queue = queue_host_queue(host);
    struct queue_settings settings;

    if (!search->settings)
        return CT_E_OK;
    queue_settings_init(&settings);
    enum ct_code rc = search_settings(search, config, &settings, err);
    if (rc == CT_E_OK && !queue_settings_equal(&settings, queue_settings(queue))) {
        ct_log_info("queue has new settings", CT_STR("queue", search->name));
        queue_configure(queue, &settings);
    }
    queue_settings_fini(&settings);
    return rc;
}

static enum ct_code hosts_make(struct hosts *hosts, const struct hosts_search *search,
                               const struct queue_config *config, const struct dialect *dialect,
                               struct queue_host **out, struct ct_error *err)
{
    struct queue_settings settings;
    const struct queue_host_options options = {
        .prefix = search->prefix,
        .name = search->name,
        .dialect = dialect,
        .settings = &settings,
        .is_pinned = config != NULL,
    };

    if (hosts->host_count >= HOSTS_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "this daemon already serves %d queues (HOSTS_MAX): start another one",
                            HOSTS_MAX);
    queue_settings_init(&settings);
    enum ct_code rc = search_settings(search, config, &settings, err);
    if (rc == CT_E_OK)
        rc = queue_host_new(&hosts->world, &options, out, err);
    queue_settings_fini(&settings);
    if (rc != CT_E_OK)
        return rc;
    ct_list_push_back(&hosts->live, queue_host_node(*out));
    hosts->host_count++;
    hosts_schedule(hosts, *out);
    ct_log_info("queue opened", CT_STR("queue", search->name), CT_STR("prefix", search->prefix),
                CT_STR("dialect", dialect->name));
    return CT_E_OK;
}

void hosts_forget(struct hosts_search *search)
{
    ct_list_remove(&search->link);
    if (search->detect)
        detect_cancel(search->detect);
    free(search->prefix);
    free(search->name);
    free(search->dialect);
    free(search->settings);
    free(search);
}

static void search_found(struct hosts_search *search, struct queue_host *host,
                         const struct ct_error *err)
{
    hosts_found_fn found = search->found;
    void *arg = search->arg;

    hosts_forget(search);
    if (found)
        found(arg, host, err);
    else if (!host)
        ct_log_error("a queue of the configuration file cannot be served", CT_ERR(err));
}

static enum ct_code search_check(const struct hosts *hosts, const struct hosts_search *search,
                                 struct ct_error *err)
{
    if (hosts->is_draining)
        return ct_error_set(err, CT_E_CLOSED, "this daemon is stopping");
    return CT_E_OK;
}

/* One step: true when the search has ended. */
static bool search_step(struct hosts *hosts, struct hosts_search *search)
{
    const struct queue_config *config = hosts_config_of(hosts, search);
    const struct dialect *dialect = NULL;
    const char *wanted = search->dialect ? search->dialect : (config ? config->dialect : NULL);
    struct ct_error err = {CT_E_OK, ""};
    struct queue_host *host = NULL;
    enum ct_code rc = search_check(hosts, search, &err);

    if (rc == CT_E_OK)
        host = hosts_find_live(hosts, search, wanted);
    if (rc == CT_E_OK && host) {
        rc = hosts_reconfigure(host, search, config, &err);
    } else if (rc == CT_E_OK) {
        const struct queue_name name = {search->prefix, search->name};
        if (!search->detect)
            search->detect = detect_begin(&name, wanted);
        if (!detect_step(search->detect, hosts->world.commands, &dialect, &err))
            return false;
        rc = err.code;
        if (rc == CT_E_OK)
            rc = hosts_make(hosts, search, config, dialect, &host, &err);
    }
    search_found(search, rc == CT_E_OK ? host : NULL, rc == CT_E_OK ? NULL : &err);
    return true;
}

enum ct_code hosts_check_name(struct ct_str name, struct ct_str prefix, struct ct_error *err)
{
    if (name.len == 0)
        return ct_error_set(err, CT_E_INVALID, "the name of a queue is empty");
    if (name.len > HOSTS_NAME_MAX || prefix.len > HOSTS_NAME_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "the name and the prefix of a queue may have %d bytes (HOSTS_NAME_MAX)",
                            HOSTS_NAME_MAX);
    if (memchr(name.data, '\0', name.len) || (prefix.len && memchr(prefix.data, '\0', prefix.len)))
        return ct_error_set(err, CT_E_INVALID, "the name or prefix of a queue holds a NUL byte");
    return CT_E_OK;
}

static char *copy_or_null(struct ct_str text)
{
    return text.data ? ct_strndup(text.data, text.len) : NULL;
}

struct hosts_search *hosts_find(struct hosts *hosts, const struct hosts_want *want,
                                hosts_found_fn found, void *arg)
{
    struct hosts_search *search = ct_zalloc(sizeof *search);

    search->prefix = ct_strndup(want->prefix.data, want->prefix.len);
    search->name = ct_strndup(want->name.data, want->name.len);
    search->dialect = ct_str_is(want->dialect, "auto") ? NULL : copy_or_null(want->dialect);
    search->settings = copy_or_null(want->settings);
    search->found = found;
    search->arg = arg;
    ct_list_push_back(&hosts->searches, &search->link);
    return search;
}

static void hosts_search_all(struct hosts *hosts)
{
    struct ct_list now;

    /* A callback may forget other searches or begin new ones. */
    ct_list_init(&now);
    ct_list_append(&now, &hosts->searches);
    while (!ct_list_is_empty(&now)) {
        struct hosts_search *search = CT_CONTAINER(now.next, struct hosts_search, link);
        ct_list_remove(&search->link);
        ct_list_push_back(&hosts->searches, &search->link);
        search_step(hosts, search);
    }
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
    hosts->quiet_ms = options->quiet_ms;
    hosts->on_redis_up = options->on_redis_up;
    hosts->ctx = options->ctx;
    ct_list_init(&hosts->live);
    ct_list_init(&hosts->retired);
    ct_list_init(&hosts->turns);
    ct_list_init(&hosts->searches);
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
    hosts->world.commands = hosts_open_link(hosts, false);
    hosts->world.messages = hosts_open_link(hosts, true);
    hosts_open_configured(hosts);
    return hosts;
}

void hosts_drain(struct hosts *hosts)
{
    hosts->is_draining = true;
    CT_LIST_FOREACH_SAFE (node, following, &hosts->live)
        queue_host_drain(queue_host_of(node));
}

bool hosts_are_gone(const struct hosts *hosts)
{
    return hosts->host_count == 0 && ct_list_is_empty(&hosts->searches);
}

static void hosts_on_closed(void *ctx)
{
    struct hosts *hosts = ctx;

    if (--hosts->handles_open > 0)
        return;
    void (*closed)(void *ctx) = hosts->closed;
    void *closed_ctx = hosts->closed_ctx;
    free(hosts);
    closed(closed_ctx);
}

void hosts_close(struct hosts *hosts, void (*closed)(void *ctx), void *ctx)
{
    ct_assert(hosts_are_gone(hosts));
    hosts->closed = closed;
    hosts->closed_ctx = ctx;
    hosts->handles_open = 2;
    redis_link_close(hosts->world.commands, hosts_on_closed, hosts);
    redis_link_close(hosts->world.messages, hosts_on_closed, hosts);
}
