/* Reading scaling: of a queue. Called by config.c, at the start. */
#include "server/scaling_config.h"

#include "common/option.h"

#define SCALING_TARGET_LEAST_MS 1000
#define SCALING_TIME_MOST_MS    (24LL * 3600 * 1000)

void scaling_settings_init(struct scaling_settings *settings)
{
    *settings = (struct scaling_settings){
        .target_ms = SCALING_TARGET_MS,
        .hold_ms = SCALING_HOLD_MS,
        .min = SCALING_MIN,
        .max = SCALING_MAX,
        .slots = SCALING_SLOTS,
    };
}

static enum ct_code read_time(const struct ct_yaml_node *map, const char *key, int64_t least_ms,
                              int64_t *out, struct ct_error *err)
{
    const struct ct_yaml_node *node = ct_yaml_find(map, key);
    const char *text;
    int64_t value;

    if (!node)
        return CT_E_OK;
    enum ct_code rc = ct_yaml_text(node, &text, err);
    if (rc != CT_E_OK)
        return rc;
    if (!ct_option_duration_ms(ct_str_of(text), &value) || value < least_ms ||
        value > SCALING_TIME_MOST_MS)
        return ct_yaml_error(node, err, "%s must be a duration such as 30s, from %lldms to 1d", key,
                             (long long)least_ms);
    *out = value;
    return CT_E_OK;
}

static enum ct_code read_count(const struct ct_yaml_node *map, const char *key, int64_t least,
                               uint32_t *out, struct ct_error *err)
{
    const struct ct_yaml_node *node = ct_yaml_find(map, key);
    const char *text;
    int64_t value;

    if (!node)
        return CT_E_OK;
    enum ct_code rc = ct_yaml_text(node, &text, err);
    if (rc != CT_E_OK)
        return rc;
    if (!ct_str_to_int(ct_str_of(text), &value) || value < least || value > SCALING_MOST)
        return ct_yaml_error(node, err, "%s must be a number from %lld to %d", key,
                             (long long)least, SCALING_MOST);
    *out = (uint32_t)value;
    return CT_E_OK;
}

enum ct_code scaling_settings_read(const struct ct_yaml_node *node,
                                   struct scaling_settings *settings, struct ct_error *err)
{
    static const char *const known[] = {"target", "hold", "min", "max", "slots", NULL};

    if (!node)
        return CT_E_OK;
    enum ct_code rc = ct_yaml_need_map(node, err);
    if (rc == CT_E_OK)
        rc = ct_yaml_check_keys(node, known, err);
    if (rc == CT_E_OK)
        rc = read_time(node, "target", SCALING_TARGET_LEAST_MS, &settings->target_ms, err);
    if (rc == CT_E_OK)
        rc = read_time(node, "hold", 0, &settings->hold_ms, err);
    if (rc == CT_E_OK)
        rc = read_count(node, "min", 0, &settings->min, err);
    if (rc == CT_E_OK)
        rc = read_count(node, "max", 1, &settings->max, err);
    if (rc == CT_E_OK)
        rc = read_count(node, "slots", 1, &settings->slots, err);
    if (rc == CT_E_OK && settings->min > settings->max)
        rc = ct_yaml_error(node, err, "min is above max (%u, unless it is said)", settings->max);
    return rc;
}
