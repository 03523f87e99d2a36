/* Pools out of flags or file. See config_pools.h. */
#include "worker/config/config_pools.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/mem.h"
#include "worker/config/trust.h"
#include "worker/runner/loader.h"
#include "worker/runner/subs.h"
#include "worker/sandbox/sandbox.h"

#define POOL_TEXT_MAX 512 /* bytes of a queue's name, a prefix */

void config_pool_free(struct pool_config *pool)
{
    for (size_t i = 0; i < pool->queue_count; i++)
        free(pool->queues[i]);
    free(pool->queues);
    job_limits_free(pool->limits, pool->limit_count);
    free(pool->name);
    free(pool->plugin);
    free(pool->config);
    free(pool->settings);
    user_free(&pool->user);
    if (pool->set.program)
        ct_option_close(&pool->set);
    memset(pool, 0, sizeof *pool);
}

static bool pool_is_utf8(const char *text)
{
    struct ct_str str = ct_str_of(text);
    size_t at = 0, len;

    while (at < str.len && (len = ct_str_utf8_len(str, at)) > 0)
        at += len;
    return at == str.len;
}

static enum ct_code pool_add_queue(struct pool_config *pool, const char *name, struct ct_error *err)
{
    if (!name[0] || strlen(name) > POOL_TEXT_MAX)
        return ct_error_set(err, CT_E_USAGE, "a queue's name must have 1 to %d bytes",
                            POOL_TEXT_MAX);
    if (!pool_is_utf8(name))
        return ct_error_set(err, CT_E_USAGE, "a queue's name must be UTF-8 text");
    if (pool->queue_count >= SUBS_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "a pool may serve %u queues at the most",
                            SUBS_MAX);
    for (size_t i = 0; i < pool->queue_count; i++)
        if (strcmp(pool->queues[i], name) == 0)
            return ct_error_set(err, CT_E_USAGE, "queue %.100s is named twice in one pool", name);
    pool->queues = ct_realloc(pool->queues, (pool->queue_count + 1) * sizeof *pool->queues);
    pool->queues[pool->queue_count++] = ct_strdup(name);
    return CT_E_OK;
}

/* "KEY=VALUE" into `object`; VALUE as text, or as JSON when `is_json` and it is. */
static enum ct_code pool_add_pair(json_t *object, const char *flag, const char *pair, bool is_json,
                                  struct ct_error *err)
{
    const char *equals = strchr(pair, '=');
    json_t *value = NULL;
    char *key;

    if (!equals || equals == pair)
        return ct_error_set(err, CT_E_USAGE, "--%s %.60s: write it as KEY=VALUE", flag, pair);
    if (is_json)
        value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
    if (!value)
        value = json_string(equals + 1);
    if (!value)
        return ct_error_set(err, CT_E_USAGE, "--%s %.60s: the value is not UTF-8 text", flag, pair);
    key = ct_strndup(pair, (size_t)(equals - pair));
    json_object_set_new(object, key, value);
    free(key);
    return CT_E_OK;
}

static enum ct_code pool_pairs(const struct ct_option_list *list, const char *flag, bool is_json,
                               char **out, struct ct_error *err)
{
    json_t *object = json_object();
    enum ct_code rc = CT_E_OK;

    for (size_t i = 0; i < list->count && rc == CT_E_OK; i++)
        rc = pool_add_pair(object, flag, list->items[i], is_json, err);
    if (rc == CT_E_OK)
        *out = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return rc;
}

static void pool_open(struct pool_config *pool, const struct ct_option_set *flags)
{
    ct_option_open(&pool->set, &pool_program, &pool->options);
    ct_option_inherit(&pool->set, flags);
}

/* Once all is known. */
static enum ct_code pool_check(struct pool_config *pool, struct ct_error *err)
{
    struct pool_options *options = &pool->options;
    struct sandbox sandbox;

