/* Looking at Bull's queues: builds the calls of queue/inspect.h and reads their replies. States,
 * their order and their pages are those of Bull's getters. Writes nothing in Redis. */
#include "dialect/bull/inspect.h"

#include <string.h>

#include "bull_lua.h"
#include "dialect/bull/inspect_parts.h"
#include "dialect/bull/keys.h"

static const struct inspect_state states[BULL_STATE_COUNT] = {
    [BULL_WAITING] = {"waiting", true, false},     [BULL_ACTIVE] = {"active", true, false},
    [BULL_DELAYED] = {"delayed", true, false},     [BULL_PAUSED] = {"paused", true, false},
    [BULL_COMPLETED] = {"completed", false, true}, [BULL_FAILED] = {"failed", false, true},
};

static const struct {
    const char *suffix;
    bool is_list;
} homes[BULL_STATE_COUNT] = {
    [BULL_WAITING] = {"wait", true},         [BULL_ACTIVE] = {"active", true},
    [BULL_DELAYED] = {"delayed", false},     [BULL_PAUSED] = {"paused", true},
    [BULL_COMPLETED] = {"completed", false}, [BULL_FAILED] = {"failed", false},
};

const uint32_t bull_idle_states[BULL_IDLE_STATES] = {BULL_WAITING, BULL_PAUSED, BULL_DELAYED,
                                                     BULL_FAILED};

const char *bull_state_key(uint32_t state)
{
    return homes[state].suffix;
}

const char *bull_state_list(uint32_t state)
{
    return homes[state].is_list ? homes[state].suffix : NULL;
}

static const struct inspect_field fields[] = {
    {"name", "name", INSPECT_TEXT, false, "\"__default__\""},
    {"data", "data", INSPECT_JSON, true, "{}"},
    {"opts", "opts", INSPECT_JSON, true, "{}"},
    {"timestamp", "timestamp", INSPECT_NUMBER, false, NULL},
    {"delay", "delay", INSPECT_NUMBER, false, NULL},
    {"priority", "priority", INSPECT_NUMBER, false, "0"},
    {"progress", "progress", INSPECT_JSON, false, "0"},
    {"attemptsMade", "attemptsMade", INSPECT_NUMBER, false, "0"},
    {"stalledCounter", "stalledCounter", INSPECT_NUMBER, false, "0"},
    {"processedOn", "processedOn", INSPECT_NUMBER, false, NULL},
    {"finishedOn", "finishedOn", INSPECT_NUMBER, false, NULL},
    {"retriedOn", "retriedOn", INSPECT_NUMBER, false, NULL},
    {"failedReason", "failedReason", INSPECT_TEXT, false, NULL},
    {"stacktrace", "stacktrace", INSPECT_JSON, true, "[]"},
    {"returnvalue", "returnvalue", INSPECT_JSON, true, NULL},
    {"debounceId", "deid", INSPECT_TEXT, false, NULL},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])
_Static_assert(FIELD_COUNT <= INSPECT_FIELDS_MAX, "a page has room for each field");
_Static_assert(BULL_STATE_COUNT <= INSPECT_STATES_MAX, "the counts have room for each state");

static void build_prefix(const struct queue_name *name, struct redis_command *command)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_printf(&text, "%s:%s:", name->prefix, name->name);
    redis_command_str(command, ct_buf_str(&text));
    ct_buf_free(&text);
}

/* The one key that is declared, which tells a cluster where the queue lives; then the prefix. */
void bull_inspect_key(const struct queue_name *name, struct ct_str suffix,
                      struct redis_command *command)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_printf(&text, "%s:%s:", name->prefix, name->name);
    ct_buf_append_str(&text, suffix);
    redis_command_int(command, 1);
    redis_command_str(command, ct_buf_str(&text));
    ct_buf_free(&text);
    build_prefix(name, command);
}

enum ct_code bull_inspect_unexpected(const char *what, struct ct_error *err)
{
    return ct_error_set(err, CT_E_REDIS_ERROR,
                        "Redis answered in a shape that was not expected: %s", what);
}

/* --- names ---------------------------------------------------------------------------------- */

static const char *const marks[] = {":id", ":meta", ":meta-paused"};

static void bull_build_scan(const char *prefix, struct ct_str cursor, struct redis_command *command)
{
    struct ct_buf pattern;

    ct_buf_init(&pattern);
    keys_append_glob(&pattern, prefix);
    /* One pass for all the marks; what slips through is sorted out by parse_scan. */
    ct_buf_printf(&pattern, ":*:[im][de]*");
    redis_command_text(command, "SCAN");
    redis_command_str(command, cursor);
    redis_command_text(command, "MATCH");
    redis_command_str(command, ct_buf_str(&pattern));
    redis_command_text(command, "COUNT");
    redis_command_int(command, INSPECT_SCAN_COUNT);
    ct_buf_free(&pattern);
}

