/* Events of many jobs in one transaction. See track.h.
 *
 *   1  read and check each job's events; one that is wrong ends here, alone
 *   2  partitions for their times
 *   3  one row in `tracked` for each job; the ones that were there already have their events
 *   4  COPY of the events of the others; commit
 *
 * When the answer to the commit is lost nobody knows: the jobs are run again, and 3 finds out.
 * When PostgreSQL refuses the data of a group for good, each job of it is tried alone. When one of
 * the jobs should stop, all is rolled back, and the others are tried again without it. */
#include "track/track.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/clock.h"

#include "maintain.h"
#include "postgres/array.h"
#include "postgres/error.h"
#include "postgres/session.h"
#include "schema/partitions.h"
#include "schema/schema.h"
#include "track/event.h"

#define TRACK_BYTES_MAX (32u * 1024 * 1024) /* of rows that are written together */

struct track_job {
    struct sdk_call call;
    struct event_rows events;
    const char *queue_key, *id;
    int64_t added_ms;
    bool is_new; /* not in `tracked` before */
};

struct track_group {
    struct analytics *analytics;
    struct track_job **jobs; /* borrowed */
    size_t count;
};

static struct event_limits track_limits(const struct analytics_settings *settings)
{
    int64_t now_ms = sdk_wall_ms();
    int64_t age_ms = settings->age_max_ms;

    if (settings->retention_ms > 0 && settings->retention_ms < age_ms)
        age_ms = settings->retention_ms;
    return (struct event_limits){
        .events_max = settings->events_max,
        .bytes_max = settings->event_bytes_max,
        .oldest_ms = now_ms - age_ms,
        .last_ms = now_ms + settings->ahead_max_ms,
    };
}

static void track_end(struct track_job *job, bool is_done)
{
    if (is_done)
        job->call.result = json_pack("{s:I, s:b}", "events", (json_int_t)job->events.count,
                                     "duplicate", !job->is_new);
    sdk_call_end(&job->call, is_done);
    event_rows_free(&job->events);
}

/* False: it has ended already. */
static bool track_read(struct analytics *analytics, struct cartrita_job *source,
                       struct track_job *job)
{
    const struct cartrita_host *host = analytics->host;
    struct event_limits limits = track_limits(&analytics->settings);
    struct event_origin origin = {.queue = host->job_queue(source),
                                  .job_id = host->job_id(source),
                                  .at_ms = host->job_timestamp_ms(source)};

    *job = (struct track_job){
        .queue_key = host->job_queue_key(source), .id = origin.job_id, .added_ms = origin.at_ms};
    if (!sdk_call_begin(&job->call, host, analytics, source))
        return false;
    if (!event_rows_read(job->call.data, &origin, &limits, &job->events, &job->call.error)) {
        track_end(job, false);
        return false;
    }
    json_decref(job->call.data); /* the rows are all that is needed */
    job->call.data = NULL;
    return true;
}

/* --- the transaction -----------------------------------------------------------------------------
 */

static bool track_should_stop(void *ctx)
{
    const struct track_group *group = ctx;

    for (size_t i = 0; i < group->count; i++)
        if (group->analytics->host->is_cancelled(group->jobs[i]->call.job))
            return true;
    return false;
}

static bool track_partitions(struct track_group *group, const struct pg_stop *stop,
                             struct sdk_error *error)
{
    bool is_done = true;

    for (size_t i = 0; is_done && i < group->count; i++)
        is_done = partitions_ensure(group->analytics->partitions, group->jobs[i]->events.times_ms,
                                    (size_t)group->jobs[i]->events.count, stop, error);
    return is_done;
}

/* In one order everywhere, so that two transactions with the same jobs do not wait for each other.
 */
static const char track_sql[] =
    "INSERT INTO tracked (queue, job_id, added_ms, events)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[]) AS t"
    " ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING RETURNING queue, job_id, added_ms";

static void track_mark_new(struct track_group *group, const PGresult *result, int row)
{
    for (size_t i = 0; i < group->count; i++) {
        struct track_job *job = group->jobs[i];

        if (!job->is_new && strcmp(job->queue_key, PQgetvalue(result, row, 0)) == 0 &&
            strcmp(job->id, PQgetvalue(result, row, 1)) == 0 &&
            job->added_ms == strtoll(PQgetvalue(result, row, 2), NULL, 10)) {
            job->is_new = true;
            return;
        }
    }
}

static bool track_claim(struct track_group *group, struct pg_session *session,
                        struct sdk_error *error)
{
    struct sdk_string lists[4] = {{0}};
    struct pg_params params = {0};
    PGresult *result = NULL;
    bool is_done = true;

