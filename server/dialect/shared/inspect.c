/* Looking at queues by the table of their dialect: builds the calls and reads their replies. See
 * the header. States, their order and their pages are those of Bull's and BullMQ's getters. Writes
 * nothing in Redis. */
#include "dialect/shared/inspect.h"

#include <string.h>

#include "dialect/shared/inspect_parts.h"
#include "dialect/shared/keys.h"

void inspect_begin(const struct redis_script *script, const struct queue_name *name,
                   struct ct_str suffix, struct redis_command *command)
{
    struct ct_buf text;

    command->script = script;
    ct_buf_init(&text);
    ct_buf_printf(&text, "%s:%s:", name->prefix, name->name);
    size_t base = text.len;
    ct_buf_append_str(&text, suffix);
    redis_command_int(command, 1);
    redis_command_str(command, ct_buf_str(&text));
    text.len = base;
    redis_command_str(command, ct_buf_str(&text));
    ct_buf_free(&text);
}

enum ct_code inspect_unexpected(const char *what, struct ct_error *err)
{
    return ct_error_set(err, CT_E_REDIS_ERROR,
                        "Redis answered in a shape that was not expected: %s", what);
}

/* --- names ---------------------------------------------------------------------------------- */

static const char *const marks[] = {":id", ":meta", ":meta-paused"};

void inspect_build_scan(const char *prefix, struct ct_str cursor, struct redis_command *command)
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
    static const char relay[] = ":relay:"; /* not of queues: BullMQ's fleets */
    size_t head = strlen(prefix) + 1;

    if (key.len > head + strlen(relay) && memcmp(key.data + head, relay, strlen(relay)) == 0)
        return;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t tail = strlen(marks[i]);

        if (key.len > head + tail && memcmp(key.data + key.len - tail, marks[i], tail) == 0) {
            on_name(ctx, (struct ct_str){key.data + head, key.len - head - tail});
            return;
        }
    }
}

enum ct_code inspect_parse_scan(const char *prefix, const struct redis_reply *reply,
                                struct ct_str *cursor, inspect_name_fn on_name, void *ctx,
                                struct ct_error *err)
{
    struct ct_str next = redis_reply_str(redis_reply_at(reply, 0));
    const struct redis_reply *keys = redis_reply_at(reply, 1);

    if (!next.data)
        return inspect_unexpected("a scan without a cursor", err);
    for (size_t i = 0; i < redis_reply_count(keys); i++)
        offer_name(prefix, redis_reply_str(redis_reply_at(keys, i)), on_name, ctx);
    *cursor = next;
    return CT_E_OK;
}

/* --- counts --------------------------------------------------------------------------------- */

void inspect_build_counts(const struct inspector *inspector, const struct queue_name *name,
                          struct redis_command *command)
{
    inspect_begin(inspector->scripts.counts, name, CT_STR_LIT("id"), command);
}

enum ct_code inspect_parse_counts(const struct inspector *inspector,
                                  const struct redis_reply *reply, struct inspect_counts *out,
                                  struct ct_error *err)
{
    const size_t states = inspector->state_count;

    if (redis_reply_count(reply) != 4 + states)
        return inspect_unexpected("counts of the wrong number", err);
    *out = (struct inspect_counts){
        .exists = redis_reply_int(redis_reply_at(reply, 0), 0) != 0,
        .is_paused = redis_reply_int(redis_reply_at(reply, 1), 0) != 0,
        .repeatable_count = redis_reply_int(redis_reply_at(reply, 2 + states), 0),
        .added_count = redis_reply_int(redis_reply_at(reply, 3 + states), 0),
    };
    for (size_t i = 0; i < states; i++)
        out->jobs[i] = redis_reply_int(redis_reply_at(reply, 2 + i), 0);
    return CT_E_OK;
}

int64_t inspect_ready_count(const struct inspector *inspector, const struct inspect_counts *counts)
{
    int64_t sum = 0;

    for (size_t i = 0; i < inspector->state_count; i++)
        sum += inspector->states[i].is_ready ? counts->jobs[i] : 0;
    return sum;
}

/* --- fields --------------------------------------------------------------------------------- */

static bool is_asked(const struct inspect_field *field, bool has_bodies)
{
    return has_bodies || !field->is_large;
}