static void offer_name(const char *prefix, struct ct_str key, inspect_name_fn on_name, void *ctx)
{
    size_t head = strlen(prefix) + 1;

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t tail = strlen(marks[i]);

        if (key.len > head + tail && memcmp(key.data + key.len - tail, marks[i], tail) == 0) {
            on_name(ctx, (struct ct_str){key.data + head, key.len - head - tail});
            return;
        }
    }
}

static enum ct_code bull_parse_scan(const char *prefix, const struct redis_reply *reply,
                                    struct ct_str *cursor, inspect_name_fn on_name, void *ctx,
                                    struct ct_error *err)
{
    struct ct_str next = redis_reply_str(redis_reply_at(reply, 0));
    const struct redis_reply *keys = redis_reply_at(reply, 1);

    if (!next.data)
        return bull_inspect_unexpected("a scan without a cursor", err);
    for (size_t i = 0; i < redis_reply_count(keys); i++)
        offer_name(prefix, redis_reply_str(redis_reply_at(keys, i)), on_name, ctx);
    *cursor = next;
    return CT_E_OK;
}

/* --- counts --------------------------------------------------------------------------------- */

static void bull_build_counts(const struct queue_name *name, struct redis_command *command)
{
    command->script = &bull_inspect_counts_script;
    bull_inspect_key(name, CT_STR_LIT("id"), command);
}

static enum ct_code bull_parse_counts(const struct redis_reply *reply, struct inspect_counts *out,
                                      struct ct_error *err)
{
    if (redis_reply_count(reply) != 4 + BULL_STATE_COUNT)
        return bull_inspect_unexpected("counts of the wrong number", err);
    *out = (struct inspect_counts){
        .exists = redis_reply_int(redis_reply_at(reply, 0), 0) != 0,
        .is_paused = redis_reply_int(redis_reply_at(reply, 1), 0) != 0,
        .repeatable_count = redis_reply_int(redis_reply_at(reply, 2 + BULL_STATE_COUNT), 0),
        .added_count = redis_reply_int(redis_reply_at(reply, 3 + BULL_STATE_COUNT), 0),
    };
    for (size_t i = 0; i < BULL_STATE_COUNT; i++)
        out->jobs[i] = redis_reply_int(redis_reply_at(reply, 2 + i), 0);
    return CT_E_OK;
}

/* --- pages ---------------------------------------------------------------------------------- */

static bool is_asked(const struct inspect_field *field, bool has_bodies)
{
    return has_bodies || !field->is_large;
}

static void build_fields(bool has_bodies, struct redis_command *command)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (is_asked(&fields[i], has_bodies))
            redis_command_text(command, fields[i].key);
    }
}

static void bull_build_page(const struct queue_name *name, const struct inspect_page *page,
                            struct redis_command *command)
{
    command->script = &bull_inspect_page_script;
    bull_inspect_key(name, ct_str_of(homes[page->state].suffix), command);
    redis_command_text(command, homes[page->state].is_list ? "list" : "zset");
    redis_command_text(command, page->is_oldest_first ? "asc" : "desc");
    redis_command_int(command, page->offset);
    redis_command_int(command, page->limit);
    redis_command_int(command, INSPECT_PAGE_BYTES);
    build_fields(page->has_bodies, command);
}

/* A delayed job's score is its due time and twelve bits of order. */
static int64_t read_due(struct ct_str score)
{
    double number;

    return score.data && ct_str_to_double(score, &number) && number > 0 && number < 9e18
               ? (int64_t)(number / 4096)
               : 0;
}

static void read_fields(const struct redis_reply *row, size_t from, bool has_bodies,
                        struct inspect_job *job)
{
    size_t at = from;

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        job->fields[i] = CT_STR_NONE;
        if (is_asked(&fields[i], has_bodies))
            job->fields[i] = redis_reply_str(redis_reply_at(row, at++));
    }
}

static enum ct_code bull_parse_page(const struct inspect_page *page,
                                    const struct redis_reply *reply, inspect_job_fn on_job,
                                    void *ctx, uint32_t *count, int64_t *total,
                                    struct ct_error *err)
{
    size_t rows = redis_reply_count(reply);

    if (rows == 0)
        return bull_inspect_unexpected("a page without a total", err);
    for (size_t i = 1; i < rows; i++) {
        const struct redis_reply *row = redis_reply_at(reply, i);
        struct inspect_job job = {
            .id = redis_reply_str(redis_reply_at(row, 0)),
            .is_missing = redis_reply_count(row) <= 2,
        };

        if (page->state == BULL_DELAYED)
            job.due_ms = read_due(redis_reply_str(redis_reply_at(row, 1)));
        read_fields(row, 2, page->has_bodies, &job);
        on_job(ctx, &job);
    }
    *count = (uint32_t)(rows - 1);
    *total = redis_reply_int(redis_reply_at(reply, 0), 0);
    return CT_E_OK;
}

