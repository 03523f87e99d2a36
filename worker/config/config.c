/* Options of cartrita-worker. See config.h; the pools of a file are pools.c's. */
#include "worker/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/mem.h"
#include "common/option.h"
#include "common/secret.h"
#include "http/check.h"
#include "http/http_options.h"
#include "common/url.h"
#include "common/yaml.h"
#include "worker/config/config_pools.h"
#include "worker/config/trust.h"
#include "worker/runner/loader.h"
#include "worker/runner/subs.h"
#include "worker/sandbox/sandbox.h"

#define CONFIG_REDIS_DEFAULT "redis://127.0.0.1:6379"

/* Asked by --check-health when nothing else is said: a container serves there. */
#define CONFIG_HTTP_USUAL "127.0.0.1:8620"

#define CONFIG_OPTIONS_MAX 96 /* rows, for the table */

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};

#define FIELD(name) .offset = offsetof(struct config_flags, name)

static const struct ct_option options[] = {
    {.name = "server",
     .kind = CT_OPTION_STRING,
     FIELD(server),
     .value_name = "ADDRESS",
     .env = {"CARTRITA_SERVER"},
     .group = "Connection (without --server a private daemon is started for --redis)",
     .help = "Daemon to take jobs from: unix:/PATH or HOST:PORT."},
    {.name = "redis",
     .kind = CT_OPTION_STRING,
     FIELD(redis),
     .value_name = "URL",
     .env = {"CARTRITA_REDIS_URL", "REDIS_URL"},
     .help = "Redis that holds the queues; default " CONFIG_REDIS_DEFAULT
             "; rediss:// for TLS, as cartrita-queued has it."},
    SECRET_OPTION(offsetof(struct config_flags, redis_password_file)),
    {.name = "queue",
     .letter = 'q',
     .kind = CT_OPTION_LIST,
     FIELD(queues),
     .value_name = "NAME",
     .group = "What to run (more than one pool: in the configuration file)",
     .help = "Queue to take jobs of.",
     .not_in_file = true},
    {.name = "plugin",
     .letter = 'p',
     .kind = CT_OPTION_STRING,
     FIELD(plugin),
     .value_name = "FILE",
     .help = "Plugin that runs the jobs: a .so file, or the name of a bundled one.",
     .not_in_file = true},
    {.name = "set",
     .letter = 's',
     .kind = CT_OPTION_LIST,
     FIELD(set),
     .value_name = "KEY=VALUE",
     .help = "Setting for the plugin.",
     .not_in_file = true},
    {.name = "setting",
     .kind = CT_OPTION_LIST,
     FIELD(settings),
     .value_name = "KEY=JSON",
     .help = "Setting of the queues in Bull's or BullMQ's words, such as lockDuration=30000.",
     .not_in_file = true},
    {.name = "cancel-grace",
     .kind = CT_OPTION_DURATION_MS,
     FIELD(cancel_grace_ms),
     .fallback = "5s",
     .min = 1,
     .max = 3600 * 1000,
     .group = "Patience",
     .help = "How long a job may take to stop when it is told to, before its runner is replaced."},
    {.name = "grace",
     .kind = CT_OPTION_DURATION_MS,
     FIELD(grace_ms),
     .fallback = "30s",
     .min = 0,
     .max = 24 * 3600 * 1000,
     .help = "How long running jobs may take to finish after SIGTERM."},
    HTTP_OPTIONS(struct config_flags, "off", true),
    HTTP_CHECK_OPTION(struct config_flags),
    {.name = "config",
     .kind = CT_OPTION_STRING,
     FIELD(config),
     .value_name = "FILE",
     .env = {"CARTRITA_CONFIG"},
     .group = "Configuration",
     .help = "YAML file with these options by name, and pools.",
     .not_in_file = true},
    {.name = "log-level",
     .kind = CT_OPTION_ENUM,
     FIELD(log_level),
     .choices = log_levels,
     .fallback = "info",
     .help = "Least level that is logged."},
    {.name = "check-plugin",
     .kind = CT_OPTION_STRING,
     FIELD(check_plugin),
     .value_name = "FILE",
     .help = "Only load and check a plugin, in a throw-away process.",
     .not_in_file = true},
    {.name = "check-sandbox",
     .kind = CT_OPTION_BOOL,
     FIELD(check_sandbox),
     .help = "Only print what of --sandbox this machine puts in force; status 1: not all of it.",
     .not_in_file = true},
    {.name = "replay",
     .kind = CT_OPTION_STRING,
     FIELD(replay),
     .value_name = "FILE",
     .help = "Only run the job in FILE, once, here, without its queue: `cartrita-q job replay` "
             "calls it so.",
     .not_in_file = true},
    {.name = "debugger",
     .kind = CT_OPTION_STRING,
     FIELD(debugger),
     .value_name = "COMMAND",
     .help = "With --replay: what to run the job's process under, such as gdb.",
     .not_in_file = true},
};

