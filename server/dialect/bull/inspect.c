/* What there is to see of Bull's queues: states, fields, scripts. */
#include "dialect/bull/inspect.h"

#include "bull_lua.h"

static const struct inspect_state states[BULL_STATE_COUNT] = {
    [BULL_WAITING] = {"waiting", "wait", .is_ready = true, .is_list = true,
                      .is_oldest_first = true},
    [BULL_ACTIVE] = {"active", "active", .is_list = true, .is_oldest_first = true},
    [BULL_DELAYED] = {"delayed", "delayed", .score = SCORE_DUE, .is_oldest_first = true},
    [BULL_PAUSED] = {"paused", "paused", .is_ready = true, .is_list = true,
                     .is_oldest_first = true},
    [BULL_COMPLETED] = {"completed", "completed", .is_by_end = true},
    [BULL_FAILED] = {"failed", "failed", .is_by_end = true},
};

static const struct inspect_field fields[] = {
    {"name", "name", .kind = INSPECT_TEXT, .fallback = "\"__default__\""},
    {"data", "data", .kind = INSPECT_JSON, .is_large = true, .fallback = "{}"},
    {"opts", "opts", .kind = INSPECT_JSON, .is_large = true, .fallback = "{}"},
    {"timestamp", "timestamp", .kind = INSPECT_NUMBER},
    {"delay", "delay", .kind = INSPECT_NUMBER},
    {"priority", "priority", .kind = INSPECT_NUMBER, .fallback = "0"},
    {"progress", "progress", .kind = INSPECT_JSON, .fallback = "0"},
    {"attemptsMade", "attemptsMade", .kind = INSPECT_NUMBER, .fallback = "0"},
    {"stalledCounter", "stalledCounter", .kind = INSPECT_NUMBER, .fallback = "0"},
    {"processedOn", "processedOn", .kind = INSPECT_NUMBER},
    {"finishedOn", "finishedOn", .kind = INSPECT_NUMBER},
    {"retriedOn", "retriedOn", .kind = INSPECT_NUMBER},
    {"failedReason", "failedReason", .kind = INSPECT_TEXT},
    {"stacktrace", "stacktrace", .kind = INSPECT_JSON, .is_large = true, .fallback = "[]"},
    {"returnvalue", "returnvalue", .kind = INSPECT_JSON, .is_large = true},
    {"debounceId", "deid", .kind = INSPECT_TEXT},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])
_Static_assert(FIELD_COUNT <= INSPECT_FIELDS_MAX, "a page has room for each field");
_Static_assert(BULL_STATE_COUNT <= INSPECT_STATES_MAX, "the counts have room for each state");

const struct inspector bull_inspector = {
    .states = states,
    .state_count = BULL_STATE_COUNT,
    .fields = fields,
    .field_count = FIELD_COUNT,
    .scripts =
        {
            .counts = &bull_inspect_counts_script,
            .page = &bull_inspect_page_script,
            .job = &bull_inspect_job_script,
            .log = &bull_inspect_log_script,
            .find = &bull_inspect_find_script,
            .backlog = &bull_inspect_backlog_script,
            .times = &bull_inspect_times_script,
            .memory = &bull_inspect_memory_script,
        },
};
