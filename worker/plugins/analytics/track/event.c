/* Events as rows. See event.h. What PostgreSQL would refuse is refused here, so that one bad job
 * does not spoil the batch it is in. */
#include "track/event.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/json.h"
#include "json_text.h"
#include "query/query.h"

/* Text as COPY takes it: backslash, tab and line ends escaped. */
static void event_add_text(struct sdk_string *rows, const char *text)
{
    while (*text) {
        size_t plain = strcspn(text, "\\\t\n\r");

        sdk_string_add(rows, text, plain);
        text += plain;
        if (!*text)
            break;
        sdk_string_puts(rows, *text == '\\'   ? "\\\\"
                              : *text == '\t' ? "\\t"
                              : *text == '\n' ? "\\n"
                                              : "\\r");
        text++;
    }
}

static void event_add_data(struct sdk_reader *event, int64_t bytes_max, struct sdk_string *rows)
{
    const json_t *data = sdk_any(event, "data");
    char *text;

    if (!data || json_is_null(data)) {
        sdk_string_puts(rows, "\\N");
        return;
    }
    text = analytics_json_text(data);
    if (!text)
        sdk_reader_refuse(event, "data", "cannot be written as JSON");
    else if (strlen(text) > (size_t)bytes_max)
        sdk_reader_refuse(event, "data",
                          "has %zu bytes, over the limit of %" PRId64 " (eventBytesMax)",
                          strlen(text), bytes_max);
    else
        event_add_text(rows, text);
    free(text);
}

/* A text or a whole number, for applications have both. */
static void event_add_user(struct sdk_reader *event, struct sdk_string *rows)
{
    const json_t *user = json_object_get(event->object, "userId");
    const char *text;

    if (json_is_integer(user)) {
        sdk_string_printf(rows, "%" JSON_INTEGER_FORMAT, json_integer_value(user));
        return;
    }
    text = sdk_text(event, "userId", NULL, EVENT_USER_MAX);
    if (text)
        event_add_text(rows, text);
    else
        sdk_string_puts(rows, "\\N");
}

static int64_t event_time(struct sdk_reader *event, const struct event_origin *origin,
                          const struct event_limits *limits)
{
    const json_t *at = sdk_any(event, "at");
    char text[QUERY_TIME_SIZE], oldest[QUERY_TIME_SIZE], last[QUERY_TIME_SIZE];
    int64_t at_ms = origin->at_ms;

    if (at && !json_is_null(at) && !query_time_parse(at, &at_ms)) {
        sdk_reader_refuse(event, "at", "must be a time: ISO 8601 text, or milliseconds since 1970");
        return at_ms;
    }
    if (at_ms < limits->oldest_ms || at_ms > limits->last_ms) {
        query_time_print(limits->oldest_ms, oldest);
        query_time_print(limits->last_ms, last);
        query_time_print(at_ms, text);
        sdk_reader_refuse(event, "at",
                          "%s is not from %s to %s (eventAgeMax, retention, eventAheadMax)", text,
                          oldest, last);
    }
    return at_ms;
}

static bool event_add(struct sdk_reader *event, const struct event_origin *origin,
                      const struct event_limits *limits, struct event_rows *out)
{
    const char *type = sdk_text(event, "eventType", SDK_REQUIRED, EVENT_TYPE_MAX);
    int64_t at_ms = event_time(event, origin, limits);
    char at[QUERY_TIME_SIZE];

    if (sdk_reader_ok(event) && !type[0])
        sdk_reader_refuse(event, "eventType", "must not be empty");
    if (!sdk_reader_ok(event))
        return false;
    query_time_print(at_ms, at);
    sdk_string_printf(&out->rows, "%s\t", at);
    event_add_text(&out->rows, type);
    sdk_string_puts(&out->rows, "\t");
    event_add_user(event, &out->rows);
    sdk_string_puts(&out->rows, "\t");
    event_add_data(event, limits->bytes_max, &out->rows);
    sdk_string_puts(&out->rows, "\t");
    event_add_text(&out->rows, origin->queue);
    sdk_string_puts(&out->rows, "\t");
    event_add_text(&out->rows, origin->job_id);
    sdk_string_printf(&out->rows, "\t%" PRId64 "\n", out->count);
    out->times_ms[out->count++] = at_ms;
    return sdk_reader_ok(event);
}

static bool event_rows_fit(const struct event_rows *out, struct sdk_error *error)
{
    return !out->rows.is_full ||
           sdk_refuse(error, "ValidationError", "data: the events are over the limit of %u bytes",
                      EVENT_ROWS_MAX);
}

bool event_rows_read(const json_t *data, const struct event_origin *origin,
                     const struct event_limits *limits, struct event_rows *out,
                     struct sdk_error *error)
{
    struct sdk_reader reader = sdk_reader(data, "data", error);
    const json_t *events = sdk_reader_ok(&reader) ? sdk_any(&reader, "events") : NULL;
    size_t count = events ? json_array_size(events) : 1;

    *out = (struct event_rows){.rows.max = EVENT_ROWS_MAX};
    if (events && !json_is_array(events))
        return sdk_reader_refuse(&reader, "events", "must be an array of events");
    if (events && (int64_t)count > limits->events_max)
        return sdk_reader_refuse(&reader, "events",
                                 "has %zu events, over the limit of %" PRId64 " (eventsMax)", count,
                                 limits->events_max);
    if (!sdk_reader_ok(&reader))
        return false;
    out->times_ms = calloc(count + 1, sizeof *out->times_ms);
    if (!out->times_ms)
        abort();
    if (!events)
        return event_add(&reader, origin, limits, out) && event_rows_fit(out, error);
    for (size_t i = 0; i < count; i++) {
        struct sdk_reader event = sdk_reader_at(&reader, "events", i);

        if (!sdk_reader_ok(&event) || !event_add(&event, origin, limits, out))
            return false;
    }
    return event_rows_fit(out, error);
}

void event_rows_free(struct event_rows *rows)
{
    sdk_string_free(&rows->rows);
    free(rows->times_ms);
    *rows = (struct event_rows){0};
}
