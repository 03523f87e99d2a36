/* Settings of a queue: defaults, reading from JSON, comparing and copying. Called by the engine,
 * its owners and dialects; pure. */
#include "queue/settings.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/nearest.h"
#include "queue/strategy.h"

#define SETTING_DAY_MS   (24 * 3600 * 1000.0)
#define SETTING_NAME_MAX 64

/* A whole number of a fixed unit. */
struct setting {
    const char *name;
    size_t offset;
    double factor; /* to the unit that is kept */
    double min, max;
};

#define SETTING(name, field, factor, min, max)                         \
    {                                                                  \
        name, offsetof(struct queue_settings, field), factor, min, max \
    }

static const struct setting settings_plain[] = {
    SETTING("lockDuration", lock_duration_ms, 1, 10, SETTING_DAY_MS),
    SETTING("lockRenewTime", lock_renew_ms, 1, 1, SETTING_DAY_MS),
    SETTING("stalledInterval", stalled_interval_ms, 1, 0, SETTING_DAY_MS),
    SETTING("maxStalledCount", max_stalled_count, 1, 0, 1e9),
    SETTING("maxCrashes", max_crashes, 1, 0, 1e9),
    SETTING("guardInterval", guard_interval_ms, 1, 1, SETTING_DAY_MS),
    SETTING("retryProcessDelay", retry_process_delay_ms, 1, 0, SETTING_DAY_MS),
    SETTING("drainDelay", drain_delay_ms, 1000, 0.01, 3600),
    SETTING("deadLetterMax", dead_letter_max, 1, 1, 1e9),
    SETTING("maxStartedAttempts", max_started_attempts, 1, 1, 1e9),
    SETTING("maximumRateLimitDelay", maximum_rate_limit_delay_ms, 1, 1, SETTING_DAY_MS),
};
static const struct setting settings_limiter[] = {
    SETTING("max", limiter_max, 1, 1, 1e9),
    SETTING("duration", limiter_duration_ms, 1, 1, 31 * SETTING_DAY_MS),
};
static const struct setting settings_metrics[] = {
    SETTING("maxDataPoints", metrics_max_points, 1, 1, 1e6),
};

#define SETTINGS_COUNT(table) (sizeof(table) / sizeof(table)[0])

void queue_settings_init(struct queue_settings *settings)
{
    *settings = (struct queue_settings){
        .lock_duration_ms = 30000,
        .lock_renew_ms = 15000,
        .stalled_interval_ms = 30000,
        .max_stalled_count = 1,
        .max_crashes = 5,
        .guard_interval_ms = 5000,
        .retry_process_delay_ms = 5000,
        .drain_delay_ms = 5000,
        .dead_letter_max = 100000,
        .maximum_rate_limit_delay_ms = 30000,
        .on_complete = {-1, -1, 0},
        .on_fail = {-1, -1, 0},
    };
}

void queue_settings_fini(struct queue_settings *settings)
{
    strategies_free(settings);
    free(settings->limiter_group_key);
    free(settings->dead_letter_queue);
    free(settings->worker_name);
    queue_settings_init(settings);
}

void queue_settings_copy(struct queue_settings *to, const struct queue_settings *from)
{
    *to = *from;
    to->limiter_group_key = from->limiter_group_key ? ct_strdup(from->limiter_group_key) : NULL;
    to->dead_letter_queue = from->dead_letter_queue ? ct_strdup(from->dead_letter_queue) : NULL;
    to->worker_name = from->worker_name ? ct_strdup(from->worker_name) : NULL;
    to->strategies = NULL;
    if (from->strategy_count == 0)
        return;
    to->strategies = ct_alloc(from->strategy_count * sizeof *to->strategies);
    for (uint32_t i = 0; i < from->strategy_count; i++) {
        to->strategies[i] = from->strategies[i];
        to->strategies[i].name = ct_strdup(from->strategies[i].name);
    }
}

