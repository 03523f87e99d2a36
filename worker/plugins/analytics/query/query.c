/* The table of queries: read once in open, unchanged after. See query.h. */
#include "query/query.h"

#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/text.h"
#include "query/builtin.h"

struct queries {
    json_t *builtin;     /* owned: what the built-in ones point into */
    struct query **list; /* owned, and each of it; names and SQL point into the JSON */
    size_t count;
};

/* In the order of enum query_type. */
static const char *const type_words[] = {"text",      "integer", "number", "boolean",
                                         "timestamp", "json",    "texts",  NULL};

static bool query_read_param(struct sdk_reader *reader, struct query *query)
{
    static const char *const members[] = {"name", "type", "default", NULL};
    struct query_param *param = &query->params[query->param_count];

    sdk_reader_only(reader, members);
    param->name = sdk_text(reader, "name", SDK_REQUIRED, QUERY_NAME_MAX);
    param->type = (enum query_type)sdk_choice(reader, "type", type_words, QUERY_TEXT);
    param->fallback = json_object_get(reader->object, "default"); /* null counts: SQL's null */
    query->param_count++;
    return sdk_reader_ok(reader);
}

static bool query_read(struct sdk_reader *reader, struct query *query)
{
    static const char *const members[] = {"sql", "params", NULL};
    const json_t *params;

    sdk_reader_only(reader, members);
    query->sql = sdk_text(reader, "sql", SDK_REQUIRED, QUERY_SQL_MAX);
    params = sdk_array(reader, "params", PG_PARAMS_MAX);
    for (size_t i = 0; sdk_reader_ok(reader) && i < json_array_size(params); i++) {
        struct sdk_reader one = sdk_reader_at(reader, "params", i);

        if (!query_read_param(&one, query))
            return false;
    }
    return sdk_reader_ok(reader);
}

static bool queries_add(struct queries *queries, const char *name, const json_t *config,
                        struct sdk_error *error)
{
    char path[SDK_READER_PATH_MAX];
    struct sdk_reader reader;
    struct query *query = calloc(1, sizeof *query);

    if (!query)
        abort();
    snprintf(path, sizeof path, "queries.%.80s", name);
    reader = sdk_reader(config, path, error);
    query->name = name;
    if (!query_read(&reader, query)) {
        free(query);
        return false;
    }
    queries->list[queries->count++] = query;
    return true;
}

static json_t *queries_builtin_json(void)
{
    json_t *all = json_object();

    for (const struct query_builtin *one = query_builtins; one->name; one++) {
        json_t *query = json_object();

        json_object_set_new(query, "sql", json_string(one->sql));
        json_object_set_new(query, "params", json_loads(one->params, 0, NULL));
        json_object_set_new(all, one->name, query);
    }
    return all;
}

static bool queries_add_all(struct queries *queries, const json_t *config, const json_t *unless,
                            struct sdk_error *error)
{
    const char *name;
    json_t *one;

    json_object_foreach((json_t *)config, name,
                        one) if (!json_object_get(unless, name) &&
                                 !queries_add(queries, name, one, error)) return false;
    return true;
}

bool queries_open(const json_t *config, struct queries **out, struct sdk_error *error)
{
    struct queries *queries = calloc(1, sizeof *queries);
    size_t count;

    if (!queries)
        abort();
    queries->builtin = queries_builtin_json();
    count = json_object_size(config) + json_object_size(queries->builtin);
    queries->list = calloc(count, sizeof(struct query *));
    if (!queries->list)
        abort();
    if (config && !json_is_object(config))
        sdk_refuse(error, "SettingError", "queries: must be an object of queries by name");
    else if (json_object_size(config) > QUERIES_MAX)
        sdk_refuse(error, "SettingError", "queries: more than %u", QUERIES_MAX);
    else if (queries_add_all(queries, config, NULL, error) &&
             queries_add_all(queries, queries->builtin, config, error)) {
        *out = queries;
        return true;
    }
    queries_close(queries);
    return false;
}

void queries_close(struct queries *queries)
{
    if (!queries)
        return;
    for (size_t i = 0; i < queries->count; i++)
        free(queries->list[i]);
    free(queries->list);
    json_decref(queries->builtin);
    free(queries);
}

const struct query *queries_find(const struct queries *queries, struct sdk_reader *data,
                                 const char *member)
{
    const char *name = sdk_text(data, member, SDK_REQUIRED, QUERY_NAME_MAX);
    struct sdk_string known = {.max = 600};

    if (!sdk_reader_ok(data))
        return NULL;
    for (size_t i = 0; i < queries->count; i++) {
        if (strcmp(queries->list[i]->name, name) == 0) {
            sdk_string_free(&known);
            return queries->list[i];
        }
        sdk_string_printf(&known, "%s%s", i ? ", " : "", queries->list[i]->name);
    }
    sdk_reader_refuse(data, member, "no query is called \"%s\"; there are %s", name,
                      known.bytes ? known.bytes : "none");
    sdk_string_free(&known);
    return NULL;
}
