/* What there is to see of BullMQ's queues: states, fields, scripts. */
#include "dialect/bullmq/inspect.h"

#include "bullmq_lua.h"

static const struct inspect_state states[BULLMQ_STATE_COUNT] = {
    [BULLMQ_WAITING] = {"waiting", "wait", .is_ready = true, .is_list = true,
                        .is_oldest_first = true},
    [BULLMQ_PRIORITIZED] = {"prioritized", "prioritized", .is_ready = true, .score = SCORE_PRIORITY,
                            .is_oldest_first = true},
    [BULLMQ_ACTIVE] = {"active", "active", .is_list = true, .is_oldest_first = true},
    [BULLMQ_DELAYED] = {"delayed", "delayed", .score = SCORE_DUE, .is_oldest_first = true},
    [BULLMQ_WAITING_CHILDREN] = {"waiting-children", "waiting-children", .is_oldest_first = true},
    [BULLMQ_PAUSED] = {"paused", "paused", .is_ready = true, .is_list = true,
                       .is_oldest_first = true, .is_legacy = true},
    [BULLMQ_COMPLETED] = {"completed", "completed", .is_by_end = true},
    [BULLMQ_FAILED] = {"failed", "failed", .is_by_end = true},
};

/* The names are those of the package's Job. */
static const struct inspect_field fields[] = {
    {"name", "name", .kind = INSPECT_TEXT},
    {"data", "data", .kind = INSPECT_JSON, .is_large = true, .fallback = "{}"},
    {"opts", "opts", .kind = INSPECT_JSON, .is_large = true, .fallback = "{}"},
    {"timestamp", "timestamp", .kind = INSPECT_NUMBER},
    {"delay", "delay", .kind = INSPECT_NUMBER},
    {"priority", "priority", .kind = INSPECT_NUMBER, .fallback = "0"},
    {"progress", "progress", .kind = INSPECT_JSON, .fallback = "0"},
    {"attemptsMade", "atm", "attemptsMade", INSPECT_NUMBER, .fallback = "0"},
    {"attemptsStarted", "ats", .kind = INSPECT_NUMBER, .fallback = "0"},
    {"stalledCounter", "stc", "stalledCounter", INSPECT_NUMBER, .fallback = "0"},
    {"processedOn", "processedOn", .kind = INSPECT_NUMBER},
    {"processedBy", "pb", .kind = INSPECT_TEXT},
    {"finishedOn", "finishedOn", .kind = INSPECT_NUMBER},
    {"failedReason", "failedReason", .kind = INSPECT_TEXT},
    {"deferredFailure", "defa", .kind = INSPECT_TEXT},
    {"stacktrace", "stacktrace", .kind = INSPECT_JSON, .is_large = true, .fallback = "[]"},
    {"returnvalue", "returnvalue", .kind = INSPECT_JSON, .is_large = true},
    {"deduplicationId", "deid", .kind = INSPECT_TEXT},
    {"repeatJobKey", "rjk", .kind = INSPECT_TEXT},
    {"parentKey", "parentKey", .kind = INSPECT_TEXT},
    {"parent", "parent", .kind = INSPECT_JSON},
    {"failureTelemetry", "tm", .kind = INSPECT_TEXT},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])
_Static_assert(FIELD_COUNT <= INSPECT_FIELDS_MAX, "a page has room for each field");
_Static_assert(BULLMQ_STATE_COUNT <= INSPECT_STATES_MAX, "the counts have room for each state");

const struct inspector bullmq_inspector = {
    .states = states,
    .state_count = BULLMQ_STATE_COUNT,
    .fields = fields,
    .field_count = FIELD_COUNT,
    .has_markers = true,
    .scripts =
        {
            .counts = &bullmq_inspect_counts_script,
            .page = &bullmq_inspect_page_script,
            .job = &bullmq_inspect_job_script,
            .log = &bullmq_inspect_log_script,
            .find = &bullmq_inspect_find_script,
            .backlog = &bullmq_inspect_backlog_script,
            .times = &bullmq_inspect_times_script,
            .memory = &bullmq_inspect_memory_script,
        },
};