/* --- one job -------------------------------------------------------------------------------- */

static void bull_build_job(const struct queue_name *name, struct ct_str id, uint32_t log_max,
                           struct redis_command *command)
{
    command->script = &bull_inspect_job_script;
    bull_inspect_key(name, id, command);
    redis_command_str(command, id);
    redis_command_int(command, log_max < INSPECT_LOGS_MAX ? log_max : INSPECT_LOGS_MAX);
    build_fields(true, command);
}

static bool find_state(struct ct_str text, uint32_t *out)
{
    for (uint32_t i = 0; i < BULL_STATE_COUNT; i++) {
        if (ct_str_is(text, states[i].name)) {
            *out = i;
            return true;
        }
    }
    return false;
}

static enum ct_code bull_parse_job(const struct redis_reply *reply, struct ct_str id,
                                   struct inspect_found *out, struct ct_error *err)
{
    const struct redis_reply *row = redis_reply_at(reply, 7);

    if (redis_reply_count(reply) != 8)
        return bull_inspect_unexpected("a job of the wrong number of parts", err);
    *out = (struct inspect_found){
        .exists = redis_reply_int(redis_reply_at(reply, 0), 0) != 0,
        .lock = redis_reply_str(redis_reply_at(reply, 2)),
        .lock_left_ms = redis_reply_int(redis_reply_at(reply, 3), -1),
        .log_count = redis_reply_int(redis_reply_at(reply, 4), 0),
        .log = redis_reply_at(reply, 5),
        .job = {.id = id},
    };
    out->has_state = find_state(redis_reply_str(redis_reply_at(reply, 1)), &out->state);
    if (out->has_state && out->state == BULL_DELAYED)
        out->job.due_ms = read_due(redis_reply_str(redis_reply_at(reply, 6)));
    read_fields(row, 0, true, &out->job);
    return CT_E_OK;
}

static void bull_build_log(const struct queue_name *name, struct ct_str id, int64_t first,
                           struct redis_command *command)
{
    command->script = &bull_inspect_log_script;
    bull_inspect_key(name, id, command);
    redis_command_str(command, id);
    redis_command_int(command, first);
    redis_command_int(command, INSPECT_LOG_MAX);
    redis_command_int(command, INSPECT_PAGE_BYTES);
}

static enum ct_code bull_parse_log(const struct redis_reply *reply, struct inspect_log *out,
                                   struct ct_error *err)
{
    if (redis_reply_count(reply) != 5)
        return bull_inspect_unexpected("a log of the wrong number of parts", err);
    *out = (struct inspect_log){
        .exists = redis_reply_int(redis_reply_at(reply, 0), 0) != 0,
        .has_ended = redis_reply_int(redis_reply_at(reply, 1), 0) != 0,
        .count = redis_reply_int(redis_reply_at(reply, 2), 0),
        .first = redis_reply_int(redis_reply_at(reply, 3), 0),
        .lines = redis_reply_at(reply, 4),
    };
    return CT_E_OK;
}

static void bull_build_find(const struct queue_name *name, struct ct_str id, int64_t place,
                            struct redis_command *command)
{
    command->script = &bull_inspect_find_script;
    bull_inspect_key(name, CT_STR_LIT("active"), command);
    redis_command_str(command, id);
    redis_command_int(command, place);
    redis_command_int(command, INSPECT_FIND_MAX);
}

static enum ct_code bull_parse_find(const struct redis_reply *reply, bool *is_found,
                                    uint32_t *state, int64_t *place, struct ct_error *err)
{
    if (redis_reply_count(reply) != 2)
        return bull_inspect_unexpected("a search of the wrong number of parts", err);
    *is_found = find_state(redis_reply_str(redis_reply_at(reply, 0)), state);
    *place = redis_reply_int(redis_reply_at(reply, 1), -1);
    return CT_E_OK;
}

const struct inspector bull_inspector = {
    .states = states,
    .state_count = BULL_STATE_COUNT,
    .fields = fields,
    .field_count = FIELD_COUNT,
    .build_scan = bull_build_scan,
    .parse_scan = bull_parse_scan,
    .build_counts = bull_build_counts,
    .parse_counts = bull_parse_counts,
    .build_page = bull_build_page,
    .parse_page = bull_parse_page,
    .build_job = bull_build_job,
    .parse_job = bull_parse_job,
    .build_log = bull_build_log,
    .parse_log = bull_parse_log,
    .build_find = bull_build_find,
    .parse_find = bull_parse_find,
    .build_backlog = bull_build_backlog,
    .parse_backlog = bull_parse_backlog,
    .build_times = bull_build_times,
    .parse_times = bull_parse_times,
    .build_memory = bull_build_memory,
    .parse_memory = bull_parse_memory,
};