static bool texts_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool keeps_equal(struct keep a, struct keep b)
{
    return a.count == b.count && a.age_s == b.age_s && a.limit == b.limit;
}

bool queue_settings_equal(const struct queue_settings *a, const struct queue_settings *b)
{
    if (a->lock_duration_ms != b->lock_duration_ms || a->lock_renew_ms != b->lock_renew_ms ||
        a->stalled_interval_ms != b->stalled_interval_ms ||
        a->max_stalled_count != b->max_stalled_count || a->max_crashes != b->max_crashes ||
        a->guard_interval_ms != b->guard_interval_ms ||
        a->retry_process_delay_ms != b->retry_process_delay_ms ||
        a->drain_delay_ms != b->drain_delay_ms)
        return false;
    if (a->limiter_max != b->limiter_max || a->limiter_duration_ms != b->limiter_duration_ms ||
        a->limiter_bounce_back != b->limiter_bounce_back ||
        a->metrics_max_points != b->metrics_max_points ||
        !texts_equal(a->limiter_group_key, b->limiter_group_key) ||
        !texts_equal(a->dead_letter_queue, b->dead_letter_queue) ||
        a->dead_letter_max != b->dead_letter_max || a->strategy_count != b->strategy_count)
        return false;
    if (a->max_started_attempts != b->max_started_attempts ||
        a->maximum_rate_limit_delay_ms != b->maximum_rate_limit_delay_ms ||
        !texts_equal(a->worker_name, b->worker_name) ||
        !keeps_equal(a->on_complete, b->on_complete) || !keeps_equal(a->on_fail, b->on_fail))
        return false;
    for (uint32_t i = 0; i < a->strategy_count; i++) {
        if (!strategy_equal(&a->strategies[i], &b->strategies[i]))
            return false;
    }
    return true;
}

/* --- reading --- */

static enum ct_code settings_unknown(const char *where, const char *name,
                                     const struct setting *table, size_t count,
                                     const char *const *others, struct ct_error *err)
{
    struct ct_nearest nearest;

    ct_nearest_init(&nearest, name);
    for (size_t i = 0; i < count; i++)
        ct_nearest_offer(&nearest, table[i].name);
    for (; others && *others; others++)
        ct_nearest_offer(&nearest, *others);
    if (nearest.best)
        return ct_error_set(err, CT_E_INVALID, "unknown setting %s%.*s; did you mean %s?", where,
                            SETTING_NAME_MAX, name, nearest.best);
    return ct_error_set(err, CT_E_INVALID, "unknown setting %s%.*s", where, SETTING_NAME_MAX, name);
}