static struct ct_program program = {
    .name = "cartrita-worker",
    .version = CARTRITA_VERSION,
    .usage = "[OPTION]... --queue NAME --plugin FILE",
    .about = "Runs the jobs of Bull and BullMQ queues in processes of their own.",
    .footer =
        "The first SIGTERM or SIGINT lets running jobs finish within --grace, a second one "
        "hands them\nback at once. SIGHUP reads the configuration again and replaces the "
        "runners.\n\nEnds with status 1 when, at the start, a plugin can never load: no such "
        "file, no shared object,\nanother ABI. A plugin that loads and does not open is tried "
        "again.",
};

/* Our rows, then those of the pools, which fit struct config_flags because its first field is the
 * options of a pool. */
static const struct ct_program *config_program(void)
{
    static struct ct_option all[CONFIG_OPTIONS_MAX];
    size_t own = sizeof options / sizeof options[0];

    _Static_assert(offsetof(struct config_flags, pool) == 0, "rows of pools fit the flags");
    ct_assert(own + pool_program.option_count <= CONFIG_OPTIONS_MAX);
    memcpy(all, options, sizeof options);
    memcpy(all + own, pool_program.options, pool_program.option_count * sizeof all[0]);
    program.options = all;
    program.option_count = own + pool_program.option_count;
    return &program;
}

static enum ct_code config_take_server(const struct config_flags *flags,
                                       const struct ct_option_set *set, struct worker_config *out,
                                       struct ct_error *err)
{
    enum ct_option_source server = ct_option_source_of(set, "server");
    enum ct_option_source redis = ct_option_source_of(set, "redis");
    struct ct_address address;
    struct ct_redis_url url;
    enum ct_code rc;

    /* The nearer source decides; in the same place a daemon is the more precise wish. */
    if (flags->server && (!flags->redis || server >= redis)) {
        rc = ct_address_parse(flags->server, &address, err);
        if (rc != CT_E_OK) {
            ct_error_wrap(err, "--server");
            return rc;
        }
        out->server = ct_address_print(&address);
        ct_address_free(&address);
        return CT_E_OK;
    }
    rc = ct_secret_read_url(set, flags->redis ? flags->redis : CONFIG_REDIS_DEFAULT, &url, err);
    if (rc != CT_E_OK)
        return rc;
    out->redis_url = ct_redis_url_print_secret(&url);
    out->redis_warning = ct_secret_warning(set, &url);
    ct_redis_url_free(&url);
    return CT_E_OK;
}

static enum ct_code config_take(const struct config_flags *flags, const struct ct_option_set *set,
                                const struct ct_yaml *yaml, struct worker_config *out,
                                struct ct_error *err)
{
    enum ct_code rc = config_take_server(flags, set, out, err);

    out->grace_ms = (uint64_t)flags->grace_ms;
    out->cancel_grace_ms = (uint64_t)flags->cancel_grace_ms;
    out->log_level = (enum ct_log_level)flags->log_level;
    out->log_level_name = log_levels[flags->log_level];
    out->replay = flags->replay ? ct_strdup(flags->replay) : NULL;
    if (strcmp(flags->http, "off") != 0)
        out->http = ct_strdup(flags->http);
    out->http_cert = flags->http_cert ? ct_strdup(flags->http_cert) : NULL;
    out->http_key = flags->http_key ? ct_strdup(flags->http_key) : NULL;
    out->http_ca = flags->http_ca ? ct_strdup(flags->http_ca) : NULL;
    out->debugger = flags->debugger ? ct_strdup(flags->debugger) : NULL;
    if (rc == CT_E_OK && out->debugger && !out->replay)
        rc = ct_error_set(err, CT_E_USAGE, "--debugger needs --replay FILE");
    if (rc != CT_E_OK)
        return rc;
    return config_pools(set, flags, yaml ? ct_yaml_find(yaml->root, "pools") : NULL, out, err);
}

