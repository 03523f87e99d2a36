/* Options of cartrita-queued. Called by main.c, before there is a loop. */
#include "server/config.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/secret.h"
#include "common/url.h"
#include "dialect/registry.h"
#include "http/http_options.h"
#include "proto/frame.h"
#include "server/scaling_config.h"

#define CONFIG_QUEUES_MAX   1000
#define CONFIG_HTTP_DEFAULT "127.0.0.1:8620"

static const char *const config_dialects[] = {"bull", "bullmq", "auto", NULL};
static const char *const config_levels[] = {"debug", "info", "warn", "error", NULL};

#define FIELD(name) .offset = offsetof(struct config_flags, name)

static const struct ct_option config_options[] = {
    {.name = "redis",
     .kind = CT_OPTION_STRING,
     FIELD(redis),
     .value_name = "URL",
     .fallback = "redis://127.0.0.1:6379",
     .env = {"CARTRITA_REDIS_URL", "REDIS_URL"},
     .group = "Redis",
     .help = "Redis that holds the queues: redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or "
             "unix:///PATH[?db=N]; with TLS rediss://HOST and then, as wanted, "
             "?cacert=FILE&cert=FILE&key=FILE&sni=NAME."},
    SECRET_OPTION(offsetof(struct config_flags, redis_password_file)),
    {.name = "embedded",
     .kind = CT_OPTION_STRING,
     FIELD(embedded),
     .value_name = "DIR",
     .help = "Run a private redis-server that keeps its data in DIR, instead of --redis."},
    {.name = "embedded-port",
     .kind = CT_OPTION_INT,
     FIELD(embedded_port),
     .value_name = "PORT",
     .min = 0,
     .max = 65535,
     .help = "TCP port of the private redis-server on 127.0.0.1, 0: a free one. Without it there "
             "is only a socket in DIR."},
    {.name = "listen",
     .letter = 'l',
     .kind = CT_OPTION_LIST,
     FIELD(listen),
     .value_name = "ADDRESS",
     .group = "Workers",
     .help = "Where workers connect: unix:/PATH, or tcp://HOST:PORT (8619 is ours; TCP has no "
             "protection of its own). Default: unix:/run/cartrita/queued.sock, for others than "
             "root unix:$XDG_RUNTIME_DIR/cartrita/queued.sock."},
    {.name = "frame-max",
     .kind = CT_OPTION_INT,
     FIELD(frame_max),
     .value_name = "BYTES",
     .unit = "bytes",
     .fallback = "67108864",
     .min = 1024,
     .max = PROTO_FRAME_MAX_EVER,
     .help = "Largest message to or from a worker, and so the largest job."},
    {.name = "dialect",
     .kind = CT_OPTION_ENUM,
     FIELD(dialect),
     .choices = config_dialects,
     .fallback = "auto",
     .help = "Who else works with the queues, where neither a worker nor queues: says it; auto "
             "looks at their keys."},
    HTTP_OPTIONS(struct config_flags, CONFIG_HTTP_DEFAULT, false),
    {.name = "api-tokens",
     .kind = CT_OPTION_STRING,
     FIELD(api_tokens),
     .value_name = "FILE",
     .help = "Serve the JSON API to those in FILE (YAML): a list of {name, role, and sha256, "
             "token_file, env or certificate}. Without it there is no API."},
    {.name = "api-redis-file",
     .kind = CT_OPTION_STRING,
     FIELD(api_redis_file),
     .value_name = "FILE",
     .help =
         "File whose first line is the URL with which the API reaches Redis, as a user that may do "
         "what the API does; without it as the daemon."},
    {.name = "grace",
     .kind = CT_OPTION_DURATION_MS,
     FIELD(grace_ms),
     .fallback = "30s",
     .min = 0,
     .max = 24 * 3600 * 1000,
     .group = "Life",
     .help = "After SIGTERM: how long workers may take to end the jobs they hold."},
    HTTP_CHECK_OPTION(struct config_flags),
    {.name = "die-with-parent",
     .kind = CT_OPTION_BOOL,
     FIELD(dies_with_parent),
     .help = "End at once when the process that started it ends.",
     .not_in_file = true},
    /* For a starter that may be gone before this process has read its options. */
    {.name = "parent",
     .kind = CT_OPTION_INT,
     FIELD(parent),
     .min = 1,
     .max = INT32_MAX,
     .not_in_file = true},
    {.name = "private",
     .kind = CT_OPTION_BOOL,
     FIELD(is_private),
     .help = "Started by a worker for itself: says nothing but trouble.",
     .not_in_file = true},
    {.name = "config",
     .letter = 'c',
     .kind = CT_OPTION_STRING,
     FIELD(config),
     .value_name = "FILE",
     .env = {"CARTRITA_CONFIG"},
     .group = "General",
     .help = "Configuration file (YAML): these options without their dashes, and queues.",
     .not_in_file = true},
    {.name = "log-level",
     .kind = CT_OPTION_ENUM,
     FIELD(log_level),
     .choices = config_levels,
     .help = "Least level that is logged; default info, with --private warn."},
};

