/* Replacing the result of a window, as a whole. See store.h. */
#include "aggregate/store.h"

#include "postgres/session.h"

/* Two that compute the same window at once do it one after the other. */
static const char *const store_sql[] = {
    "SELECT pg_advisory_xact_lock(hashtextextended($1 || md5($2::jsonb::text) || $3 || $4, 0))"
    " WHERE $5 IS NOT NULL",
    "DELETE FROM aggregates WHERE name = $1 AND params_key = md5($2::jsonb::text)"
    " AND window_start = $3::timestamptz AND window_end = $4::timestamptz AND $5 IS NOT NULL",
    "INSERT INTO aggregates (name, params, params_key, window_start, window_end, position, value)"
    " SELECT $1, $2::jsonb, md5($2::jsonb::text), $3::timestamptz, $4::timestamptz, n - 1, value"
    " FROM jsonb_array_elements($5::jsonb) WITH ORDINALITY AS t(value, n)",
};

bool aggregate_store(struct sdk_call *call, const struct aggregate_result *result,
                     struct sdk_error *error)
{
    struct analytics *analytics = call->self;
    struct pg_want want = {.schema = analytics->settings.schema_name,
                           .timeout_ms = analytics->settings.statement_timeout_ms,
                           .stop = pg_stop_with(call)};
    struct pg_params params = {0};
    struct pg_session *session;

    pg_param(&params, PG_TEXT, result->name);
    pg_param(&params, PG_TEXT, result->params);
    pg_param(&params, PG_TEXT, result->from);
    pg_param(&params, PG_TEXT, result->to);
    pg_param(&params, PG_TEXT, result->rows);
    if (!pg_begin(analytics->primary, &want, &session, error))
        return false;
    for (size_t i = 0; i < sizeof store_sql / sizeof store_sql[0]; i++) {
        if (!pg_run(session, store_sql[i], &params, NULL, error)) {
            pg_rollback(session);
            return false;
        }
    }
    return pg_commit(session, error);
}
