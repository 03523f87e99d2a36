/* The job `index`: documents of its data, or rows of a query, into Elasticsearch or OpenSearch.
 * Each has an id that another attempt gives it again, so that a retry repeats nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analytics.h"
#include "index/bulk.h"
#include "index/name.h"
#include "table/rows.h"

#define DOCUMENTS_MAX  100000u
#define FIELD_TEXT_MAX 200u

struct indexing {
    struct sdk_call *call;
    const char *index; /* a pattern */
    const char *id_field, *time_field;
    int64_t time_ms;
    bool reports_refused; /* instead of failing */
    struct rows rows;
    struct bulk bulk;
    const struct column *columns;
    size_t column_count;
    struct sdk_string source;
};

static bool read_time(struct sdk_reader *in, struct indexing *indexing)
{
    const json_t *time = sdk_any(in, "time");

    indexing->time_ms = indexing->call->host->job_timestamp_ms(indexing->call->job);
    if (time && !query_time_parse(time, &indexing->time_ms))
        return sdk_reader_refuse(in, "time",
                                 "must be a time (ISO 8601 text, or milliseconds since "
                                 "1970)");
    return true;
}

static bool check_index(struct sdk_reader *in, const struct indexing *indexing)
{
    char name[INDEX_NAME_MAX + 1];
    const char *wrong = index_name(indexing->index, indexing->time_ms, name);

    return !wrong || sdk_reader_refuse(in, "index", "%s", wrong);
}

/* `*documents`: NULL: a query's rows. */
static bool indexing_read(struct indexing *indexing, const json_t **documents, bool *is_create)
{
    static const char *const members[] = {"index", "documents", "query", "params",  "idField",
                                          "time",  "timeField", "op",    "onError", NULL};
    static const char *const ops[] = {"index", "create", NULL};
    static const char *const answers[] = {"fail", "report", NULL};
    const struct analytics *analytics = indexing->call->self;
    struct sdk_reader in = sdk_reader(indexing->call->data, "data", &indexing->call->error);

    sdk_reader_only(&in, members);
    indexing->index = sdk_text(&in, "index", SDK_REQUIRED, INDEX_NAME_MAX);
    indexing->id_field = sdk_text(&in, "idField", NULL, FIELD_TEXT_MAX);
    indexing->time_field = sdk_text(&in, "timeField", NULL, FIELD_TEXT_MAX);
    *is_create = sdk_choice(&in, "op", ops, 0) == 1;
    indexing->reports_refused = sdk_choice(&in, "onError", answers, 0) == 1;
    *documents = sdk_array(&in, "documents", DOCUMENTS_MAX);
    if (!sdk_reader_ok(&in) || !read_time(&in, indexing) || !check_index(&in, indexing))
        return false;
    if (!analytics->settings.search_url)
        return sdk_refuse(&indexing->call->error, "SettingError",
                          "setting searchUrl is missing: the address of Elasticsearch or "
                          "OpenSearch, such as http://127.0.0.1:9200");
    if (!*documents == !sdk_has(&in, "query"))
        return sdk_reader_refuse(&in, "documents", "either these or \"query\" must be given");
    return *documents || rows_bind(analytics, &in, &indexing->rows);
}

/* `id` and `time` are what the document has in its fields, NULL when it has none. */
static bool add_document(struct indexing *indexing, uint64_t number, const char *id,
                         const json_t *time, const char *source, size_t len)
{
    const struct cartrita_host *host = indexing->call->host;
    struct sdk_error *error = &indexing->call->error;
    char name[INDEX_NAME_MAX + 1], own[BULK_ID_MAX + 1];
    int64_t ms = indexing->time_ms;
    const char *wrong;

    if (indexing->id_field && (!id || !*id || strlen(id) > BULK_ID_MAX))
        return sdk_refuse(error, "ValidationError",
                          "document %" PRIu64 ": %s, its id, must be a text of 1 to %u bytes, or a "
                          "whole number",
                          number, indexing->id_field, BULK_ID_MAX);
    if (indexing->time_field && (!time || !query_time_parse(time, &ms)))
        return sdk_refuse(error, "ValidationError",
                          "document %" PRIu64 ": %s must be a time (ISO 8601 text, or milliseconds "
                          "since 1970)",
                          number, indexing->time_field);
    wrong = index_name(indexing->index, ms, name);
    if (wrong)
        return sdk_refuse(error, "ValidationError", "document %" PRIu64 ": its index %s", number,
                          wrong);
    snprintf(own, sizeof own, "%.200s-%.200s-%" PRIu64, host->job_queue(indexing->call->job),
             host->job_id(indexing->call->job), number);
    return bulk_add(&indexing->bulk, name, id ? id : own, source, len);
}

