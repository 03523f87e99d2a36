/* Values of parameters, from a job's data. See query.h. Each is checked against its type here, so
 * that what is wrong is told with its name, and sent as text for PostgreSQL to read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/text.h"
#include "json_text.h"
#include "postgres/array.h"
#include "query/query.h"

static const Oid type_oids[] = {PG_TEXT,        PG_INT8,  PG_FLOAT8, PG_BOOL,
                                PG_TIMESTAMPTZ, PG_JSONB, PG_TEXTS};

/* NULL: an item is no text. */
static char *bind_texts(const json_t *list)
{
    struct sdk_string out = {0};
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)list, i, item)
    {
        const char *text = json_string_value(item);

        if (!text || strlen(text) != json_string_length(item)) {
            sdk_string_free(&out);
            return NULL;
        }
        pg_array_add(&out, text);
    }
    pg_array_end(&out);
    return sdk_string_take(&out, NULL);
}

static char *bind_number(const json_t *value)
{
    char text[64];

    if (json_is_integer(value))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(text, sizeof text, "%.17g", json_real_value(value));
    return strdup(text);
}

static char *bind_time(const json_t *value)
{
    char text[QUERY_TIME_SIZE];
    int64_t ms;

    if (!query_time_parse(value, &ms))
        return NULL;
    query_time_print(ms, text);
    return strdup(text);
}

/* Fresh memory; NULL: `value` is not of this type. */
static char *bind_value(enum query_type type, const json_t *value)
{
    switch (type) {
    case QUERY_TEXT:
        return json_is_string(value) &&
                       strlen(json_string_value(value)) == json_string_length(value)
                   ? strdup(json_string_value(value))
                   : NULL;
    case QUERY_INTEGER:
        return json_is_integer(value) ? bind_number(value) : NULL;
    case QUERY_NUMBER:
        return json_is_number(value) ? bind_number(value) : NULL;
    case QUERY_BOOLEAN:
        return json_is_boolean(value) ? strdup(json_is_true(value) ? "t" : "f") : NULL;
    case QUERY_TIMESTAMP:
        return bind_time(value);
    case QUERY_JSON:
        return analytics_json_text(value);
    case QUERY_TEXTS:
        return json_is_array(value) && json_array_size(value) <= QUERY_TEXTS_MAX ? bind_texts(value)
                                                                                 : NULL;
    }
    return NULL;
}

static const char *bind_expects(enum query_type type)
{
    static const char *const words[] = {"a text",
                                        "a whole number",
                                        "a number",
                                        "true or false",
                                        "a time (ISO 8601 text, or milliseconds since 1970)",
                                        "JSON",
                                        "an array of texts"};

    return words[type];
}

static bool bind_param(const struct query_param *param, struct sdk_reader *reader,
                       const char *window, struct query_values *values)
{
    const json_t *value = json_object_get(reader->object, param->name);
    char *text = NULL;

    if (!value && window)
        text = strdup(window);
    else if (!value && !param->fallback)
        return sdk_reader_refuse(reader, param->name, "must be given: %s",
                                 bind_expects(param->type));
    if (!value)
        value = param->fallback;
    if (!text && !json_is_null(value)) {
        text = bind_value(param->type, value);
        if (!text)
            return sdk_reader_refuse(reader, param->name, "must be %s", bind_expects(param->type));
    }
    if (text && strlen(text) > QUERY_TEXT_MAX) {
        free(text);
        return sdk_reader_refuse(reader, param->name, "longer than %u bytes", QUERY_TEXT_MAX);
    }
    values->owned[values->params.count] = text;
    pg_param(&values->params, type_oids[param->type], text);
    return true;
}

static bool bind_only_known(const struct query *query, struct sdk_reader *reader)
{
    const char *names[PG_PARAMS_MAX + 1] = {NULL};

    for (int i = 0; i < query->param_count; i++)
        names[i] = query->params[i].name;
    return sdk_reader_only(reader, names);
}

bool query_bind(const struct query *query, struct sdk_reader *data, const char *from,
                const char *to, struct query_values *values)
{
    struct sdk_reader reader = sdk_reader_in(data, "params");

    if (!sdk_reader_ok(&reader) || !bind_only_known(query, &reader))
        return false;
    for (int i = 0; i < query->param_count; i++) {
        const char *name = query->params[i].name;
        const char *window = strcmp(name, "from") == 0 ? from : strcmp(name, "to") == 0 ? to : NULL;

        if (!bind_param(&query->params[i], &reader, window, values))
            return false;
    }
    return true;
}

void query_values_free(struct query_values *values)
{
    for (int i = 0; i < values->params.count; i++)
        free(values->owned[i]);
    memset(values, 0, sizeof *values);
}
