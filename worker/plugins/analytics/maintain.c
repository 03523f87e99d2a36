/* Maintenance, by itself and as a job. See maintain.h.
 *
 * A job that is remembered is a row in `tracked`; rows are deleted in bounded pieces, each in a
 * transaction of its own, oldest first as they lie on the disk. */
#include "maintain.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "cartrita/sdk/clock.h"
#include "cartrita/sdk/secret.h"
#include "postgres/session.h"
#include "schema/partitions.h"
#include "schema/schema.h"

#define MAINTAIN_FORGET_PIECE 5000
#define MAINTAIN_PIECES_MAX   20 /* of one call */

struct maintained {
    int64_t partitions_dropped, jobs_forgotten;
};

/* Now, and the time when the partition of now has ended. */
static bool maintain_ahead(struct analytics *analytics, const struct pg_stop *stop,
                           struct sdk_error *error)
{
    int64_t now_ms = sdk_wall_ms();
    struct partition current =
        partition_around((enum partition_span)analytics->settings.partition, now_ms);
    int64_t times_ms[] = {now_ms, current.to_ms};

    return partitions_ensure(analytics->partitions, times_ms, 2, stop, error);
}

static bool maintain_forget_piece(struct analytics *analytics, const struct pg_stop *stop,
                                  int64_t *count, struct sdk_error *error)
{
    struct pg_want want = {.schema = analytics->settings.schema_name,
                           .timeout_ms = analytics->settings.statement_timeout_ms,
                           .stop = *stop};
    struct pg_session *session;
    PGresult *result = NULL;
    char sql[256];

    snprintf(sql, sizeof sql,
             "DELETE FROM tracked WHERE ctid = ANY (ARRAY(SELECT ctid FROM tracked"
             " WHERE tracked_at < now() - interval '%" PRId64 " milliseconds' LIMIT %d))",
             analytics->settings.remember_ms, MAINTAIN_FORGET_PIECE);
    if (!pg_begin(analytics->primary, &want, &session, error))
        return false;
    if (!pg_run(session, sql, NULL, &result, error)) {
        pg_rollback(session);
        return false;
    }
    *count = strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return pg_commit(session, error);
}

static bool maintain_forget(struct analytics *analytics, const struct pg_stop *stop,
                            struct maintained *done, struct sdk_error *error)
{
    int64_t count = MAINTAIN_FORGET_PIECE;

    for (int i = 0; i < MAINTAIN_PIECES_MAX && count == MAINTAIN_FORGET_PIECE; i++) {
        if (!maintain_forget_piece(analytics, stop, &count, error))
            return false;
        done->jobs_forgotten += count;
    }
    return true;
}

static bool maintain_drop(struct analytics *analytics, const struct pg_stop *stop,
                          struct maintained *done, struct sdk_error *error)
{
    int64_t keep_ms = analytics->settings.retention_ms;

    return keep_ms == 0 || partitions_drop(analytics->partitions, sdk_wall_ms() - keep_ms,
                                           &done->partitions_dropped, stop, error);
}

static bool maintain_all(struct analytics *analytics, const struct pg_stop *stop,
                         struct maintained *done, struct sdk_error *error)
{
    atomic_store(&analytics->maintained_ms, sdk_now_ms());
    return schema_ensure(analytics->schema, stop, error) &&
           maintain_ahead(analytics, stop, error) && maintain_drop(analytics, stop, done, error) &&
           maintain_forget(analytics, stop, done, error);
}

void maintain_if_due(struct analytics *analytics)
{
    const struct pg_stop never = {0};
    struct maintained done = {0};
    struct sdk_error error = {0};
    int64_t last_ms = atomic_load(&analytics->maintained_ms);
    int64_t now_ms = sdk_now_ms();

    if (last_ms != 0 && now_ms - last_ms < MAINTAIN_EVERY_MS)
        return;
    if (!atomic_compare_exchange_strong(&analytics->maintained_ms, &last_ms, now_ms))
        return; /* another thread is at it */
    if (!maintain_all(analytics, &never, &done, &error)) {
        char line[SDK_ERROR_TEXT_MAX + 64];

        snprintf(line, sizeof line, "analytics: maintenance: %s", error.text);
        sdk_redact(line);
        analytics->host->log_process(CARTRITA_LOG_WARN, line);
    }
}

bool analytics_maintain(struct sdk_call *call)
{
    struct pg_stop stop = pg_stop_with(call);
    struct maintained done = {0};

    call->host->phase(call->job, "maintain");
    if (!maintain_all(call->self, &stop, &done, &call->error))
        return false;
    call->result = json_pack("{s:I, s:I}", "partitionsDropped", (json_int_t)done.partitions_dropped,
                             "jobsForgotten", (json_int_t)done.jobs_forgotten);
    return true;
}
