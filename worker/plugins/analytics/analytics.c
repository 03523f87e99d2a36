/* analytics: events into PostgreSQL, and what can be made of them. The jobs are told in README.md;
 * this file opens, closes, and hands each job to its handler.
 *
 * A run takes a batch of jobs. Events of all of them are tracked together (track/track.h); each of
 * the others has a handler of its own in the table below, and several of a batch run side by side
 * (lanes.h), for one may take minutes. */
#include "analytics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/file.h"
#include "cartrita/sdk/http.h"
#include "lanes.h"
#include "postgres/pool.h"
#include "query/query.h"
#include "schema/partitions.h"
#include "schema/schema.h"
#include "track/track.h"

#define ANALYTICS_BATCH_MAX     100u /* jobs of one transaction */
#define ANALYTICS_BATCH_WAIT_MS 5u

static const struct sdk_handler handlers[] = {
    {"aggregate", analytics_aggregate}, {"maintain", analytics_maintain},
    {"report", analytics_report},       {"index", analytics_index},
    {"export", analytics_export},
};

#define HANDLER_COUNT (sizeof handlers / sizeof handlers[0])

static bool analytics_open_pool(const struct analytics *analytics, const char *url,
                                const char *what, struct pg_pool **out, struct sdk_error *error)
{
    const struct analytics_settings *settings = &analytics->settings;
    struct pg_pool_options options = {
        .url = url,
        .what = what,
        .max = settings->connections ? (uint32_t)settings->connections : analytics->concurrency,
        .connect_timeout_ms = settings->connect_timeout_ms,
    };

    return pg_pool_open(&options, out, error);
}

static bool analytics_open_parts(struct analytics *analytics, struct sdk_error *error)
{
    const struct analytics_settings *settings = &analytics->settings;
    const struct sdk_http_options http = {0};

    return analytics_open_pool(analytics, settings->url, "the database", &analytics->primary,
                               error) &&
           (!settings->replica_url ||
            analytics_open_pool(analytics, settings->replica_url, "the replica",
                                &analytics->replica, error)) &&
           queries_open(settings->queries, &analytics->queries, error) &&
           (!settings->roots || sdk_roots_open(settings->roots, &analytics->roots, error)) &&
           sdk_http_open(&http, &analytics->http, error) &&
           schema_open(analytics, &analytics->schema, error);
}

/* Also of one that is half open. */
static void analytics_close(void *self)
{
    struct analytics *analytics = self;

    partitions_free(analytics->partitions);
    schema_close(analytics->schema);
    if (analytics->http)
        sdk_http_close(analytics->http);
    if (analytics->roots)
        sdk_roots_close(analytics->roots);
    queries_close(analytics->queries);
    pg_pool_close(analytics->replica);
    pg_pool_close(analytics->primary);
    analytics_settings_free(&analytics->settings);
    free(analytics);
}

static int32_t analytics_open(const struct cartrita_host *host, const char *config,
                              uint32_t concurrency, void **self, char *error, size_t error_size)
{
    struct analytics *analytics = calloc(1, sizeof *analytics);
    struct sdk_error reason = {0};

    if (!analytics)
        abort();
    analytics->host = host;
    analytics->concurrency = concurrency;
    analytics->partitions = partitions_new(analytics);
    if (!analytics_settings_read(config, &analytics->settings, &reason) ||
        !analytics_open_parts(analytics, &reason)) {
        analytics_close(analytics);
        snprintf(error, error_size, "%s", reason.text);
        return -1;
    }
    *self = analytics;
    return 0;
}

/* Names that have no handler are events: the queue may name its jobs as it likes. */
static bool analytics_is_event(const struct cartrita_host *host, struct cartrita_job *job)
{
    const char *name = host->job_name(job);

    for (size_t i = 0; i < HANDLER_COUNT; i++)
        if (strcmp(handlers[i].name, name) == 0)
            return false;
    return true;
}

static void analytics_run_other(void *self, struct cartrita_job *job)
{
    struct analytics *analytics = self;

    sdk_run_job(analytics->host, analytics, job, handlers, HANDLER_COUNT);
}

static void analytics_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    struct analytics *analytics = self;
    struct cartrita_job *events[ANALYTICS_BATCH_MAX], *others[ANALYTICS_BATCH_MAX];
    size_t event_count = 0, other_count = 0;

    for (size_t i = 0; i < job_count; i++) {
        if (analytics_is_event(analytics->host, jobs[i]))
            events[event_count++] = jobs[i];
        else
            others[other_count++] = jobs[i];
    }
    if (event_count > 0)
        track_run(analytics, events, event_count);
    if (other_count > 0)
        lanes_run(analytics_run_other, analytics, others, other_count, analytics->concurrency);
}

CARTRITA_PLUGIN(.name = "analytics", .version = CARTRITA_VERSION, .batch_max = ANALYTICS_BATCH_MAX,
                .batch_wait_ms = ANALYTICS_BATCH_WAIT_MS, .open = analytics_open,
                .run = analytics_run, .close = analytics_close)