static const struct ct_program config_program = {
    .name = "cartrita-queued",
    .version = CARTRITA_VERSION,
    .about = "Serves queues of Bull and BullMQ from Redis to workers.",
    .footer =
        "In the configuration file, queues: is a list of {name, prefix, dialect, scaling} and "
        "settings of\nBull and BullMQ (lockDuration, stalledInterval, limiter, ...), which "
        "override what workers ask\nfor; these queues are looked after (delayed and stalled "
        "jobs) also while they have no worker.\npools: is the worker's and is passed over.\n\n"
        "The first SIGTERM, SIGINT or SIGHUP (unless started with nohup) lets workers end "
        "what they hold\nwithin --grace, a second one ends at once.",
    .options = config_options,
    .option_count = sizeof config_options / sizeof *config_options,
};

/* --- queues: --- */

static void queue_config_free(struct queue_config *queue)
{
    free(queue->prefix);
    free(queue->name);
    free(queue->dialect);
    free(queue->settings);
}

/* What is not ours is a setting of Bull's, and travels as JSON like the settings of workers. */
static enum ct_code config_queue_settings(const struct ct_yaml_node *node,
                                          struct queue_config *queue, struct ct_error *err)
{
    struct queue_settings settings;
    json_t *json;
    enum ct_code rc = ct_yaml_to_json(node, &json, err);

    if (rc != CT_E_OK)
        return rc;
    json_object_del(json, "name");
    json_object_del(json, "prefix");
    json_object_del(json, "dialect");
    json_object_del(json, "scaling");
    if (json_object_size(json) > 0) {
        queue->settings = json_dumps(json, JSON_COMPACT);
        queue_settings_init(&settings);
        rc = queue_settings_parse(&settings, ct_str_of(queue->settings), err);
        if (rc == CT_E_OK)
            rc = queue_settings_check(&settings, queue->name, err);
        queue_settings_fini(&settings);
        if (rc != CT_E_OK) {
            struct ct_error why = *err;
            ct_yaml_error(node, err, "%s", why.detail);
        }
    }
    json_decref(json);
    return rc;
}

static enum ct_code config_queue_text(const struct ct_yaml_node *node, const char *key,
                                      const char *fallback, char **out, struct ct_error *err)
{
    const struct ct_yaml_node *value = ct_yaml_find(node, key);
    const char *text = fallback;

    if (value) {
        enum ct_code rc = ct_yaml_text(value, &text, err);
        if (rc != CT_E_OK)
            return rc;
    }
    if (text && text[0] == '\0')
        return ct_yaml_error(value, err, "it must not be empty");
    *out = text ? ct_strdup(text) : NULL;
    return CT_E_OK;
}

static enum ct_code config_check_dialect(const struct ct_yaml_node *node, const char *name,
                                         struct ct_error *err)
{
    const struct dialect *ignored;
    struct ct_error why;

    if (!name || strcmp(name, "auto") == 0 || dialect_choose(name, &ignored, &why) == CT_E_OK)
        return CT_E_OK;
    return ct_yaml_error(node, err, "%s", why.detail);
}

static enum ct_code config_queue(const struct ct_yaml_node *node, struct queue_config *queue,
                                 struct ct_error *err)
{
    enum ct_code rc = ct_yaml_need_map(node, err);

    if (rc == CT_E_OK && !ct_yaml_find(node, "name"))
        rc = ct_yaml_error(node, err, "a queue needs a name");
    if (rc == CT_E_OK)
        rc = config_queue_text(node, "name", NULL, &queue->name, err);
    if (rc == CT_E_OK)
        rc = config_queue_text(node, "prefix", "bull", &queue->prefix, err);
    if (rc == CT_E_OK)
        rc = config_queue_text(node, "dialect", NULL, &queue->dialect, err);
    if (rc == CT_E_OK)
        rc = config_check_dialect(ct_yaml_find(node, "dialect"), queue->dialect, err);
    if (rc == CT_E_OK)
        rc = hosts_check_name(ct_str_of(queue->name), ct_str_of(queue->prefix), err);
    scaling_settings_init(&queue->scaling);
    if (rc == CT_E_OK)
        rc = scaling_settings_read(ct_yaml_find(node, "scaling"), &queue->scaling, err);
    if (rc == CT_E_OK)
        rc = config_queue_settings(node, queue, err);
    return rc;
}