static void build_fields(const struct inspector *inspector, bool has_bodies,
                         struct redis_command *command)
{
    for (size_t i = 0; i < inspector->field_count; i++) {
        const struct inspect_field *field = &inspector->fields[i];

        if (!is_asked(field, has_bodies))
            continue;
        redis_command_text(command, field->key);
        if (field->old_key)
            redis_command_text(command, field->old_key);
    }
}

/* A job that clients of both ages worked on has both. Of numbers, which are counts, the larger one
 * is meant; else the newer name. */
static struct ct_str choose(const struct inspect_field *field, struct ct_str text,
                            struct ct_str old)
{
    double number, old_number;

    if (!text.data || !old.data)
        return text.data ? text : old;
    if (field->kind == INSPECT_NUMBER && ct_str_to_double(old, &old_number) &&
        (!ct_str_to_double(text, &number) || old_number > number))
        return old;
    return text;
}

static void read_fields(const struct inspector *inspector, const struct redis_reply *row,
                        size_t from, bool has_bodies, struct inspect_job *job)
{
    size_t at = from;

    for (size_t i = 0; i < inspector->field_count; i++) {
        const struct inspect_field *field = &inspector->fields[i];

        job->fields[i] = CT_STR_NONE;
        if (!is_asked(field, has_bodies))
            continue;
        job->fields[i] = redis_reply_str(redis_reply_at(row, at++));
        if (field->old_key)
            job->fields[i] =
                choose(field, job->fields[i], redis_reply_str(redis_reply_at(row, at++)));
    }
}

/* The score of a delayed job is its due time and twelve bits of order, that of a prioritized one
 * its priority and 32 bits. */
static void read_score(const struct inspect_state *state, struct ct_str score,
                       struct inspect_job *job)
{
    double number;

    if (!score.data || !ct_str_to_double(score, &number) || !(number > 0 && number < 9e18))
        return;
    if (state->score == SCORE_DUE)
        job->due_ms = (int64_t)(number / 4096);
    else if (state->score == SCORE_PRIORITY)
        job->priority = (int64_t)(number / 4294967296);
}

/* --- pages ---------------------------------------------------------------------------------- */

void inspect_build_page(const struct inspector *inspector, const struct queue_name *name,
                        const struct inspect_page *page, struct redis_command *command)
{
    const struct inspect_state *state = &inspector->states[page->state];

    inspect_begin(inspector->scripts.page, name, ct_str_of(state->key), command);
    redis_command_text(command, state->is_list ? "list" : "zset");
    redis_command_text(command, page->is_oldest_first ? "asc" : "desc");
    redis_command_int(command, page->offset);
    redis_command_int(command, page->limit);
    redis_command_int(command, INSPECT_PAGE_BYTES);
    build_fields(inspector, page->has_bodies, command);
}

static bool is_marker(const struct inspector *inspector, struct ct_str id)
{
    return inspector->has_markers && id.len >= 2 && memcmp(id.data, "0:", 2) == 0;
}

enum ct_code inspect_parse_page(const struct inspector *inspector, const struct inspect_page *page,
                                const struct redis_reply *reply, inspect_job_fn on_job, void *ctx,
                                uint32_t *count, int64_t *total, struct ct_error *err)
{
    size_t rows = redis_reply_count(reply);

    if (rows == 0)
        return inspect_unexpected("a page without a total", err);
    for (size_t i = 1; i < rows; i++) {
        const struct redis_reply *row = redis_reply_at(reply, i);
        struct inspect_job job = {
            .id = redis_reply_str(redis_reply_at(row, 0)),
            .is_missing = redis_reply_count(row) <= 2,
        };

        if (is_marker(inspector, job.id))
            continue;
        read_score(&inspector->states[page->state], redis_reply_str(redis_reply_at(row, 1)), &job);
        read_fields(inspector, row, 2, page->has_bodies, &job);
        on_job(ctx, &job);
    }
    *count = (uint32_t)(rows - 1);
    *total = redis_reply_int(redis_reply_at(reply, 0), 0);
    return CT_E_OK;
}

/* --- one job -------------------------------------------------------------------------------- */

