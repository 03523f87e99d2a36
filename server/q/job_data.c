/* Paths into a job's data; see the header. Data that is not an object has no paths. */
#include "q/job_data.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"

enum ct_code job_data_check(const struct ct_option_list *wanted, struct ct_error *err)
{
    for (size_t i = 0; i < wanted->count; i++) {
        const char *sign = strchr(wanted->items[i], '=');

        if (!sign || sign == wanted->items[i])
            return ct_error_set(err, CT_E_USAGE,
                                "--data %s: it should be PATH=VALUE, such as user.id=7",
                                wanted->items[i]);
    }
    return CT_E_OK;
}

static const json_t *step(const json_t *value, const char *word)
{
    char *end;
    unsigned long index;

    if (json_is_object(value))
        return json_object_get(value, word);
    if (!json_is_array(value) || *word < '0' || *word > '9')
        return NULL;
    index = strtoul(word, &end, 10);
    return *end == '\0' ? json_array_get(value, index) : NULL;
}

/* A key that has dots itself is found where the whole rest of the path is its name. */
static const json_t *value_at(const json_t *data, char *path)
{
    const json_t *value = data;

    while (value) {
        const json_t *whole = step(value, path);
        char *dot = strchr(path, '.');

        if (whole || !dot)
            return whole;
        *dot = '\0';
        value = step(value, path);
        path = dot + 1;
    }
    return NULL;
}

static bool is_value(const json_t *value, const char *text)
{
    json_error_t ignored;
    json_t *wanted;
    bool is_it;

    if (json_is_string(value) && strcmp(json_string_value(value), text) == 0)
        return true;
    wanted = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &ignored);
    if (json_is_number(value) && json_is_number(wanted))
        is_it = json_number_value(value) == json_number_value(wanted);
    else
        is_it = value && wanted && json_equal((json_t *)value, wanted);
    json_decref(wanted);
    return is_it;
}

bool job_data_matches(struct ct_str data, const struct ct_option_list *wanted)
{
    json_t *object = NULL;
    bool is_match = true;

    if (wanted->count == 0)
        return true;
    if (!data.data || ct_json_object(data, &object, NULL) != CT_E_OK)
        return false;
    for (size_t i = 0; i < wanted->count && is_match; i++) {
        char *path = ct_strdup(wanted->items[i]);
        char *sign = strchr(path, '=');

        *sign = '\0';
        is_match = is_value(value_at(object, path), sign + 1);
        free(path);
    }
    json_decref(object);
    return is_match;
}