static enum ct_code config_queues(struct config *config, const struct ct_yaml_node *list,
                                  struct ct_error *err)
{
    if (!list)
        return CT_E_OK;
    enum ct_code rc = ct_yaml_need_list(list, err);
    if (rc != CT_E_OK)
        return rc;
    if (list->child_count > CONFIG_QUEUES_MAX)
        return ct_yaml_error(list, err, "at most %d queues (CONFIG_QUEUES_MAX)", CONFIG_QUEUES_MAX);
    config->queues = ct_zalloc((list->child_count + 1) * sizeof *config->queues);
    for (const struct ct_yaml_node *node = list->first; node; node = node->next) {
        rc = config_queue(node, &config->queues[config->queue_count++], err);
        if (rc != CT_E_OK)
            return rc;
    }
    return CT_E_OK;
}

/* --- the whole --- */

static enum ct_code config_file(struct config *config, struct ct_error *err)
{
    /* One file may serve both programs: these keys are the worker's. */
    static const char *const sections[] = {"queues",      "pools",        "server",
                                           "cancelGrace", "cancel-grace", NULL};
    struct ct_yaml *yaml;

    if (!config->flags.config)
        return CT_E_OK;
    enum ct_code rc = ct_yaml_load(config->flags.config, &yaml, err);
    if (rc != CT_E_OK)
        return rc;
    rc = ct_option_read_file(&config->options, yaml->root, sections, err);
    if (rc == CT_E_OK)
        rc = config_queues(config, ct_yaml_find(yaml->root, "queues"), err);
    ct_yaml_free(yaml);
    return rc;
}

static enum ct_code config_check(struct config *config, struct ct_error *err)
{
    const struct config_flags *flags = &config->flags;

    if (config->options.positional_count > 0)
        return ct_error_set(err, CT_E_USAGE, "'%.60s' is not an option: options begin with --",
                            config->options.positionals[0]);
    config->has_embedded_port =
        ct_option_source_of(&config->options, "embedded-port") != CT_OPTION_FROM_DEFAULT;
    if (config->has_embedded_port && !flags->embedded)
        return ct_error_set(err, CT_E_USAGE, "--embedded-port needs --embedded DIR");
    if (flags->embedded && ct_option_source_of(&config->options, "redis") == CT_OPTION_FROM_FLAG)
        return ct_error_set(err, CT_E_USAGE,
                            "--redis and --embedded exclude each other: which Redis is it?");
    config->log_level = flags->is_private ? CT_LOG_WARN : CT_LOG_INFO;
    if (flags->log_level >= 0)
        config->log_level = (enum ct_log_level)flags->log_level;
    config->listen_default = ct_address_default();
    return CT_E_OK;
}

enum config_outcome config_read(struct config *config, int argc, char **argv, struct ct_error *err)
{
    *config = (struct config){0};
    ct_option_open(&config->options, &config_program, &config->flags);

    enum ct_code rc = ct_option_read_args(&config->options, argc - 1, argv + 1, err);
    if (rc == CT_E_OK && ct_option_answer(&config->options, stdout)) {
        config_close(config);
        return CONFIG_ANSWERED;
    }
    if (rc == CT_E_OK)
        rc = ct_option_read_env(&config->options, err);
    if (rc == CT_E_OK)
        rc = config_file(config, err);
    if (rc == CT_E_OK)
        rc = config_check(config, err);
    if (rc == CT_E_OK)
        return CONFIG_READY;
    config_close(config);
    return CONFIG_REFUSED;
}

void config_close(struct config *config)
{
    for (size_t i = 0; i < config->queue_count; i++)
        queue_config_free(&config->queues[i]);
    free(config->queues);
    free(config->listen_default);
    ct_option_close(&config->options);
}

size_t config_listen_count(const struct config *config)
{
    return config->flags.listen.count > 0 ? config->flags.listen.count : 1;
}

const char *config_listen_at(const struct config *config, size_t index)
{
    return config->flags.listen.count > 0 ? config->flags.listen.items[index]
                                          : config->listen_default;
}

/* A private daemon is nobody's to watch: what is in the environment is meant for its worker. */
bool config_http_is_on(const struct config *config)
{
    bool is_asked = ct_option_source_of(&config->options, "http") == CT_OPTION_FROM_FLAG;

    return strcmp(config->flags.http, "off") != 0 && (is_asked || !config->flags.is_private);
}

const char *config_dialect(const struct config *config)
{
    return config_dialects[config->flags.dialect];
}