static enum ct_code config_check_sandbox(const struct config_flags *flags,
                                         struct worker_config *out, struct ct_error *err)
{
    struct sandbox sandbox;
    enum ct_code rc = sandbox_parse(&flags->pool.sandbox, &sandbox, err);

    if (rc == CT_E_OK)
        out->check_status = sandbox_check_main(&sandbox);
    return rc;
}

static enum config_outcome config_check_plugin(const struct config_flags *flags,
                                               struct worker_config *out, char **check_plugin)
{
    const struct trust trust = {&flags->pool.plugin_dirs, &flags->pool.plugin_owners};
    struct ct_error err;

    if (trust_check(&trust, flags->check_plugin, check_plugin, &err) == CT_E_OK)
        return CONFIG_CHECK;
    fprintf(stderr, "cartrita-worker: %s\n", err.detail);
    out->check_status = EXIT_FAILURE;
    return CONFIG_CHECKED;
}

enum config_outcome config_read(int argc, char *const *argv, struct worker_config *out,
                                char **check_plugin, struct ct_error *err)
{
    /* Ours are the pools; the rest is the daemon's, for which the same file may be. */
    static const char *const sections[] = {"pools",    "queues",        "listen", "frame-max",
                                           "embedded", "embedded-port", "http",   "http-cert",
                                           "http-key", "http-ca",       NULL};
    enum config_outcome outcome = CONFIG_REFUSED;
    struct config_flags flags;
    struct ct_option_set set;
    struct ct_yaml *yaml = NULL;
    enum ct_code rc;

    memset(&flags, 0, sizeof flags);
    memset(out, 0, sizeof *out);
    ct_option_open(&set, config_program(), &flags);
    rc = ct_option_read_args(&set, argc - 1, argv + 1, err);
    if (rc == CT_E_OK && ct_option_answer(&set, stdout)) {
        ct_option_close(&set);
        return CONFIG_ANSWERED;
    }
    if (rc == CT_E_OK && set.positional_count > 0)
        rc = ct_error_set(err, CT_E_USAGE, "'%.60s' is not an option; see --help",
                          set.positionals[0]);
    if (rc == CT_E_OK)
        rc = ct_option_read_env(&set, err);
    if (rc == CT_E_OK && flags.checks_health) {
        const char *address = strcmp(flags.http, "off") == 0 ? CONFIG_HTTP_USUAL : flags.http;

        out->check_status = http_check_main("cartrita-worker", address, flags.http_cert);
        ct_option_close(&set);
        return CONFIG_CHECKED;
    }
    if (rc == CT_E_OK && flags.check_plugin) {
        outcome = config_check_plugin(&flags, out, check_plugin);
        ct_option_close(&set);
        return outcome;
    }
    if (rc == CT_E_OK && flags.config) {
        rc = ct_yaml_load(flags.config, &yaml, err);
        if (rc == CT_E_OK)
            rc = ct_option_read_file(&set, yaml->root, sections, err);
    }
    if (rc == CT_E_OK && flags.check_sandbox)
        rc = config_check_sandbox(&flags, out, err);
    else if (rc == CT_E_OK)
        rc = config_take(&flags, &set, yaml, out, err);
    if (rc == CT_E_OK)
        outcome = flags.check_sandbox ? CONFIG_CHECKED : out->replay ? CONFIG_REPLAY : CONFIG_READY;
    else
        config_free(out);
    ct_yaml_free(yaml);
    ct_option_close(&set);
    return outcome;
}

void config_free(struct worker_config *config)
{
    for (size_t i = 0; i < config->pool_count; i++)
        config_pool_free(&config->pools[i]);
    free(config->pools);
    free(config->redis_url);
    free(config->server);
    free(config->http);
    free(config->http_cert);
    free(config->http_key);
    free(config->http_ca);
    free(config->replay);
    free(config->debugger);
    memset(config, 0, sizeof *config);
}
