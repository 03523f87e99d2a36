/* Queries by name: those of the configuration and those that are built in. A job gives the name and
 * the values of the parameters; SQL never comes from a job. Used by aggregate, report and export.
 *
 *   "queries": {"signups": {"sql": "SELECT ... WHERE at >= $1 AND plan = $2",
 *                           "params": [{"name": "from", "type": "timestamp"},
 *                                      {"name": "plan", "type": "text", "default": "free"}]}}
 *
 * Parameters called "from" and "to" are the bounds of the window where the caller has one. */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include <jansson.h>

#include "cartrita/sdk/json.h"
#include "postgres/session.h"

#define QUERIES_MAX     500u
#define QUERY_SQL_MAX   (256u * 1024)
#define QUERY_TEXT_MAX  (64u * 1024) /* bytes of one value of a parameter */
#define QUERY_TEXTS_MAX 1000u        /* items of a list */
#define QUERY_NAME_MAX  64u

enum query_type {
    QUERY_TEXT,
    QUERY_INTEGER,
    QUERY_NUMBER,
    QUERY_BOOLEAN,
    QUERY_TIMESTAMP, /* ISO 8601 text, or milliseconds since 1970 */
    QUERY_JSON,
    QUERY_TEXTS, /* an array of texts */
};

struct query_param {
    const char *name;
    enum query_type type;
    const json_t *fallback; /* NULL: it must be given */
};

struct query {
    const char *name;
    const char *sql;
    int param_count;
    struct query_param params[PG_PARAMS_MAX];
};

struct queries;

/* `config` as above, or NULL. What is wrong in it is told with the query's name. */
bool queries_open(const json_t *config, struct queries **out, struct sdk_error *error);
void queries_close(struct queries *queries); /* NULL is allowed */

/* The query that the text member `member` of `data` names; a missing or unknown name refuses in
 * `data`, with the names there are, and gives NULL. */
const struct query *queries_find(const struct queries *queries, struct sdk_reader *data,
                                 const char *member);

/* The values for a query. Start from {0}. */
struct query_values {
    struct pg_params params;
    char *owned[PG_PARAMS_MAX]; /* what `params` points at */
};

/* Reads member "params" of `data` by the query's table; a member that is no parameter is refused.
 * `from` and `to` (ISO texts, may be NULL) are the window. Free with query_values_free either way.
 */
bool query_bind(const struct query *query, struct sdk_reader *data, const char *from,
                const char *to, struct query_values *values);
void query_values_free(struct query_values *values);

/* Time in milliseconds since 1970 from ISO 8601 text ("2026-01-31T12:00:00.5Z", "2026-01-31") or a
 * number. */
bool query_time_parse(const json_t *value, int64_t *ms);
/* "2026-01-31T12:00:00.500Z" into `out` (QUERY_TIME_SIZE bytes). */
#define QUERY_TIME_SIZE 32
void query_time_print(int64_t ms, char *out);

#endif
