/* The table of settings. See analytics.h, and README.md for what they mean. */
#include "analytics.h"
#include "cartrita/sdk/settings.h"

#define MINUTE_MS ((int64_t)60 * 1000)
#define DAY_MS    (24 * 60 * MINUTE_MS)
#define YEAR_MS   (366 * DAY_MS)
#define ROWS_MAX  INT64_C(1000000000000)
#define BYTES_MAX (INT64_C(1) << 50)

/* In the order of enum partition_span. */
static const char *const partition_words[] = {"day", "week", "month", NULL};

#define AT(member) offsetof(struct analytics_settings, member)

static const struct sdk_setting table[] = {
    {"url", SDK_SETTING_SECRET, AT(url), NULL, 0, 0, NULL, true},
    {"replicaUrl", SDK_SETTING_SECRET, AT(replica_url), NULL, 0, 0, NULL, false},
    {"schema", SDK_SETTING_TEXT, AT(schema_name), "cartrita", 0, 0, NULL, false},
    {"connections", SDK_SETTING_INTEGER, AT(connections), "0", 0, 1000, NULL, false},
    {"connectTimeout", SDK_SETTING_DURATION, AT(connect_timeout_ms), "10s", 100, 10 * MINUTE_MS,
     NULL, false},
    {"statementTimeout", SDK_SETTING_DURATION, AT(statement_timeout_ms), "30s", 100, DAY_MS, NULL,
     false},
    {"queryTimeout", SDK_SETTING_DURATION, AT(query_timeout_ms), "5m", 100, DAY_MS, NULL, false},
    {"replicaLagMax", SDK_SETTING_DURATION, AT(replica_lag_max_ms), "1m", 0, DAY_MS, NULL, false},
    {"migrate", SDK_SETTING_BOOLEAN, AT(migrates), "true", 0, 0, NULL, false},
    {"partition", SDK_SETTING_CHOICE, AT(partition), "day", 0, 0, partition_words, false},
    {"partitionsMax", SDK_SETTING_INTEGER, AT(partitions_max), "1000", 1, 100000, NULL, false},
    {"retention", SDK_SETTING_DURATION, AT(retention_ms), "0", 0, 100 * YEAR_MS, NULL, false},
    {"rememberJobs", SDK_SETTING_DURATION, AT(remember_ms), "30d", MINUTE_MS, 100 * YEAR_MS, NULL,
     false},
    {"eventAgeMax", SDK_SETTING_DURATION, AT(age_max_ms), "366d", MINUTE_MS, 100 * YEAR_MS, NULL,
     false},
    {"eventAheadMax", SDK_SETTING_DURATION, AT(ahead_max_ms), "1d", 0, YEAR_MS, NULL, false},
    {"eventsMax", SDK_SETTING_INTEGER, AT(events_max), "10000", 1, 1000000, NULL, false},
    {"eventBytesMax", SDK_SETTING_SIZE, AT(event_bytes_max), "256k", 64, 64 * 1024 * 1024, NULL,
     false},
    {"rowsMax", SDK_SETTING_INTEGER, AT(rows_max), "10000", 1, 1000000, NULL, false},
    {"windowsMax", SDK_SETTING_INTEGER, AT(windows_max), "1000", 1, 100000, NULL, false},
    {"roots", SDK_SETTING_JSON, AT(roots), NULL, 0, 0, NULL, false},
    {"inlineMax", SDK_SETTING_SIZE, AT(inline_max), "256k", 0, 8 * 1024 * 1024, NULL, false},
    {"reportRowsMax", SDK_SETTING_INTEGER, AT(report_rows_max), "1000000", 1, ROWS_MAX, NULL,
     false},
    {"reportBytesMax", SDK_SETTING_SIZE, AT(report_bytes_max), "1G", 1, BYTES_MAX, NULL, false},
    {"chartPointsMax", SDK_SETTING_INTEGER, AT(chart_points_max), "100000", 1, 10000000, NULL,
     false},
    {"mailQueue", SDK_SETTING_TEXT, AT(mail_queue), NULL, 0, 0, NULL, false},
    {"searchUrl", SDK_SETTING_TEXT, AT(search_url), NULL, 0, 0, NULL, false},
    {"searchAuthorization", SDK_SETTING_SECRET, AT(search_authorization), NULL, 0, 0, NULL, false},
    {"searchBatch", SDK_SETTING_INTEGER, AT(search_batch), "1000", 1, 100000, NULL, false},
    {"searchBatchBytes", SDK_SETTING_SIZE, AT(search_batch_bytes), "5M", 1024, 100 * 1024 * 1024,
     NULL, false},
    {"searchRowsMax", SDK_SETTING_INTEGER, AT(search_rows_max), "1000000", 1, ROWS_MAX, NULL,
     false},
    {"exportRowsMax", SDK_SETTING_INTEGER, AT(export_rows_max), "100000000", 1, ROWS_MAX, NULL,
     false},
    {"exportFilesMax", SDK_SETTING_INTEGER, AT(export_files_max), "10000", 1, 1000000, NULL, false},
    {"queries", SDK_SETTING_JSON, AT(queries), NULL, 0, 0, NULL, false},
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

bool analytics_settings_read(const char *config, struct analytics_settings *settings,
                             struct sdk_error *error)
{
    return sdk_settings_read(config, table, TABLE_COUNT, settings, error);
}

void analytics_settings_free(struct analytics_settings *settings)
{
    sdk_settings_free(table, TABLE_COUNT, settings);
}
