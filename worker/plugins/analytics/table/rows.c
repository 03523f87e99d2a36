/* See rows.h. Times are handed on as ISO 8601 has them ("2026-01-31T12:00:00Z"): PostgreSQL's own
 * way of writing them is understood by few others. */
#include "table/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/error.h"
#include "query/read.h"

#define TIME_TEXT_MAX   40u
#define READ_ONLY_STATE "25006"

#define OID_INT2      21u
#define OID_INT4      23u
#define OID_OID       26u
#define OID_JSON      114u
#define OID_FLOAT4    700u
#define OID_DATE      1082u
#define OID_TIMESTAMP 1114u
#define OID_NUMERIC   1700u

bool rows_bind(const struct analytics *analytics, struct sdk_reader *data, struct rows *rows)
{
    rows->query = queries_find(analytics->queries, data, "query");
    return rows->query && query_bind(rows->query, data, NULL, NULL, &rows->values);
}

void rows_free(struct rows *rows)
{
    query_values_free(&rows->values);
}

static enum column_kind kind_of(Oid type)
{
    switch (type) {
    case PG_BOOL:
        return COLUMN_BOOLEAN;
    case PG_INT8:
    case OID_INT2:
    case OID_INT4:
    case OID_OID:
    case OID_FLOAT4:
    case PG_FLOAT8:
    case OID_NUMERIC:
        return COLUMN_NUMBER;
    case OID_JSON:
    case PG_JSONB:
        return COLUMN_JSON;
    case OID_DATE:
    case OID_TIMESTAMP:
    case PG_TIMESTAMPTZ:
        return COLUMN_TIME;
    default:
        return COLUMN_TEXT;
    }
}

struct stream {
    const struct rows_taker *taker;
    struct column *columns;       /* owned; its names, too */
    struct cell *cells;           /* owned */
    char (*times)[TIME_TEXT_MAX]; /* owned: one for each column */
    size_t column_count;
    uint64_t count;
};

static bool stream_head(void *ctx, const PGresult *result, struct sdk_error *error)
{
    struct stream *stream = ctx;
    size_t count = (size_t)PQnfields(result);

    if (count == 0)
        return sdk_refuse(error, "QueryError", "the query has no columns: it is no SELECT");
    stream->columns = calloc(count, sizeof *stream->columns);
    stream->cells = calloc(count, sizeof *stream->cells);
    stream->times = calloc(count, sizeof *stream->times);
    if (!stream->columns || !stream->cells || !stream->times)
        abort();
    stream->column_count = count;
    for (size_t i = 0; i < count; i++) {
        stream->columns[i].name = strdup(PQfname(result, (int)i));
        stream->columns[i].kind = kind_of(PQftype(result, (int)i));
    }
    return !stream->taker->head ||
           stream->taker->head(stream->taker->ctx, stream->columns, count, error);
}

/* "2026-01-31 12:00:00.5+01" as "2026-01-31T12:00:00.5+01:00"; what is no such time stays. */
static void put_iso_time(struct cell *cell, char *out)
{
    char *zone;

    if (cell->len < sizeof "2026-01-31 12:00:00" - 1 || cell->len + 4 > TIME_TEXT_MAX ||
        cell->text[10] != ' ' || cell->text[13] != ':')
        return;
    memcpy(out, cell->text, cell->len + 1);
    out[10] = 'T';
    zone = strpbrk(out + 11, "+-");
    if (zone && strcmp(zone, "+00") == 0)
        memcpy(zone, "Z", 2);
    else if (zone && strlen(zone) == 3)
        memcpy(zone + 3, ":00", 4);
    *cell = (struct cell){out, strlen(out)};
}

static bool stream_row(void *ctx, const PGresult *result, struct sdk_error *error)
{
    struct stream *stream = ctx;
    const struct rows_taker *taker = stream->taker;

    if (stream->count >= (uint64_t)taker->rows_max)
        return sdk_refuse(error, "LimitError",
                          "the query has more than %" PRId64 " rows, the limit of setting %s",
                          taker->rows_max, taker->limit);
    for (size_t i = 0; i < stream->column_count; i++) {
        struct cell *cell = &stream->cells[i];

        *cell = (struct cell){0};
        if (PQgetisnull(result, 0, (int)i))
            continue;
        cell->text = PQgetvalue(result, 0, (int)i);
        cell->len = (size_t)PQgetlength(result, 0, (int)i);
        if (stream->columns[i].kind == COLUMN_TIME)
            put_iso_time(cell, stream->times[i]);
    }
    return taker->row(taker->ctx, stream->cells, stream->count++, error);
}

static void stream_free(struct stream *stream)
{
    for (size_t i = 0; i < stream->column_count; i++)
        free((char *)stream->columns[i].name);
    free(stream->columns);
    free(stream->cells);
    free(stream->times);
}

bool rows_stream(struct sdk_call *call, const struct rows *rows, const struct rows_taker *taker,
                 uint64_t *count)
{
    struct stream stream = {.taker = taker};
    struct pg_rows sink = {stream_head, stream_row, &stream};
    struct pg_session *session;
    bool is_done = false;

    call->host->phase(call->job, "query");
    if (!query_begin(call, &session, &call->error))
        return false;
    if (pg_stream(session, rows->query->sql, &rows->values.params, &sink, &call->error))
        is_done = pg_commit(session, &call->error);
    else
        pg_rollback(session);
    if (!is_done && pg_error_is(&call->error, READ_ONLY_STATE))
        call->error.is_permanent = true; /* it is ours that is read-only, not the server */
    stream_free(&stream);
    *count = stream.count;
    return is_done || sdk_error_wrap(&call->error, "query %s", rows->query->name);
}