    if ((options->prefix && !pool_is_utf8(options->prefix)) || !pool_is_utf8(pool->plugin))
        return ct_error_set(err, CT_E_USAGE, "prefix and plugin of a pool must be UTF-8 text");
    if (sandbox_parse(&options->sandbox, &sandbox, err) != CT_E_OK) {
        ct_error_wrap(err, "pool %.100s", pool->name);
        return err->code;
    }
    if (options->processes_max == 0)
        options->processes_max = options->processes;
    if (options->processes_max < options->processes)
        return ct_error_set(
            err, CT_E_USAGE,
            "pool %.100s: processes-max is %lld, less than processes, which is %lld", pool->name,
            (long long)options->processes_max, (long long)options->processes);
    if (trust_check_owners(&options->plugin_owners, err) != CT_E_OK)
        return err->code;
    return user_find(options->user, &pool->user, err);
}

static enum ct_code pool_from_flags(const struct ct_option_set *set,
                                    const struct config_flags *flags, struct pool_config *pool,
                                    struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    pool_open(pool, set);
    if (flags->queues.count == 0)
        return ct_error_set(err, CT_E_USAGE,
                            "no queue: give --queue NAME, or a --config FILE with pools");
    if (!flags->plugin)
        return ct_error_set(err, CT_E_USAGE,
                            "no plugin: give --plugin FILE, or a --config FILE with pools");
    for (size_t i = 0; i < flags->queues.count && rc == CT_E_OK; i++)
        rc = pool_add_queue(pool, flags->queues.items[i], err);
    if (rc == CT_E_OK)
        rc = pool_pairs(&flags->set, "set", false, &pool->config, err);
    if (rc == CT_E_OK && flags->settings.count > 0)
        rc = pool_pairs(&flags->settings, "setting", true, &pool->settings, err);
    if (rc != CT_E_OK)
        return rc;
    pool->plugin = loader_find(flags->plugin);
    pool->name = ct_strdup(pool->queues[0]);
    return pool_check(pool, err);
}

/* --- the file ------------------------------------------------------------------------------------
 */

static enum ct_code pool_text(const struct ct_yaml_node *node, char **out, struct ct_error *err)
{
    const char *text;
    enum ct_code rc = ct_yaml_text(node, &text, err);

    if (rc != CT_E_OK)
        return rc;
    free(*out);
    *out = ct_strdup(text);
    return CT_E_OK;
}

static enum ct_code pool_queue_node(const struct ct_yaml_node *node, struct pool_config *pool,
                                    struct ct_error *err)
{
    const char *text;
    struct ct_error why;
    enum ct_code rc = ct_yaml_text(node, &text, err);

    if (rc == CT_E_OK && pool_add_queue(pool, text, &why) != CT_E_OK)
        rc = ct_yaml_error(node, err, "%s", why.detail);
    return rc;
}

static enum ct_code pool_queues(const struct ct_yaml_node *node, struct pool_config *pool,
                                struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    if (node->kind == CT_YAML_SCALAR)
        return pool_queue_node(node, pool, err);
    rc = ct_yaml_need_list(node, err);
    if (rc != CT_E_OK)
        return rc;
    for (const struct ct_yaml_node *n = node->first; n && rc == CT_E_OK; n = n->next)
        rc = pool_queue_node(n, pool, err);
    return rc;
}

static enum ct_code pool_plugin_settings(const struct ct_yaml_node *node, struct pool_config *pool,
                                         struct ct_error *err)
{
    json_t *object;
    enum ct_code rc = ct_yaml_need_map(node, err);

    if (rc == CT_E_OK)
        rc = ct_yaml_to_json(node, &object, err);
    if (rc != CT_E_OK)
        return rc;
    free(pool->config);
    pool->config = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return CT_E_OK;
}

/* One key of a pool. What is not ours is a setting of the queue in Bull's words: the daemon knows
 * them and refuses what it does not know. */
