/* Beginning to read. See read.h. */
#include "query/read.h"

#include <inttypes.h>
#include <stdlib.h>

#include "schema/schema.h"

/* A standby that has replayed all it has received is not behind, however long ago that was. */
static const char lag_sql[] =
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0"
    " WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0"
    " ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()) * 1000, 0)"
    " END::bigint";

static bool read_is_fresh(const struct analytics_settings *settings, struct pg_session *session,
                          struct sdk_error *error)
{
    PGresult *result = NULL;
    int64_t lag_ms;

    if (!pg_run(session, lag_sql, NULL, &result, error))
        return false;
    lag_ms = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return lag_ms <= settings->replica_lag_max_ms ||
           sdk_retry_later(error, "ReplicaError",
                           "the replica is %" PRId64 " ms behind, over the limit of %" PRId64
                           " (replicaLagMax)",
                           lag_ms, settings->replica_lag_max_ms);
}

bool query_begin(struct sdk_call *call, struct pg_session **out, struct sdk_error *error)
{
    struct analytics *analytics = call->self;
    struct pg_want want = {.schema = analytics->settings.schema_name,
                           .is_read_only = true,
                           .timeout_ms = analytics->settings.query_timeout_ms,
                           .stop = pg_stop_with(call)};
    struct pg_session *session;

    if (!schema_ensure(analytics->schema, &want.stop, error) ||
        !pg_begin(analytics->replica ? analytics->replica : analytics->primary, &want, &session,
                  error))
        return false;
    if (analytics->replica && !read_is_fresh(&analytics->settings, session, error)) {
        pg_rollback(session);
        return false;
    }
    *out = session;
    return true;
}
