/* Finding a queue, or making it. Called by hosts.c at the end of a turn of the loop, and by
 * connections to begin or forget a search.
 *
 * A queue that has no key yet is left in hosts->silent, out of the way of the turns, until the
 * timer has it asked for again; whoever makes a queue meanwhile stirs all of them. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "server/hosts_internal.h"

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
    if (rc == CT_E_OK)
        rc = queue_settings_check(settings, search->name, err);
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

static void hosts_tell_made(const struct hosts_search *search, const struct dialect_found *found)
{
    const char *const name = found->dialect->name;

    ct_log_info("queue opened", CT_STR("queue", search->name), CT_STR("prefix", search->prefix),
                CT_STR("dialect", name));
    if (found->verdict == DIALECT_MIXED)
        ct_log_warn("queue has keys of both Bull and BullMQ: say with dialect: whose it is",
                    CT_STR("queue", search->name), CT_STR("prefix", search->prefix),
                    CT_STR("served_as", name), CT_STR("signs", found->signs));
}

static enum ct_code hosts_make(struct hosts *hosts, const struct hosts_search *search,
                               const struct queue_config *config, const struct dialect_found *found,
                               struct queue_host **out, struct ct_error *err)
{
    struct queue_settings settings;
    struct ledger_entry *entry =
        ledger_open(&hosts->ledger, search->prefix, search->name, found->dialect);
    if (entry && config)
        entry->scaling_settings = config->scaling;
    const struct queue_host_options options = {
        .prefix = search->prefix,
        .name = search->name,
        .dialect = found->dialect,
        .settings = &settings,
        .is_pinned = config != NULL,
        .tally = entry ? &entry->tally : NULL,
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
    hosts_stir(hosts);
    hosts_tell_made(search, found);
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

/* NULL: as the keys tell. */
static const char *search_wants(const struct hosts *hosts, const struct hosts_search *search,
                                const struct queue_config *config)
{
    const char *const wanted = search->dialect             ? search->dialect
                               : config && config->dialect ? config->dialect
                                                           : hosts->dialect;

    return wanted && strcmp(wanted, "auto") != 0 ? wanted : NULL;
}

/* --- queues without a key --- */

static void search_on_again(uv_timer_t *timer)
{
    struct hosts *hosts = timer->data;

    for (int i = 0; i < HOSTS_AGAIN_MAX && !ct_list_is_empty(&hosts->silent); i++) {
        struct ct_list *node = hosts->silent.next;
        ct_list_remove(node);
        ct_list_push_back(&hosts->searches, node);
    }
    if (!ct_list_is_empty(&hosts->silent))
        uv_timer_start(timer, search_on_again, HOSTS_AGAIN_MS, 0);
}

static void search_wait(struct hosts_search *search)
{
    struct hosts *hosts = search->hosts;

    ct_list_remove(&search->link);
    ct_list_push_back(&hosts->silent, &search->link);
    if (!uv_is_active((uv_handle_t *)&hosts->again))
        uv_timer_start(&hosts->again, search_on_again, HOSTS_AGAIN_MS, 0);
    if (!search->is_told)
        ct_log_info("queue does not exist yet: whose it is will show with its first job",
                    CT_STR("queue", search->name), CT_STR("prefix", search->prefix));
    search->is_told = true;
}

void hosts_stir(struct hosts *hosts)
{
    ct_list_append(&hosts->searches, &hosts->silent);
}

void hosts_hurry(struct hosts_search *search)
{
    search->is_hasty = true;
    ct_list_remove(&search->link);
    ct_list_push_back(&search->hosts->searches, &search->link);
}

void hosts_init_searches(struct hosts *hosts)
{
    ct_list_init(&hosts->searches);
    ct_list_init(&hosts->silent);
    uv_timer_init(hosts->loop, &hosts->again);
    hosts->again.data = hosts;
}

/* --- searching --- */

static void search_step(struct hosts *hosts, struct hosts_search *search)
{
    const struct queue_config *config = hosts_config_of(hosts, search);
    const char *wanted = search_wants(hosts, search, config);
    struct dialect_found found;
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
        if (!detect_step(search->detect, hosts->world.commands, &found, &err))
            return;
        rc = err.code;
        if (rc == CT_E_OK && !found.exists && !search->is_hasty) {
            search_wait(search);
            return;
        }
        if (rc == CT_E_OK)
            rc = hosts_make(hosts, search, config, &found, &host, &err);
    }
    search_found(search, rc == CT_E_OK ? host : NULL, rc == CT_E_OK ? NULL : &err);
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

    search->hosts = hosts;
    search->is_hasty = want->is_hasty;
    search->prefix = ct_strndup(want->prefix.data, want->prefix.len);
    search->name = ct_strndup(want->name.data, want->name.len);
    search->dialect = ct_str_is(want->dialect, "auto") ? NULL : copy_or_null(want->dialect);
    search->settings = copy_or_null(want->settings);
    search->found = found;
    search->arg = arg;
    ct_list_push_back(&hosts->searches, &search->link);
    return search;
}

void hosts_search_all(struct hosts *hosts)
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
