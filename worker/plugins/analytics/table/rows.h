/* The rows of a query that a job names, one by one as the database sends them. Called by report,
 * export and index. Read from the replica where there is one. */
#ifndef ANALYTICS_TABLE_ROWS_H
#define ANALYTICS_TABLE_ROWS_H

#include "analytics.h"
#include "query/query.h"
#include "table/format.h"

struct rows {
    const struct query *query;
    struct query_values values;
};

/* Reads members "query" and "params" of `data`. Free with rows_free either way. Start from {0}. */
bool rows_bind(const struct analytics *analytics, struct sdk_reader *data, struct rows *rows);
void rows_free(struct rows *rows);

/* Where they go. Both may refuse; what they are given is valid during the call only, but for
 * `columns`, which is valid until rows_stream returns. */
struct rows_taker {
    /* Once, before any row, also when there is none. */
    bool (*head)(void *ctx, const struct column *columns, size_t count, struct sdk_error *error);
    bool (*row)(void *ctx, const struct cell *cells, uint64_t index, struct sdk_error *error);
    void *ctx;
    int64_t rows_max;
    const char *limit; /* the setting that rows_max comes from */
};

/* `*count`: rows that were taken. Fails with call->error. */
bool rows_stream(struct sdk_call *call, const struct rows *rows, const struct rows_taker *taker,
                 uint64_t *count);

#endif