static const struct setting *setting_find(const struct setting *table, size_t count,
                                          const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

static enum ct_code setting_read(const struct setting *setting, const char *where,
                                 const json_t *value, struct queue_settings *settings,
                                 struct ct_error *err)
{
    double number = json_number_value(value);

    if (!json_is_number(value) || number < setting->min || number > setting->max ||
        (setting->factor == 1 && number != floor(number)))
        return ct_error_set(err, CT_E_INVALID, "%s%s must be a %snumber from %.15g to %.15g", where,
                            setting->name, setting->factor == 1 ? "whole " : "", setting->min,
                            setting->max);
    *(int64_t *)((char *)settings + setting->offset) = llround(number * setting->factor);
    return CT_E_OK;
}

static enum ct_code limiter_read(json_t *limiter, struct queue_settings *settings,
                                 struct ct_error *err)
{
    static const char *const others[] = {"bounceBack", "groupKey", NULL};
    const char *name;
    json_t *value;

    settings->limiter_max = settings->limiter_duration_ms = 0;
    settings->limiter_bounce_back = false;
    free(settings->limiter_group_key);
    settings->limiter_group_key = NULL;
    if (json_is_null(limiter))
        return CT_E_OK;
    if (!json_is_object(limiter))
        return ct_error_set(err, CT_E_INVALID, "limiter must be an object with max and duration");
    json_object_foreach(limiter, name, value)
    {
        const struct setting *setting =
            setting_find(settings_limiter, SETTINGS_COUNT(settings_limiter), name);
        enum ct_code rc = CT_E_OK;

        if (setting)
            rc = setting_read(setting, "limiter.", value, settings, err);
        else if (strcmp(name, "bounceBack") == 0 && json_is_boolean(value))
            settings->limiter_bounce_back = json_is_true(value);
        else if (strcmp(name, "bounceBack") == 0)
            rc = ct_error_set(err, CT_E_INVALID, "limiter.bounceBack must be true or false");
        else if (strcmp(name, "groupKey") != 0)
            rc = settings_unknown("limiter.", name, settings_limiter,
                                  SETTINGS_COUNT(settings_limiter), others, err);
        else if (!json_is_string(value) || json_string_length(value) == 0)
            rc = ct_error_set(err, CT_E_INVALID,
                              "limiter.groupKey must be the path of a field in a job's data");
        else
            settings->limiter_group_key = ct_strdup(json_string_value(value));
        if (rc != CT_E_OK)
            return rc;
    }
    if (settings->limiter_max == 0 || settings->limiter_duration_ms == 0)
        return ct_error_set(err, CT_E_INVALID, "limiter needs both max and duration");
    return CT_E_OK;
}

static enum ct_code metrics_read(json_t *metrics, struct queue_settings *settings,
                                 struct ct_error *err)
{
    const char *name;
    json_t *value;

    settings->metrics_max_points = 0;
    if (json_is_null(metrics))
        return CT_E_OK;
    if (!json_is_object(metrics))
        return ct_error_set(err, CT_E_INVALID, "metrics must be an object with maxDataPoints");
    json_object_foreach(metrics, name, value)
    {
        if (strcmp(name, settings_metrics[0].name) != 0)
            return settings_unknown("metrics.", name, settings_metrics, 1, NULL, err);
        enum ct_code rc = setting_read(&settings_metrics[0], "metrics.", value, settings, err);
        if (rc != CT_E_OK)
            return rc;
    }
    return CT_E_OK;
}

/* A text that replaces *out; null: none. */
static enum ct_code text_read(const char *name, const char *what, const json_t *value, char **out,
                              struct ct_error *err)
{
    size_t len = json_string_length(value);

    free(*out);
    *out = NULL;
    if (json_is_null(value))
        return CT_E_OK;
    if (!json_is_string(value) || len == 0 || strlen(json_string_value(value)) != len)
        return ct_error_set(err, CT_E_INVALID, "%s must be %s", name, what);
    if (len > QUEUE_NAME_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "%s: at most %d bytes", name, QUEUE_NAME_MAX);
    *out = ct_strdup(json_string_value(value));
    return CT_E_OK;
}

/* It becomes part of the name of a connection, where Redis takes nothing else. */
static enum ct_code worker_name_read(const json_t *value, struct queue_settings *settings,
                                     struct ct_error *err)
{
    enum ct_code rc = text_read("name", "the name of a worker", value, &settings->worker_name, err);

    for (const char *at = settings->worker_name; rc == CT_E_OK && at && *at; at++) {
        if (*at < '!' || *at > '~')
            rc = ct_error_set(err, CT_E_INVALID,
                              "name must be of printable ASCII characters without blanks: it "
                              "becomes part of a name in Redis");
    }
    return rc;
}

/* true, false, a count, or {"age": s, "count": n, "limit": n}. */
static enum ct_code keep_read(const char *name, json_t *value, struct keep *out,
                              struct ct_error *err)
{
    struct keep keep = {-1, -1, 0};
    const char *member;
    json_t *part;

    if (json_is_true(value))
        keep.count = 0;
    if (json_is_integer(value))
        keep.count = json_integer_value(value);
    bool is_good = json_is_boolean(value) || json_is_null(value) ||
                   (json_is_integer(value) && keep.count >= 0) || json_is_object(value);
    json_object_foreach(value, member, part)
    {
        int64_t number = json_is_integer(part) ? json_integer_value(part) : -1;

        if (strcmp(member, "age") == 0)
            keep.age_s = number;
        else if (strcmp(member, "count") == 0)
            keep.count = number;
        else if (strcmp(member, "limit") == 0 && number > 0)
            keep.limit = number;
        else
            number = -1;
        is_good = is_good && number >= 0;
    }
    if (!is_good)
        return ct_error_set(err, CT_E_INVALID,
                            "%s must be true, false, how many jobs to keep, or {age: seconds, "
                            "count: jobs, limit: jobs} in whole numbers",
                            name);
    if (keep.count == 0)
        keep = (struct keep){0, -1, 0};
    *out = keep;
    return CT_E_OK;
}

static enum ct_code settings_read(json_t *object, struct queue_settings *settings,
                                  struct ct_error *err)
{
    static const char *const others[] = {"limiter",         "metrics", "backoffStrategies",
                                         "deadLetterQueue", "name",    "removeOnComplete",
                                         "removeOnFail",    NULL};
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        const struct setting *setting =
            setting_find(settings_plain, SETTINGS_COUNT(settings_plain), name);
        enum ct_code rc;

        if (setting)
            rc = setting_read(setting, "", value, settings, err);
        else if (strcmp(name, "limiter") == 0)
            rc = limiter_read(value, settings, err);
        else if (strcmp(name, "metrics") == 0)
            rc = metrics_read(value, settings, err);
        else if (strcmp(name, "backoffStrategies") == 0)
            rc = strategies_read(value, settings, err);
        else if (strcmp(name, "deadLetterQueue") == 0)
            rc = text_read(name, "the name of a queue", value, &settings->dead_letter_queue, err);
        else if (strcmp(name, "name") == 0)
            rc = worker_name_read(value, settings, err);
        else if (strcmp(name, "removeOnComplete") == 0)
            rc = keep_read(name, value, &settings->on_complete, err);
        else if (strcmp(name, "removeOnFail") == 0)
            rc = keep_read(name, value, &settings->on_fail, err);
        else
            rc = settings_unknown("", name, settings_plain, SETTINGS_COUNT(settings_plain), others,
                                  err);
        if (rc != CT_E_OK)
            return rc;
    }
    if (json_object_get(object, "lockDuration") && !json_object_get(object, "lockRenewTime"))
        settings->lock_renew_ms = settings->lock_duration_ms / 2;
    if (settings->lock_renew_ms >= settings->lock_duration_ms)
        return ct_error_set(err, CT_E_INVALID,
                            "lockRenewTime (%lld ms) must be shorter than lockDuration (%lld ms), "
                            "or locks expire before they are renewed",
                            (long long)settings->lock_renew_ms,
                            (long long)settings->lock_duration_ms);
    return CT_E_OK;
}

enum ct_code queue_settings_parse(struct queue_settings *settings, struct ct_str text,
                                  struct ct_error *err)
{
    struct queue_settings fresh;
    json_t *object;

    if (!text.data)
        return CT_E_OK;
    enum ct_code rc = ct_json_object(text, &object, err);
    if (rc != CT_E_OK) {
        ct_error_wrap(err, "settings of a queue");
        return rc;
    }
    queue_settings_copy(&fresh, settings);
    rc = settings_read(object, &fresh, err);
    json_decref(object);
    if (rc != CT_E_OK) {
        queue_settings_fini(&fresh);
        return rc;
    }
    queue_settings_fini(settings);
    *settings = fresh;
    return CT_E_OK;
}

enum ct_code queue_settings_check(const struct queue_settings *settings, const char *name,
                                  struct ct_error *err)
{
    if (settings->dead_letter_queue && strcmp(settings->dead_letter_queue, name) == 0)
        return ct_error_set(err, CT_E_INVALID,
                            "deadLetterQueue of queue '%.60s' is that queue itself: name another "
                            "one",
                            name);
    return CT_E_OK;
}
