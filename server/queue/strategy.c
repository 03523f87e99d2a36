/* Reading named backoff strategies, and the delays that they give. Called by settings.c and by
 * dialects; pure. */
#include "queue/strategy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/random.h"

#define STRATEGY_MS_MAX  (366.0 * 24 * 3600 * 1000)
#define SETTING_NAME_MAX 64

void strategies_free(struct queue_settings *settings)
{
    for (uint32_t i = 0; i < settings->strategy_count; i++)
        free(settings->strategies[i].name);
    free(settings->strategies);
    settings->strategies = NULL;
    settings->strategy_count = 0;
}

bool strategy_equal(const struct strategy *a, const struct strategy *b)
{
    return strcmp(a->name, b->name) == 0 && a->kind == b->kind && a->delay_ms == b->delay_ms &&
           a->max_ms == b->max_ms && a->jitter == b->jitter && a->step_count == b->step_count &&
           memcmp(a->steps_ms, b->steps_ms, a->step_count * sizeof a->steps_ms[0]) == 0;
}

static enum ct_code strategy_number(const char *strategy, const char *field, const json_t *value,
                                    double min, double max, double *out, struct ct_error *err)
{
    double number = json_number_value(value);

    if (!json_is_number(value) || number < min || number > max)
        return ct_error_set(err, CT_E_INVALID,
                            "backoffStrategies.%.*s.%s must be a number from %.15g to %.15g",
                            SETTING_NAME_MAX, strategy, field, min, max);
    *out = number;
    return CT_E_OK;
}

static enum ct_code strategy_read_steps(const char *name, json_t *steps, struct strategy *out,
                                        struct ct_error *err)
{
    if (!json_is_array(steps) || json_array_size(steps) == 0 ||
        json_array_size(steps) > QUEUE_STRATEGY_STEPS_MAX)
        return ct_error_set(err, CT_E_INVALID,
                            "backoffStrategies.%.*s.delays must be a list of 1 to %d numbers",
                            SETTING_NAME_MAX, name, QUEUE_STRATEGY_STEPS_MAX);
    out->kind = STRATEGY_STEPS;
    for (size_t i = 0; i < json_array_size(steps); i++) {
        double step = 0;
        enum ct_code rc = strategy_number(name, "delays", json_array_get(steps, i), -1,
                                          STRATEGY_MS_MAX, &step, err);
        if (rc != CT_E_OK)
            return rc;
        out->steps_ms[out->step_count++] = step < 0 ? -1 : llround(step);
    }
    return CT_E_OK;
}

static enum ct_code strategy_read_type(const char *name, const json_t *type, struct strategy *out,
                                       struct ct_error *err)
{
    static const char *const kinds[] = {"fixed", "exponential", "linear"};

    for (int i = 0; json_is_string(type) && i < 3; i++) {
        if (strcmp(kinds[i], json_string_value(type)) == 0) {
            out->kind = (enum strategy_kind)i;
            return CT_E_OK;
        }
    }
    return ct_error_set(err, CT_E_INVALID,
                        "backoffStrategies.%.*s.type must be fixed, exponential or linear",
                        SETTING_NAME_MAX, name);
}

static enum ct_code strategy_read(const char *name, json_t *object, struct strategy *out,
                                  struct ct_error *err)
{
    bool has_type = false, has_delay = false;
    double delay = 0, max = 0;
    const char *field;
    json_t *value;

    if (!json_is_object(object))
        return ct_error_set(err, CT_E_INVALID,
                            "backoffStrategies.%.*s must be an object with type and delay, or "
                            "with delays",
                            SETTING_NAME_MAX, name);
    json_object_foreach(object, field, value)
    {
        enum ct_code rc;

        if (strcmp(field, "type") == 0) {
            rc = strategy_read_type(name, value, out, err);
            has_type = true;
        } else if (strcmp(field, "delay") == 0) {
            rc = strategy_number(name, field, value, 0, STRATEGY_MS_MAX, &delay, err);
            has_delay = true;
        } else if (strcmp(field, "max") == 0) {
            rc = strategy_number(name, field, value, 0, STRATEGY_MS_MAX, &max, err);
        } else if (strcmp(field, "jitter") == 0) {
            rc = strategy_number(name, field, value, 0, 1, &out->jitter, err);
        } else if (strcmp(field, "delays") == 0) {
            rc = strategy_read_steps(name, value, out, err);
        } else {
            rc = ct_error_set(err, CT_E_INVALID, "unknown setting backoffStrategies.%.*s.%.*s",
                              SETTING_NAME_MAX, name, SETTING_NAME_MAX, field);
        }
        if (rc != CT_E_OK)
            return rc;
    }
    if (out->step_count > 0 ? has_type || has_delay : !has_type || !has_delay)
        return ct_error_set(err, CT_E_INVALID,
                            "backoffStrategies.%.*s needs type and delay, or delays alone",
                            SETTING_NAME_MAX, name);
    out->delay_ms = llround(delay);
    out->max_ms = llround(max);
    return CT_E_OK;
}

enum ct_code strategies_read(json_t *object, struct queue_settings *settings, struct ct_error *err)
{
    const char *name;
    json_t *value;

    strategies_free(settings);
    if (json_is_null(object))
        return CT_E_OK;
    if (!json_is_object(object) || json_object_size(object) > QUEUE_STRATEGIES_MAX)
        return ct_error_set(err, CT_E_INVALID,
                            "backoffStrategies must be an object with at most %d named strategies",
                            QUEUE_STRATEGIES_MAX);
    settings->strategies = ct_zalloc(json_object_size(object) * sizeof(struct strategy) + 1);
    json_object_foreach(object, name, value)
    {
        struct strategy *strategy = &settings->strategies[settings->strategy_count++];

        strategy->name = ct_strdup(name);
        enum ct_code rc = strategy_read(name, value, strategy, err);
        if (rc != CT_E_OK)
            return rc;
    }
    return CT_E_OK;
}

const struct strategy *queue_settings_strategy(const struct queue_settings *settings,
                                               struct ct_str name)
{
    for (uint32_t i = 0; i < settings->strategy_count; i++) {
        if (ct_str_is(name, settings->strategies[i].name))
            return &settings->strategies[i];
    }
    return NULL;
}

static double strategy_base(const struct strategy *strategy, uint32_t attempts_made)
{
    switch (strategy->kind) {
    case STRATEGY_EXPONENTIAL: /* as Bull's own */
        return (pow(2, attempts_made < 64 ? attempts_made : 64) - 1) * (double)strategy->delay_ms;
    case STRATEGY_LINEAR:
        return (double)attempts_made * (double)strategy->delay_ms;
    case STRATEGY_STEPS: {
        uint32_t step = attempts_made > 0 ? attempts_made - 1 : 0;
        if (step >= strategy->step_count)
            step = strategy->step_count - 1;
        return (double)strategy->steps_ms[step];
    }
    case STRATEGY_FIXED:
        break;
    }
    return (double)strategy->delay_ms;
}

int64_t strategy_delay(const struct strategy *strategy, uint32_t attempts_made,
                       const struct ct_random *random)
{
    double delay = strategy_base(strategy, attempts_made);

    if (delay < 0)
        return -1;
    if (strategy->max_ms > 0)
        delay = fmin(delay, (double)strategy->max_ms);
    delay = fmin(delay, STRATEGY_MS_MAX);
    if (strategy->jitter > 0) {
        double part = (double)(ct_random_next(random) >> 11) * 0x1p-53;
        delay -= delay * strategy->jitter * part;
    }
    return llround(delay);
}