static bool add_given(struct indexing *indexing, const json_t *document, size_t number)
{
    const json_t *id = indexing->id_field ? json_object_get(document, indexing->id_field) : NULL;
    const json_t *time =
        indexing->time_field ? json_object_get(document, indexing->time_field) : NULL;
    char digits[32], *source;
    bool is_added;

    if (!json_is_object(document))
        return sdk_refuse(&indexing->call->error, "ValidationError",
                          "data.documents[%zu]: must be an object", number);
    snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
    source = json_dumps(document, JSON_COMPACT);
    if (!source)
        abort();
    is_added = add_document(indexing, number, json_is_integer(id) ? digits : json_string_value(id),
                            time, source, strlen(source));
    free(source);
    return is_added;
}

static bool on_head(void *ctx, const struct column *columns, size_t count, struct sdk_error *error)
{
    struct indexing *indexing = ctx;

    (void)error;
    indexing->columns = columns;
    indexing->column_count = count;
    return true;
}

static const struct cell *find_cell(const struct indexing *indexing, const struct cell *cells,
                                    const char *name)
{
    for (size_t i = 0; name && i < indexing->column_count; i++) {
        if (strcmp(indexing->columns[i].name, name) == 0)
            return &cells[i];
    }
    return NULL;
}

static bool on_row(void *ctx, const struct cell *cells, uint64_t index, struct sdk_error *error)
{
    struct indexing *indexing = ctx;
    const struct cell *id = find_cell(indexing, cells, indexing->id_field);
    const struct cell *at = find_cell(indexing, cells, indexing->time_field);
    json_t *time = at && at->text ? json_stringn(at->text, at->len) : NULL;
    bool is_added;

    (void)error; /* is call->error, as all of this has */
    indexing->source.len = 0;
    format_object(indexing->columns, indexing->column_count, cells, &indexing->source);
    for (size_t i = 0; i < indexing->source.len; i++) {
        if (indexing->source.bytes[i] == '\n') /* between parts of a json value */
            indexing->source.bytes[i] = ' ';
    }
    is_added = indexing->source.is_full
                   ? sdk_refuse(&indexing->call->error, "LimitError",
                                "row %" PRIu64 " has more than %zu bytes", index, SDK_TEXT_MAX)
                   : add_document(indexing, index, id ? id->text : NULL, time,
                                  indexing->source.bytes, indexing->source.len);
    json_decref(time);
    return is_added;
}

static bool indexing_run(struct indexing *indexing, const json_t *documents)
{
    const struct analytics *analytics = indexing->call->self;
    struct rows_taker taker = {on_head, on_row, indexing, analytics->settings.search_rows_max,
                               "searchRowsMax"};
    uint64_t count = 0;

    if (!documents)
        return rows_stream(indexing->call, &indexing->rows, &taker, &count) &&
               bulk_flush(&indexing->bulk);
    indexing->call->host->phase(indexing->call->job, "index");
    for (size_t i = 0; i < json_array_size(documents); i++) {
        if (!add_given(indexing, json_array_get(documents, i), i))
            return false;
    }
    return bulk_flush(&indexing->bulk);
}

static bool indexing_finish(struct indexing *indexing)
{
    struct bulk *bulk = &indexing->bulk;
    const json_t *first = json_array_get(bulk->errors, 0);

    if (bulk->refused > 0 && !indexing->reports_refused)
        return sdk_refuse(&indexing->call->error, "SearchError",
                          "%" PRId64 " of %" PRId64
                          " documents were refused, the others are indexed; %s: %s: %s "
                          "(the job's log has more)",
                          bulk->refused, bulk->refused + bulk->indexed + bulk->existing,
                          json_string_value(json_object_get(first, "id")),
                          json_string_value(json_object_get(first, "type")),
                          json_string_value(json_object_get(first, "reason")));
    indexing->call->result = json_pack("{s:I, s:I, s:I, s:O}", "indexed", (json_int_t)bulk->indexed,
                                       "existing", (json_int_t)bulk->existing, "refused",
                                       (json_int_t)bulk->refused, "errors", bulk->errors);
    return true;
}

bool analytics_index(struct sdk_call *call)
{
    struct indexing indexing = {.call = call};
    const json_t *documents = NULL;
    bool is_create = false, is_done;

    is_done = indexing_read(&indexing, &documents, &is_create);
    bulk_init(&indexing.bulk, call, is_create);
    is_done = is_done && indexing_run(&indexing, documents) && indexing_finish(&indexing);
    bulk_free(&indexing.bulk);
    sdk_string_free(&indexing.source);
    rows_free(&indexing.rows);
    return is_done;
}
