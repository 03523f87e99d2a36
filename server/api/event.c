/* See event.h. */
#include "server/api/event.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"

#define EPOCH_DIGITS 16

/* --- reading --- */

static struct event *event_make(enum event_kind kind, char *json)
{
    struct event *event = ct_zalloc(sizeof *event);

    event->kind = kind;
    event->json = json;
    event->bytes = sizeof *event + strlen(json);
    return event;
}

struct event *event_notice(enum event_kind kind, struct ct_str reason)
{
    struct ct_buf json;

    ct_buf_init(&json);
    ct_buf_append_char(&json, '{');
    if (reason.data) {
        ct_buf_printf(&json, "\"reason\":");
        ct_json_append_string(&json, reason);
    }
    ct_buf_append_char(&json, '}');
    return event_make(kind, ct_buf_take(&json, NULL));
}

static const char *member_text(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static struct event *event_of_notice(const char *notice, const json_t *row)
{
    const enum event_kind kind = strcmp(notice, "listening") == 0 ? EVENT_LISTENING
                                 : strcmp(notice, "missed") == 0  ? EVENT_MISSED
                                                                  : EVENT_LATE;

    return event_notice(kind, ct_str_of(member_text(row, "reason")));
}

static struct event *event_of_queue(struct ct_str line, const json_t *row)
{
    const char *queue = member_text(row, "queue"), *name = member_text(row, "event");

    if (!queue || !name)
        return NULL;
    struct event *event = event_make(EVENT_OF_QUEUE, ct_strndup(line.data, line.len));
    event->queue = ct_strdup(queue);
    event->name = ct_strdup(name);
    event->bytes += strlen(queue) + strlen(name);
    return event;
}

enum ct_code event_parse(struct ct_str line, struct event **out, struct ct_error *err)
{
    json_t *row;
    enum ct_code rc = ct_json_object(line, &row, err);

    if (rc != CT_E_OK)
        return rc;
    const char *notice = member_text(row, "notice");
    *out = notice ? event_of_notice(notice, row) : event_of_queue(line, row);
    json_decref(row);
    return *out ? CT_E_OK : ct_error_set(err, CT_E_INVALID, "neither an event nor a notice");
}

void event_free(struct event *event)
{
    free(event->queue);
    free(event->name);
    free(event->json);
    free(event);
}

/* --- which --- */

enum ct_code event_filter_add(struct event_filter *filter, const char *param, const char *value,
                              struct ct_error *err)
{
    const bool is_queue = strcmp(param, "queue") == 0;
    char **items = is_queue ? filter->queues : filter->names;
    size_t *count = is_queue ? &filter->queue_count : &filter->name_count;

    if (value[0] == '\0' || strlen(value) > EVENT_NAME_MAX)
        return ct_error_set(err, CT_E_USAGE, "'%s' has 1 to %d bytes (EVENT_NAME_MAX)", param,
                            EVENT_NAME_MAX);
    if (*count == EVENT_FILTER_MAX)
        return ct_error_set(err, CT_E_USAGE, "'%s' may come %d times (EVENT_FILTER_MAX)", param,
                            EVENT_FILTER_MAX);
    items[(*count)++] = ct_strdup(value);
    return CT_E_OK;
}

static void free_items(char **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(items[i]);
}

void event_filter_free(struct event_filter *filter)
{
    free_items(filter->queues, filter->queue_count);
    free_items(filter->names, filter->name_count);
    *filter = (struct event_filter){0};
}

static bool is_among(char *const *items, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i], text) == 0)
            return true;
    }
    return count == 0;
}

bool event_filter_fits(const struct event_filter *filter, const struct event *event)
{
    return event->kind != EVENT_OF_QUEUE ||
           (is_among(filter->queues, filter->queue_count, event->queue) &&
            is_among(filter->names, filter->name_count, event->name));
}

/* --- on the wire --- */

bool event_place_parse(const char *text, struct event_place *out)
{
    const size_t len = strspn(text, "0123456789abcdef");
    int64_t number;

    if (len != EPOCH_DIGITS || text[len] != '-' ||
        !ct_str_to_int(ct_str_of(text + len + 1), &number) || number < 0)
        return false;
    *out = (struct event_place){strtoull(text, NULL, 16), (uint64_t)number};
    return true;
}

static void write_place(struct ct_buf *out, struct event_place place)
{
    ct_buf_printf(out, "id: %016" PRIx64 "-%" PRIu64 "\n", place.epoch, place.number);
}

void event_write_head(struct ct_buf *out)
{
    ct_buf_printf(out, "retry: %d\n\n", EVENT_RETRY_MS);
}

void event_write(struct ct_buf *out, const struct event *event, struct event_place place)
{
    if (event->kind != EVENT_OF_QUEUE)
        ct_buf_printf(out, "event: %s\n", event->kind == EVENT_LISTENING ? "listening" : "missed");
    write_place(out, place);
    ct_buf_printf(out, "data: %s\n\n", event->json);
}

void event_write_pulse(struct ct_buf *out, struct event_place place)
{
    write_place(out, place);
    ct_buf_append_char(out, '\n');
}
