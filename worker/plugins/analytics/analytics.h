/* What all of the plugin shares: its settings, its connections, and the names of its handlers.
 * Made in open, unchanged until close, used by all job threads at once. */
#ifndef ANALYTICS_H
#define ANALYTICS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cartrita/plugin.h"
#include "cartrita/sdk/call.h"
#include "cartrita/sdk/error.h"

struct sdk_http;
struct sdk_roots;
struct pg_pool;
struct partitions;
struct queries;
struct schema;

/* As the user gives them; the table with names, limits and fallbacks is in settings.c. Durations
 * are milliseconds, sizes bytes. */
struct analytics_settings {
    char *url;         /* secret */
    char *replica_url; /* secret; NULL: reads go to the primary */
    char *schema_name;
    int64_t connections; /* to each server; 0: as many as jobs run at once */
    int64_t connect_timeout_ms;
    int64_t statement_timeout_ms; /* of what tracks and maintains */
    int64_t query_timeout_ms;     /* of a configured query */
    int64_t replica_lag_max_ms;
    bool migrates;
    int partition; /* enum partition_span */
    int64_t partitions_max;
    int64_t retention_ms; /* of events; 0: for ever */
    int64_t remember_ms;  /* how long a job's id is known as tracked */
    int64_t age_max_ms, ahead_max_ms;
    int64_t events_max, event_bytes_max;
    int64_t rows_max, windows_max;
    json_t *roots; /* below which files may be written; NULL: anywhere */
    int64_t inline_max, report_rows_max, report_bytes_max, chart_points_max;
    char *mail_queue;           /* NULL: reports are not mailed */
    char *search_url;           /* NULL: nothing is indexed */
    char *search_authorization; /* secret: the value of a header; NULL: none */
    int64_t search_batch, search_batch_bytes, search_rows_max;
    int64_t export_rows_max, export_files_max;
    json_t *queries; /* by name; NULL: only those that are built in */
};

struct analytics {
    const struct cartrita_host *host; /* borrowed */
    struct analytics_settings settings;
    uint32_t concurrency;
    struct pg_pool *primary;       /* owned */
    struct pg_pool *replica;       /* owned; NULL: none */
    struct schema *schema;         /* owned */
    struct partitions *partitions; /* owned */
    struct queries *queries;       /* owned */
    struct sdk_roots *roots;       /* owned; NULL: anywhere */
    struct sdk_http *http;         /* owned */
    _Atomic int64_t maintained_ms; /* when this process last looked; monotonic */
};

/* settings.c */
bool analytics_settings_read(const char *config, struct analytics_settings *settings,
                             struct sdk_error *error);
void analytics_settings_free(struct analytics_settings *settings);

/* Handlers of one job each; `call->self` is the struct analytics. Those of track take batches and
 * are in track/track.h. */
bool analytics_aggregate(struct sdk_call *call);
bool analytics_maintain(struct sdk_call *call);
bool analytics_report(struct sdk_call *call);
bool analytics_index(struct sdk_call *call);
bool analytics_export(struct sdk_call *call);

#endif
