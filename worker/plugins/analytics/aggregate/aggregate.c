/* The job `aggregate`: a query over one window or several, its rows stored and given back.
 *
 * Each window is one transaction that reads and one that writes, so that a job that is stopped
 * keeps the windows it has done; done again they are replaced. */
#include <stdlib.h>
#include <string.h>

#include "aggregate/store.h"
#include "aggregate/window.h"
#include "analytics.h"
#include "cartrita/sdk/json.h"
#include "cartrita/sdk/text.h"
#include "query/query.h"
#include "query/read.h"

#define AGGREGATE_NAME_MAX  100u
#define AGGREGATE_BYTES_MAX (16u * 1024 * 1024) /* of one window's rows */
#define AGGREGATE_SHOWN_MAX 1000                /* rows in the job's result; all are stored */

struct aggregate {
    struct sdk_call *call;
    const struct query *query; /* borrowed, as all texts */
    const char *name;
    bool is_stored;
    struct windows windows;
    struct sdk_string rows; /* of the current window: JSON array without its end */
    int64_t row_count;      /* of the current window */
    int64_t total;
    json_t *shown; /* owned: windows with their rows, up to AGGREGATE_SHOWN_MAX rows */
};

static bool aggregate_row(void *ctx, const PGresult *result, struct sdk_error *error)
{
    struct aggregate *aggregate = ctx;
    const struct analytics *analytics = aggregate->call->self;

    if (++aggregate->row_count > analytics->settings.rows_max)
        return sdk_refuse(error, "LimitError",
                          "query %s gives more than %lld rows a window (rowsMax)",
                          aggregate->query->name, (long long)analytics->settings.rows_max);
    sdk_string_puts(&aggregate->rows, aggregate->row_count > 1 ? "," : "");
    sdk_string_add(&aggregate->rows, PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0));
    return !aggregate->rows.is_full ||
           sdk_refuse(error, "LimitError", "query %s gives more than %u bytes a window",
                      aggregate->query->name, AGGREGATE_BYTES_MAX);
}

/* The server makes the JSON: it knows its types best. */
static char *aggregate_sql(const struct query *query)
{
    struct sdk_string sql = {0};

    sdk_string_printf(&sql, "SELECT row_to_json(q)::text FROM (%s\n) AS q", query->sql);
    return sdk_string_take(&sql, NULL);
}

static bool aggregate_read(struct aggregate *aggregate, const struct query_values *values)
{
    struct sdk_call *call = aggregate->call;
    struct pg_rows rows = {.row = aggregate_row, .ctx = aggregate};
    struct pg_session *session;
    char *sql;
    bool is_done;

    if (!query_begin(call, &session, &call->error))
        return false;
    sql = aggregate_sql(aggregate->query);
    is_done = pg_stream(session, sql, &values->params, &rows, &call->error) ||
              sdk_error_wrap(&call->error, "query %s", aggregate->query->name);
    free(sql);
    if (is_done)
        return pg_commit(session, &call->error);
    pg_rollback(session);
    return false;
}

static void aggregate_show(struct aggregate *aggregate, const char *from, const char *to)
{
    json_t *rows = json_loadb(aggregate->rows.bytes, aggregate->rows.len, 0, NULL);
    int64_t room = AGGREGATE_SHOWN_MAX - aggregate->total;

    while (json_array_size(rows) > 0 && (int64_t)json_array_size(rows) > (room > 0 ? room : 0))
        json_array_remove(rows, json_array_size(rows) - 1);
    if (room > 0 || aggregate->row_count == 0)
        json_array_append_new(aggregate->shown,
                              json_pack("{s:s, s:s, s:o}", "from", from, "to", to, "rows",
                                        rows ? json_incref(rows) : json_array()));
    json_decref(rows);
}

static bool aggregate_write(struct aggregate *aggregate, const char *from, const char *to)
{
    struct sdk_call *call = aggregate->call;
    const json_t *given = json_object_get(call->data, "params");
    char *params = given && !json_is_null(given) ? json_dumps(given, JSON_COMPACT) : strdup("{}");
    struct aggregate_result result = {.name = aggregate->name,
                                      .params = params,
                                      .from = from,
                                      .to = to,
                                      .rows = aggregate->rows.bytes};
    bool is_done = aggregate_store(call, &result, &call->error);

    free(params);
    return is_done;
}