    for (size_t i = 0; i < group->count; i++) {
        const struct track_job *job = group->jobs[i];
        char number[32];

        group->jobs[i]->is_new = false;
        pg_array_add(&lists[0], job->queue_key);
        pg_array_add(&lists[1], job->id);
        snprintf(number, sizeof number, "%" PRId64, job->added_ms);
        pg_array_add(&lists[2], number);
        snprintf(number, sizeof number, "%" PRId64, job->events.count);
        pg_array_add(&lists[3], number);
    }
    for (size_t i = 0; i < 4; i++) {
        pg_array_end(&lists[i]);
        pg_param(&params, 0, lists[i].bytes);
        is_done = is_done && !lists[i].is_full;
    }
    /* With less than all the others would pass for stored. */
    is_done = is_done ? pg_run(session, track_sql, &params, &result, error)
                      : sdk_retry_later(error, "MemoryError", "out of memory");
    for (int row = 0; is_done && row < PQntuples(result); row++)
        track_mark_new(group, result, row);
    PQclear(result);
    for (size_t i = 0; i < 4; i++)
        sdk_string_free(&lists[i]);
    return is_done;
}

static bool track_copy(struct track_group *group, struct pg_session *session,
                       struct sdk_error *error)
{
    bool is_done = pg_copy_begin(session, EVENT_COPY_SQL, error);

    for (size_t i = 0; is_done && i < group->count; i++) {
        const struct track_job *job = group->jobs[i];

        if (job->is_new)
            is_done = pg_copy_write(session, job->events.rows.bytes, job->events.rows.len, error);
    }
    return is_done && pg_copy_end(session, NULL, error);
}

static bool track_has_new(const struct track_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->jobs[i]->is_new && group->jobs[i]->events.count > 0)
            return true;
    return false;
}

static bool track_store_once(struct track_group *group, struct sdk_error *error)
{
    struct analytics *analytics = group->analytics;
    struct pg_want want = {.schema = analytics->settings.schema_name,
                           .timeout_ms = analytics->settings.statement_timeout_ms,
                           .stop = {.is_wanted = track_should_stop, .ctx = group}};
    struct pg_session *session;

    if (!schema_ensure(analytics->schema, &want.stop, error) ||
        !track_partitions(group, &want.stop, error) ||
        !pg_begin(analytics->primary, &want, &session, error))
        return false;
    if (!track_claim(group, session, error) ||
        (track_has_new(group) && !track_copy(group, session, error))) {
        pg_rollback(session);
        return false;
    }
    return pg_commit(session, error);
}

/* A partition that we knew may have been dropped by another runner, or by hand. */
static bool track_store(struct track_group *group, struct sdk_error *error)
{
    if (track_store_once(group, error))
        return true;
    if (error->is_permanent || !pg_error_is(error, PG_NO_PARTITION))
        return false;
    partitions_forget(group->analytics->partitions);
    return track_store_once(group, error);
}

/* --- groups --------------------------------------------------------------------------------------
 */

static void track_fail(struct track_job *job, const struct sdk_error *error)
{
    job->call.error = *error;
    track_end(job, false);
}

/* Ends those that should stop; true: there were some, and the others are left in the group. */
static bool track_drop_stopped(struct track_group *group, const struct sdk_error *error)
{
    size_t kept = 0, before = group->count;

    for (size_t i = 0; i < before; i++) {
        if (group->analytics->host->is_cancelled(group->jobs[i]->call.job))
            track_fail(group->jobs[i], error);
        else
            group->jobs[kept++] = group->jobs[i];
    }
    group->count = kept;
    return kept < before;
}

static void track_singly(struct track_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        struct track_group one = {
            .analytics = group->analytics, .jobs = &group->jobs[i], .count = 1};
        struct sdk_error error = {0};

        if (track_store(&one, &error))
            track_end(group->jobs[i], true);
        else
            track_fail(group->jobs[i], &error);
    }
}

static void track_group_end(struct track_group *group)
{
    struct sdk_error error = {0};

    while (group->count > 0 && !track_store(group, &error)) {
        if (track_drop_stopped(group, &error))
            continue;
        if (error.is_permanent && group->count > 1) {
            track_singly(group);
            return;
        }
        for (size_t i = 0; i < group->count; i++)
            track_fail(group->jobs[i], &error);
        return;
    }
    for (size_t i = 0; i < group->count; i++)
        track_end(group->jobs[i], true);
}

void track_run(struct analytics *analytics, struct cartrita_job *const *jobs, size_t count)
{
    struct track_job *list = calloc(count, sizeof *list);
    struct track_job **members = calloc(count, sizeof *members);
    struct track_group group = {.analytics = analytics, .jobs = members};
    size_t bytes = 0;

    if (!list || !members)
        abort();
    for (size_t i = 0; i < count; i++) {
        if (!track_read(analytics, jobs[i], &list[i]))
            continue;
        analytics->host->phase(jobs[i], "track");
        members[group.count++] = &list[i];
        bytes += list[i].events.rows.len;
        if (bytes < TRACK_BYTES_MAX)
            continue;
        track_group_end(&group);
        group.count = bytes = 0;
    }
    track_group_end(&group);
    free(members);
    free(list);
    maintain_if_due(analytics);
}
