/* A runner's settings as one line of JSON. See runner.h; printed by slot.c, parsed by runner.c. */
#include "worker/runner/runner.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"

static void settings_add_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, json_string(text));
}

static void settings_add_texts(json_t *object, const char *key, char *const *texts, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(texts[i]));
    json_object_set_new(object, key, array);
}

char *runner_settings_print(const struct runner_settings *settings)
{
    json_t *object = json_object();
    char *text;

    settings_add_text(object, "name", settings->name);
    settings_add_text(object, "address", settings->address);
    settings_add_text(object, "worker", settings->worker);
    settings_add_text(object, "runner", settings->runner);
    settings_add_text(object, "plugin", settings->plugin);
    settings_add_text(object, "config", settings->config);
    settings_add_text(object, "prefix", settings->prefix);
    settings_add_text(object, "dialect", settings->dialect);
    settings_add_text(object, "settings", settings->settings);
    settings_add_texts(object, "queues", settings->queues, settings->queue_count);
    settings_add_texts(object, "sandbox", settings->sandbox, settings->sandbox_count);
    json_object_set_new(object, "core", json_boolean(settings->leaves_core));
    json_object_set_new(object, "concurrency", json_integer(settings->concurrency));
    json_object_set_new(object, "limits",
                        job_limits_print(settings->limits, settings->limit_count));
    json_object_set_new(object, "filesMax", json_integer(settings->files_max));
    json_object_set_new(object, "fileSizeMaxMib", json_integer(settings->file_size_max_mib));
    json_object_set_new(object, "cacheMib", json_integer((json_int_t)settings->cache_mib));
    json_object_set_new(object, "cacheTtlMs", json_integer((json_int_t)settings->cache_ttl_ms));
    json_object_set_new(object, "recycleJobs", json_integer((json_int_t)settings->recycle_jobs));
    json_object_set_new(object, "stderrRateKib", json_integer(settings->stderr_rate_kib));
    json_object_set_new(object, "cancelGraceMs",
                        json_integer((json_int_t)settings->cancel_grace_ms));
    json_object_set_new(object, "graceMs", json_integer((json_int_t)settings->grace_ms));
    json_object_set_new(object, "logLevel", json_integer(settings->log_level));
    json_object_set_new(object, "isUserOther", json_boolean(settings->is_user_other));
    json_object_set_new(object, "uid", json_integer(settings->uid));
    json_object_set_new(object, "gid", json_integer(settings->gid));
    settings_add_text(object, "user", settings->user);
    settings_add_text(object, "tempDir", settings->temp_dir);
    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static char *settings_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? ct_strdup(text) : NULL;
}

/* Fresh memory, as are the texts. */
static char **settings_texts(const json_t *object, const char *key, size_t *count)
{
    const json_t *array = json_object_get(object, key);
    char **texts;

    *count = json_array_size(array);
    texts = ct_zalloc((*count + 1) * sizeof *texts);
    for (size_t i = 0; i < *count; i++)
        texts[i] = ct_strdup(json_string_value(json_array_get(array, i)));
    return texts;
}

static void settings_free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

static uint64_t settings_number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

enum ct_code runner_settings_parse(struct ct_str text, struct runner_settings *out,
                                   struct ct_error *err)
{
    json_t *object;
    enum ct_code rc = ct_json_object(text, &object, err);

    if (rc != CT_E_OK)
        return rc;
    *out = (struct runner_settings){
        .name = settings_text(object, "name"),
        .address = settings_text(object, "address"),
        .worker = settings_text(object, "worker"),
        .runner = settings_text(object, "runner"),
        .plugin = settings_text(object, "plugin"),
        .config = settings_text(object, "config"),
        .prefix = settings_text(object, "prefix"),
        .dialect = settings_text(object, "dialect"),
        .settings = settings_text(object, "settings"),
        .leaves_core = json_is_true(json_object_get(object, "core")),
        .concurrency = (uint32_t)settings_number(object, "concurrency"),
        .files_max = (int64_t)settings_number(object, "filesMax"),
        .file_size_max_mib = (int64_t)settings_number(object, "fileSizeMaxMib"),
        .cache_mib = settings_number(object, "cacheMib"),
        .cache_ttl_ms = settings_number(object, "cacheTtlMs"),
        .recycle_jobs = settings_number(object, "recycleJobs"),
        .stderr_rate_kib = (int64_t)settings_number(object, "stderrRateKib"),
        .cancel_grace_ms = settings_number(object, "cancelGraceMs"),
        .grace_ms = settings_number(object, "graceMs"),
        .log_level = (int64_t)settings_number(object, "logLevel"),
        .is_user_other = json_is_true(json_object_get(object, "isUserOther")),
        .uid = (uid_t)settings_number(object, "uid"),
        .gid = (gid_t)settings_number(object, "gid"),
        .user = settings_text(object, "user"),
        .temp_dir = settings_text(object, "tempDir"),
    };
    out->limits = job_limits_parse(json_object_get(object, "limits"), &out->limit_count);
    out->queues = settings_texts(object, "queues", &out->queue_count);
    out->sandbox = settings_texts(object, "sandbox", &out->sandbox_count);
    json_decref(object);
    if (!out->user || !out->temp_dir || !out->name || !out->address || !out->plugin ||
        !out->config || !out->worker || !out->runner || out->queue_count == 0 ||
        out->limit_count == 0 || out->concurrency == 0) {
        runner_settings_free(out);
        return ct_error_set(err, CT_E_INVALID, "the runner's settings are incomplete");
    }
    return CT_E_OK;
}

void runner_settings_free(struct runner_settings *settings)
{
    settings_free_texts(settings->queues, settings->queue_count);
    settings_free_texts(settings->sandbox, settings->sandbox_count);
    job_limits_free(settings->limits, settings->limit_count);
    free(settings->name);
    free(settings->address);
    free(settings->worker);
    free(settings->runner);
    free(settings->plugin);
    free(settings->config);
    free(settings->prefix);
    free(settings->dialect);
    free(settings->settings);
    free(settings->user);
    free(settings->temp_dir);
    memset(settings, 0, sizeof *settings);
}
