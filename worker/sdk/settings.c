/* A plugin's settings, by table. See cartrita/sdk/settings.h. */
#include "cartrita/sdk/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/secret.h"
#include "cartrita/sdk/text.h"
#include "near.h"

static const char setting_error[] = "SettingError";

struct unit {
    const char *suffix;
    int64_t factor;
};

static const struct unit durations[] = {{"", 1},        {"ms", 1},       {"s", 1000}, {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit sizes[] = {{"", 1},        {"k", 1 << 10}, {"K", 1 << 10}, {"m", 1 << 20},
                                    {"M", 1 << 20}, {"g", 1 << 30}, {"G", 1 << 30}, {NULL, 0}};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

static bool complain(const struct sdk_setting *setting, const char *wanted, struct sdk_error *error)
{
    return sdk_refuse(error, setting_error, "setting %s must be %s", setting->name, wanted);
}

/* --- one value of each kind ----------------------------------------------------------------------
 */

/* A number with a unit behind it. */
static bool parse_units(const char *text, const struct unit *units, int64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoll(text, &end, 10);
    if (end == text || errno)
        return false;
    while (units->suffix && strcmp(units->suffix, end) != 0)
        units++;
    return units->suffix && !__builtin_mul_overflow(*value, units->factor, value);
}

static bool in_range(const struct sdk_setting *setting, double value, struct sdk_error *error)
{
    bool is_any = setting->min == setting->max;

    if (!is_any && (value < (double)setting->min || value > (double)setting->max))
        return sdk_refuse(error, setting_error,
                          "setting %s must be from %" PRId64 " to %" PRId64 ", not %.15g",
                          setting->name, setting->min, setting->max, value);
    return true;
}

static bool take_integer(const struct sdk_setting *setting, const json_t *value,
                         const struct unit *units, const char *wanted, int64_t *out,
                         struct sdk_error *error)
{
    bool is_counted = units != plain && setting->min == setting->max;
    int64_t number = json_integer_value(value);

    if (json_is_string(value) ? !parse_units(json_string_value(value), units, &number)
                              : !json_is_integer(value))
        return complain(setting, wanted, error);
    if (is_counted && number < 0)
        return complain(setting, wanted, error);
    if (!in_range(setting, (double)number, error))
        return false;
    *out = number;
    return true;
}

static bool take_number(const struct sdk_setting *setting, const json_t *value, double *out,
                        struct sdk_error *error)
{
    const char *text = json_string_value(value);
    char *end = NULL;
    double number = text ? strtod(text, &end) : json_number_value(value);

    if (text ? end == text || *end || !(number - number == 0) : !json_is_number(value))
        return complain(setting, "a number", error);
    if (!in_range(setting, number, error))
        return false;
    *out = number;
    return true;
}

static bool take_boolean(const struct sdk_setting *setting, const json_t *value, bool *out,
                         struct sdk_error *error)
{
    const char *text = json_string_value(value);
    bool is_true = text ? strcmp(text, "true") == 0 : json_is_true(value);

    if (!is_true && (text ? strcmp(text, "false") != 0 : !json_is_false(value)))
        return complain(setting, "true or false", error);
    *out = is_true;
    return true;
}

static bool take_text(const struct sdk_setting *setting, const json_t *value, char **out,
                      struct sdk_error *error)
{
    const char *text = json_string_value(value);

    if (!text)
        return complain(setting, "a text (a number is one in quotes)", error);
    if (setting->kind == SDK_SETTING_SECRET)
        return sdk_secret_read(text, out, error) ||
               sdk_error_wrap(error, "setting %s", setting->name);
    *out = strdup(text);
    return *out || sdk_retry_later(error, setting_error, "out of memory");
}

static bool take_choice(const struct sdk_setting *setting, const json_t *value, int *out,
                        struct sdk_error *error)
{
    const char *text = json_string_value(value);
    struct sdk_near near = {.given = text};
    struct sdk_string all = {.max = SDK_ERROR_TEXT_MAX / 2};
    char hint[SDK_NEAR_HINT_MAX];

    for (int i = 0; setting->choices[i]; i++) {
        sdk_string_printf(&all, "%s%s", i ? ", " : "", setting->choices[i]);
        if (text && strcmp(setting->choices[i], text) == 0) {
            *out = i;
            sdk_string_free(&all);
            return true;
        }
        if (text)
            sdk_near_try(&near, setting->choices[i]);
    }
    sdk_refuse(error, setting_error, "setting %s must be one of %s%s", setting->name, all.bytes,
               sdk_near_hint(&near, hint));
    sdk_string_free(&all);
    return false;
}

/* A text that looks like an object or an array is one, from --set. */
static bool take_json(const struct sdk_setting *setting, const json_t *value, json_t **out,
                      struct sdk_error *error)
{
    const char *text = json_string_value(value);
    char first = text ? text[strspn(text, " \t\r\n")] : '\0';
    json_error_t why;

    if (first != '{' && first != '[') {
        *out = json_deep_copy(value);
        return true;
    }
    *out = json_loads(text, 0, &why);
    return *out ||
           sdk_refuse(error, setting_error, "setting %s is no JSON: %s", setting->name, why.text);
}

static bool take(const struct sdk_setting *setting, const json_t *value, void *out,
                 struct sdk_error *error)
{
    void *at = (char *)out + setting->offset;

    switch (setting->kind) {
    case SDK_SETTING_TEXT:
    case SDK_SETTING_SECRET:
        return take_text(setting, value, at, error);
    case SDK_SETTING_INTEGER:
        return take_integer(setting, value, plain, "a whole number", at, error);
    case SDK_SETTING_DURATION:
        return take_integer(setting, value, durations,
                            "a time: milliseconds, or such as \"1500ms\", \"30s\", \"5m\", \"2h\"",
                            at, error);
    case SDK_SETTING_SIZE:
        return take_integer(setting, value, sizes,
                            "a size: bytes, or such as \"64k\", \"10M\", \"2G\"", at, error);
    case SDK_SETTING_NUMBER:
        return take_number(setting, value, at, error);
    case SDK_SETTING_BOOLEAN:
        return take_boolean(setting, value, at, error);
    case SDK_SETTING_CHOICE:
        return take_choice(setting, value, at, error);
    case SDK_SETTING_JSON:
        return take_json(setting, value, at, error);
    }
    return false;
}

/* --- the table -----------------------------------------------------------------------------------
 */

static void clear(const struct sdk_setting *setting, void *out)
{
    void *at = (char *)out + setting->offset;

    switch (setting->kind) {
    case SDK_SETTING_TEXT:
        free(*(char **)at);
        *(char **)at = NULL;
        break;
    case SDK_SETTING_SECRET:
        sdk_secret_free(*(char **)at);
        *(char **)at = NULL;
        break;
    case SDK_SETTING_JSON:
        json_decref(*(json_t **)at);
        *(json_t **)at = NULL;
        break;
    case SDK_SETTING_BOOLEAN:
        *(bool *)at = false;
        break;
    case SDK_SETTING_CHOICE:
        *(int *)at = 0;
        break;
    case SDK_SETTING_NUMBER:
        *(double *)at = 0;
        break;
    case SDK_SETTING_INTEGER:
    case SDK_SETTING_DURATION:
    case SDK_SETTING_SIZE:
        *(int64_t *)at = 0;
        break;
    }
}

/* Owned texts start as NULL, whatever `out` held. */
static void prepare(const struct sdk_setting *setting, void *out)
{
    void *at = (char *)out + setting->offset;

    if (setting->kind == SDK_SETTING_TEXT || setting->kind == SDK_SETTING_SECRET)
        *(char **)at = NULL;
    else if (setting->kind == SDK_SETTING_JSON)
        *(json_t **)at = NULL;
    clear(setting, out);
}

static bool read_one(const struct sdk_setting *setting, const json_t *config, void *out,
                     struct sdk_error *error)
{
    const json_t *value = json_object_get(config, setting->name);
    json_t *fallback;
    bool is_taken;

    if (value && !json_is_null(value))
        return take(setting, value, out, error);
    if (setting->is_required)
        return sdk_refuse(error, setting_error, "setting %s is missing", setting->name);
    if (!setting->fallback)
        return true;
    fallback = json_string(setting->fallback);
    is_taken = take(setting, fallback, out, error);
    json_decref(fallback);
    return is_taken;
}

static bool check_names(const struct sdk_setting *table, size_t count, json_t *config,
                        struct sdk_error *error)
{
    const char *name;
    json_t *value;

    json_object_foreach(config, name, value)
    {
        struct sdk_near near = {.given = name};
        struct sdk_string all = {.max = SDK_ERROR_TEXT_MAX / 2};
        char hint[SDK_NEAR_HINT_MAX];
        size_t i = 0;

        while (i < count && strcmp(table[i].name, name) != 0) {
            sdk_near_try(&near, table[i].name);
            sdk_string_printf(&all, "%s%s", i ? ", " : "", table[i].name);
            i++;
        }
        if (i == count)
            sdk_refuse(error, setting_error, "there is no setting \"%.100s\"%s; there are: %s",
                       name, sdk_near_hint(&near, hint), all.bytes ? all.bytes : "none");
        sdk_string_free(&all);
        if (i == count)
            return false;
    }
    return true;
}

bool sdk_settings_read(const char *config, const struct sdk_setting *table, size_t count, void *out,
                       struct sdk_error *error)
{
    json_error_t why;
    json_t *object = json_loads(config, 0, &why);
    bool is_read = json_is_object(object);

    for (size_t i = 0; i < count; i++)
        prepare(&table[i], out);
    if (!is_read)
        sdk_refuse(error, setting_error, "the settings are no JSON object%s%s", object ? "" : ": ",
                   object ? "" : why.text);
    is_read = is_read && check_names(table, count, object, error);
    for (size_t i = 0; i < count && is_read; i++)
        is_read = read_one(&table[i], object, out, error);
    json_decref(object);
    if (!is_read)
        sdk_settings_free(table, count, out);
    return is_read;
}

void sdk_settings_free(const struct sdk_setting *table, size_t count, void *out)
{
    for (size_t i = 0; i < count; i++)
        clear(&table[i], out);
}