static bool aggregate_window(struct aggregate *aggregate, struct sdk_reader *data, int64_t from_ms)
{
    struct query_values values = {0};
    char from[QUERY_TIME_SIZE], to[QUERY_TIME_SIZE];
    bool is_done;

    query_time_print(from_ms, from);
    query_time_print(windows_end(&aggregate->windows, from_ms), to);
    aggregate->rows = (struct sdk_string){.max = AGGREGATE_BYTES_MAX};
    aggregate->row_count = 0;
    sdk_string_puts(&aggregate->rows, "[");
    aggregate->call->host->phase(aggregate->call->job, "query");
    is_done =
        query_bind(aggregate->query, data, from, to, &values) && aggregate_read(aggregate, &values);
    query_values_free(&values);
    sdk_string_puts(&aggregate->rows, "]");
    if (is_done && aggregate->is_stored)
        is_done = aggregate_write(aggregate, from, to);
    if (is_done)
        aggregate_show(aggregate, from, to);
    aggregate->total += aggregate->row_count;
    sdk_string_free(&aggregate->rows);
    return is_done;
}

static bool aggregate_all(struct aggregate *aggregate, struct sdk_reader *data)
{
    const struct windows *windows = &aggregate->windows;
    int64_t count = windows->step_ms ? (windows->to_ms - windows->from_ms) / windows->step_ms : 1;
    int64_t done = 0;

    for (int64_t from_ms = windows->from_ms; from_ms < windows->to_ms;
         from_ms = windows_end(windows, from_ms)) {
        if (!sdk_call_goes_on(aggregate->call) || !aggregate_window(aggregate, data, from_ms))
            return false;
        if (count > 1)
            sdk_call_progress(
                aggregate->call,
                json_pack("{s:I, s:I}", "windows", (json_int_t)++done, "of", (json_int_t)count));
    }
    return true;
}

/* When the job was to run first: it was added `delay` earlier. Repeated jobs are added one round
 * ahead. */
static int64_t aggregate_due_ms(const struct sdk_call *call)
{
    size_t len;
    const char *text = call->host->job_opts(call->job, &len);
    json_t *opts = json_loadb(text, len, 0, NULL);
    int64_t delay_ms = json_integer_value(json_object_get(opts, "delay")), due_ms;

    json_decref(opts);
    if (delay_ms <= 0)
        delay_ms = 0;
    /* Both are the producer's: their sum may be no number at all. */
    return __builtin_add_overflow(call->host->job_timestamp_ms(call->job), delay_ms, &due_ms)
               ? INT64_MAX
               : due_ms;
}

static bool aggregate_read_data(struct aggregate *aggregate, struct sdk_reader *data)
{
    static const char *const members[] = {"query", "params", "window", "from",
                                          "to",    "name",   "store",  NULL};
    const struct analytics *analytics = aggregate->call->self;

    sdk_reader_only(data, members);
    aggregate->query = queries_find(analytics->queries, data, "query");
    aggregate->name = sdk_text(data, "name", aggregate->query ? aggregate->query->name : NULL,
                               AGGREGATE_NAME_MAX);
    aggregate->is_stored = sdk_boolean(data, "store", true);
    return sdk_reader_ok(data) &&
           windows_read(data, aggregate_due_ms(aggregate->call), analytics->settings.windows_max,
                        &aggregate->windows);
}

bool analytics_aggregate(struct sdk_call *call)
{
    struct sdk_reader data = sdk_reader(call->data, "data", &call->error);
    struct aggregate aggregate = {.call = call};
    bool is_done;

    if (!aggregate_read_data(&aggregate, &data))
        return false;
    aggregate.shown = json_array();
    is_done = aggregate_all(&aggregate, &data);
    if (is_done)
        call->result = json_pack("{s:s, s:I, s:b, s:O}", "name", aggregate.name, "rows",
                                 (json_int_t)aggregate.total, "stored", aggregate.is_stored,
                                 "windows", aggregate.shown);
    json_decref(aggregate.shown);
    return is_done;
}