void inspect_build_job(const struct inspector *inspector, const struct queue_name *name,
                       struct ct_str id, uint32_t log_max, struct redis_command *command)
{
    inspect_begin(inspector->scripts.job, name, id, command);
    redis_command_str(command, id);
    redis_command_int(command, log_max < INSPECT_LOGS_MAX ? log_max : INSPECT_LOGS_MAX);
    build_fields(inspector, true, command);
}

static bool find_state(const struct inspector *inspector, struct ct_str text, uint32_t *out)
{
    for (uint32_t i = 0; i < inspector->state_count; i++) {
        if (ct_str_is(text, inspector->states[i].name)) {
            *out = i;
            return true;
        }
    }
    return false;
}

static void read_children(const struct redis_reply *counts, struct inspect_found *out)
{
    if (redis_reply_count(counts) != INSPECT_CHILD_COUNT)
        return;
    for (size_t i = 0; i < INSPECT_CHILD_COUNT; i++) {
        out->children[i] = redis_reply_int(redis_reply_at(counts, i), 0);
        out->has_children = out->has_children || out->children[i] > 0;
    }
}

enum ct_code inspect_parse_job(const struct inspector *inspector, const struct redis_reply *reply,
                               struct ct_str id, struct inspect_found *out, struct ct_error *err)
{
    if (redis_reply_count(reply) != 9)
        return inspect_unexpected("a job of the wrong number of parts", err);
    *out = (struct inspect_found){
        .exists = redis_reply_int(redis_reply_at(reply, 0), 0) != 0,
        .lock = redis_reply_str(redis_reply_at(reply, 2)),
        .lock_left_ms = redis_reply_int(redis_reply_at(reply, 3), -1),
        .log_count = redis_reply_int(redis_reply_at(reply, 4), 0),
        .log = redis_reply_at(reply, 5),
        .job = {.id = id},
    };
    out->has_state = find_state(inspector, redis_reply_str(redis_reply_at(reply, 1)), &out->state);
    if (out->has_state)
        read_score(&inspector->states[out->state], redis_reply_str(redis_reply_at(reply, 6)),
                   &out->job);
    read_children(redis_reply_at(reply, 7), out);
    read_fields(inspector, redis_reply_at(reply, 8), 0, true, &out->job);
    return CT_E_OK;
}

void inspect_build_log(const struct inspector *inspector, const struct queue_name *name,
                       struct ct_str id, int64_t first, struct redis_command *command)
{
    inspect_begin(inspector->scripts.log, name, id, command);
    redis_command_str(command, id);
    redis_command_int(command, first);
    redis_command_int(command, INSPECT_LOG_MAX);
    redis_command_int(command, INSPECT_PAGE_BYTES);
}

enum ct_code inspect_parse_log(const struct redis_reply *reply, struct inspect_log *out,
                               struct ct_error *err)
{
    if (redis_reply_count(reply) != 5)
        return inspect_unexpected("a log of the wrong number of parts", err);
    *out = (struct inspect_log){
        .exists = redis_reply_int(redis_reply_at(reply, 0), 0) != 0,
        .has_ended = redis_reply_int(redis_reply_at(reply, 1), 0) != 0,
        .count = redis_reply_int(redis_reply_at(reply, 2), 0),
        .first = redis_reply_int(redis_reply_at(reply, 3), 0),
        .lines = redis_reply_at(reply, 4),
    };
    return CT_E_OK;
}

void inspect_build_find(const struct inspector *inspector, const struct queue_name *name,
                        struct ct_str id, int64_t place, struct redis_command *command)
{
    inspect_begin(inspector->scripts.find, name, CT_STR_LIT("active"), command);
    redis_command_str(command, id);
    redis_command_int(command, place);
    redis_command_int(command, INSPECT_FIND_MAX);
}

enum ct_code inspect_parse_find(const struct inspector *inspector, const struct redis_reply *reply,
                                bool *is_found, uint32_t *state, int64_t *place,
                                struct ct_error *err)
{
    if (redis_reply_count(reply) != 2)
        return inspect_unexpected("a search of the wrong number of parts", err);
    *is_found = find_state(inspector, redis_reply_str(redis_reply_at(reply, 0)), state);
    *place = redis_reply_int(redis_reply_at(reply, 1), -1);
    return CT_E_OK;
}