static enum ct_code pool_key(const struct ct_yaml_node *node, struct pool_config *pool,
                             json_t *settings, struct ct_error *err)
{
    const char *key = node->key;
    json_t *value;
    enum ct_code rc;

    if (strcmp(key, "queue") == 0 || strcmp(key, "queues") == 0)
        return pool_queues(node, pool, err);
    if (strcmp(key, "pool") == 0)
        return pool_text(node, &pool->name, err);
    if (strcmp(key, "plugin") == 0)
        return pool_text(node, &pool->plugin, err);
    if (strcmp(key, "set") == 0)
        return pool_plugin_settings(node, pool, err);
    if (strcmp(key, "jobs") == 0)
        return CT_E_OK; /* when all else is read: what a name does not set is the pool's */
    rc = ct_option_read_node(&pool->set, node, err);
    if (rc != CT_E_NOT_FOUND)
        return rc;
    rc = ct_yaml_to_json(node, &value, err);
    if (rc == CT_E_OK)
        json_object_set_new(settings, key, value);
    return rc;
}

static enum ct_code pool_from_node(const struct ct_option_set *set, const struct ct_yaml_node *node,
                                   struct pool_config *pool, struct ct_error *err)
{
    json_t *settings = json_object();
    enum ct_code rc = ct_yaml_need_map(node, err);
    const struct ct_yaml_node *jobs;
    char *found;

    pool_open(pool, set);
    if (rc == CT_E_OK)
        for (const struct ct_yaml_node *n = node->first; n && rc == CT_E_OK; n = n->next)
            rc = pool_key(n, pool, settings, err);
    jobs = ct_yaml_find(node, "jobs");
    if (rc == CT_E_OK && jobs)
        rc = job_limits_read(jobs, &pool->set, &pool->limits, &pool->limit_count, err);
    if (rc == CT_E_OK && pool->queue_count == 0)
        rc = ct_yaml_error(node, err, "the pool has no queue; add `queue: NAME`");
    if (rc == CT_E_OK && !pool->plugin)
        rc = ct_yaml_error(node, err, "the pool has no plugin; add `plugin: FILE`");
    if (rc == CT_E_OK && json_object_size(settings) > 0)
        pool->settings = json_dumps(settings, JSON_COMPACT);
    json_decref(settings);
    if (rc != CT_E_OK)
        return rc;
    if (!pool->config)
        pool->config = ct_strdup("{}");
    if (!pool->name)
        pool->name = ct_strdup(pool->queues[0]);
    found = loader_find(pool->plugin);
    free(pool->plugin);
    pool->plugin = found;
    return pool_check(pool, err);
}

enum ct_code config_pools(const struct ct_option_set *set, const struct config_flags *flags,
                          const struct ct_yaml_node *pools, struct worker_config *out,
                          struct ct_error *err)
{
    enum ct_code rc;

    if (!pools) {
        out->pools = ct_zalloc(sizeof *out->pools);
        out->pool_count = 1;
        return pool_from_flags(set, flags, &out->pools[0], err);
    }
    if (flags->queues.count > 0 || flags->plugin || flags->set.count > 0 ||
        flags->settings.count > 0)
        return ct_error_set(err, CT_E_USAGE,
                            "--queue, --plugin, --set and --setting describe a pool, and %s has "
                            "pools already: use one or the other",
                            flags->config);
    rc = ct_yaml_need_list(pools, err);
    if (rc != CT_E_OK)
        return rc;
    if (pools->child_count == 0 || pools->child_count > CONFIG_POOLS_MAX)
        return ct_yaml_error(pools, err, "1 to %d pools are possible", CONFIG_POOLS_MAX);
    out->pools = ct_zalloc(pools->child_count * sizeof *out->pools);
    for (const struct ct_yaml_node *n = pools->first; n && rc == CT_E_OK; n = n->next)
        rc = pool_from_node(set, n, &out->pools[out->pool_count++], err);
    return rc;
}
