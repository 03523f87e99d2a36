/* Reading JSON objects member by member. See cartrita/sdk/json.h. */
#include "cartrita/sdk/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "near.h"

#define READER_CHOICES_TEXT_MAX 512u

const char sdk_required[] = "";

/* --- complaints ----------------------------------------------------------------------------------
 */

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        break;
    }
    return "null";
}

static void wrong(struct sdk_reader *reader, const char *name, const char *wanted,
                  const json_t *value)
{
    sdk_reader_refuse(reader, name, "must be %s, not %s", wanted, kind_of(value));
}

bool sdk_reader_refuse(struct sdk_reader *reader, const char *name, const char *format, ...)
{
    char text[SDK_ERROR_TEXT_MAX];
    va_list args;

    if (reader->is_failed)
        return false;
    reader->is_failed = true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return sdk_refuse(reader->error, "ValidationError", "%s%s%s: %s", reader->path, name ? "." : "",
                      name ? name : "", text);
}

bool sdk_reader_need(struct sdk_reader *reader, const char *name)
{
    return sdk_has(reader, name) || sdk_reader_refuse(reader, name, "is missing");
}

bool sdk_reader_ok(const struct sdk_reader *reader)
{
    return !reader->is_failed;
}

/* --- readers -------------------------------------------------------------------------------------
 */

struct sdk_reader sdk_reader(const json_t *object, const char *path, struct sdk_error *error)
{
    struct sdk_reader reader = {.object = object, .error = error};

    snprintf(reader.path, sizeof reader.path, "%s", path);
    if (object && !json_is_object(object)) {
        wrong(&reader, NULL, "an object", object);
        reader.object = NULL;
    }
    return reader;
}

/* The member; NULL when it is absent or null, and when the reader has failed. */
static const json_t *member(const struct sdk_reader *reader, const char *name)
{
    const json_t *value = json_object_get(reader->object, name);

    return reader->is_failed || json_is_null(value) ? NULL : value;
}

/* A reader of `value`, which stands at `path`; as failed as its parent. */
static struct sdk_reader inner(const struct sdk_reader *parent, const json_t *value,
                               const char *path)
{
    struct sdk_reader reader = {.error = parent->error, .is_failed = true};

    if (!parent->is_failed)
        return sdk_reader(value, path, parent->error);
    snprintf(reader.path, sizeof reader.path, "%s", path);
    return reader;
}

struct sdk_reader sdk_reader_in(struct sdk_reader *parent, const char *name)
{
    char path[2 * SDK_READER_PATH_MAX];

    snprintf(path, sizeof path, "%s.%.100s", parent->path, name);
    return inner(parent, member(parent, name), path);
}

struct sdk_reader sdk_reader_at(struct sdk_reader *parent, const char *name, size_t index)
{
    char path[2 * SDK_READER_PATH_MAX];

    snprintf(path, sizeof path, "%s.%.100s[%zu]", parent->path, name, index);
    return inner(parent, json_array_get(member(parent, name), index), path);
}

bool sdk_reader_only(struct sdk_reader *reader, const char *const *names)
{
    void *at;

    for (at = json_object_iter((json_t *)reader->object); at && !reader->is_failed;
         at = json_object_iter_next((json_t *)reader->object, at)) {
        const char *key = json_object_iter_key(at);
        struct sdk_near near = {.given = key};
        char hint[SDK_NEAR_HINT_MAX];
        size_t i = 0;

        while (names[i] && strcmp(names[i], key) != 0)
            sdk_near_try(&near, names[i++]);
        if (!names[i])
            sdk_reader_refuse(reader, NULL, "there is no \"%.100s\" here%s", key,
                              sdk_near_hint(&near, hint));
    }
    return !reader->is_failed;
}

/* --- values --------------------------------------------------------------------------------------
 */

bool sdk_has(const struct sdk_reader *reader, const char *name)
{
    return member(reader, name) != NULL;
}

const char *sdk_text(struct sdk_reader *reader, const char *name, const char *fallback,
                     size_t max_len)
{
    const json_t *value = member(reader, name);
    size_t len = json_string_length(value);

    if (!value && fallback == sdk_required)
        sdk_reader_need(reader, name);
    else if (value && !json_is_string(value))
        wrong(reader, name, "a text", value);
    else if (value && max_len && len > max_len)
        sdk_reader_refuse(reader, name, "has %zu bytes, at most %zu are allowed", len, max_len);
    else if (value && memchr(json_string_value(value), '\0', len))
        sdk_reader_refuse(reader, name, "holds a NUL character");
    else if (value)
        return json_string_value(value);
    return fallback;
}

int64_t sdk_integer(struct sdk_reader *reader, const char *name, int64_t fallback, int64_t min,
                    int64_t max)
{
    const json_t *value = member(reader, name);
    double real = json_real_value(value);
    int64_t number = json_integer_value(value);

    if (!value)
        return fallback;
    if (json_is_real(value) && real == floor(real) && fabs(real) < 9007199254740992.0)
        number = (int64_t)real; /* 1e3, 5.0 */
    else if (!json_is_integer(value)) {
        wrong(reader, name, "a whole number", value);
        return fallback;
    }
    if (number >= min && number <= max)
        return number;
    sdk_reader_refuse(reader, name, "must be from %" PRId64 " to %" PRId64 ", not %" PRId64, min,
                      max, number);
    return fallback;
}

double sdk_number(struct sdk_reader *reader, const char *name, double fallback, double min,
                  double max)
{
    const json_t *value = member(reader, name);
    double number = json_number_value(value);

    if (!value)
        return fallback;
    if (!json_is_number(value))
        wrong(reader, name, "a number", value);
    else if (!(number >= min && number <= max))
        sdk_reader_refuse(reader, name, "must be from %g to %g, not %g", min, max, number);
    else
        return number;
    return fallback;
}

bool sdk_boolean(struct sdk_reader *reader, const char *name, bool fallback)
{
    const json_t *value = member(reader, name);

    if (value && !json_is_boolean(value))
        wrong(reader, name, "true or false", value);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

int sdk_choice(struct sdk_reader *reader, const char *name, const char *const *choices,
               int fallback)
{
    const char *text = sdk_text(reader, name, NULL, 0);
    struct sdk_near near = {.given = text};
    char all[READER_CHOICES_TEXT_MAX] = "", hint[SDK_NEAR_HINT_MAX];
    size_t len = 0;

    if (!text)
        return fallback;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0)
            return i;
        sdk_near_try(&near, choices[i]);
        if (len < sizeof all)
            len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", choices[i]);
    }
    sdk_reader_refuse(reader, name, "must be one of %s, not \"%.60s\"%s", all, text,
                      sdk_near_hint(&near, hint));
    return fallback;
}

const json_t *sdk_object(struct sdk_reader *reader, const char *name)
{
    const json_t *value = member(reader, name);

    if (value && !json_is_object(value))
        wrong(reader, name, "an object", value);
    return json_is_object(value) ? value : NULL;
}

const json_t *sdk_array(struct sdk_reader *reader, const char *name, size_t max_items)
{
    const json_t *value = member(reader, name);
    size_t count = json_array_size(value);

    if (value && !json_is_array(value))
        wrong(reader, name, "an array", value);
    else if (max_items && count > max_items)
        sdk_reader_refuse(reader, name, "has %zu items, at most %zu are allowed", count, max_items);
    else
        return value;
    return NULL;
}

const json_t *sdk_any(struct sdk_reader *reader, const char *name)
{
    return member(reader, name);
}
