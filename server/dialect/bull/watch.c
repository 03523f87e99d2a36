/* Reading what Bull publishes. A channel is PREFIX:QUEUE:EVENT, with @TOKEN behind it where the
 * listeners tell their own messages from others; neither event nor token has a colon, queues may.
 * Payloads are written by any client: what cannot be read is shown as it is. */
#include "dialect/bull/watch.h"

#include <string.h>

#include "common/json.h"
#include "dialect/bull/keys.h"

enum payload { OF_JOB, OF_QUEUE, ENDED, PROGRESS, DUE };

static const struct {
    const char *name;
    enum payload payload;
} events[] = {
    {"waiting", OF_JOB},    {"active", OF_JOB},   {"completed", ENDED},  {"failed", ENDED},
    {"progress", PROGRESS}, {"delayed", DUE},     {"stalled", OF_JOB},   {"duplicated", OF_JOB},
    {"debounced", OF_JOB},  {"paused", OF_QUEUE}, {"resumed", OF_QUEUE}, {"drained", OF_QUEUE},
};

static void bull_write_pattern(const struct queue_name *name, struct ct_buf *out)
{
    bull_append_glob(out, name->prefix);
    ct_buf_append_char(out, ':');
    if (name->name) {
        bull_append_glob(out, name->name);
        ct_buf_append_char(out, ':');
    }
    ct_buf_append_char(out, '*');
}

static void bull_write_end_channel(const struct queue_name *name, bool is_failed,
                                   struct ct_buf *out)
{
    ct_buf_printf(out, "%s:%s:%s", name->prefix, name->name, is_failed ? "failed" : "completed");
}

static bool split(const char *prefix, struct ct_str channel, struct ct_str *queue,
                  struct ct_str *event)
{
    struct ct_str rest = channel;
    const char *colon, *at;

    if (!ct_str_skip(&rest, prefix) || !ct_str_skip(&rest, ":"))
        return false;
    colon = memrchr(rest.data, ':', rest.len);
    if (!colon || colon == rest.data)
        return false;
    *queue = (struct ct_str){rest.data, (size_t)(colon - rest.data)};
    *event = (struct ct_str){colon + 1, rest.len - queue->len - 1};
    at = memchr(event->data, '@', event->len);
    if (at)
        event->len = (size_t)(at - event->data);
    return true;
}

static struct ct_str string_of(const json_t *value)
{
    return json_is_string(value)
               ? (struct ct_str){json_string_value(value), json_string_length(value)}
               : CT_STR_NONE;
}

/* {"jobId":"1","val":"..."}: a result is JSON in a string, absent when the processor returned
 * nothing; a reason is plain text. */
static void read_end(const json_t *object, struct watch_event *event)
{
    event->id = string_of(json_object_get(object, "jobId"));
    event->value = string_of(json_object_get(object, "val"));
    if (event->value.data)
        event->kind = strcmp(event->name, "completed") == 0 ? WATCH_JSON : WATCH_TEXT;
}

/* Clients before 3.22 wrote ID,VALUE. */
static void read_old_progress(struct ct_str payload, struct watch_event *event)
{
    const char *comma = memchr(payload.data, ',', payload.len);
    size_t id_len = comma ? (size_t)(comma - payload.data) : payload.len;

    event->id = (struct ct_str){payload.data, id_len};
    if (comma) {
        event->value = (struct ct_str){comma + 1, payload.len - id_len - 1};
        event->kind = WATCH_JSON;
    }
}

static void read_object(struct ct_str payload, enum payload kind, struct watch_event *event,
                        watch_event_fn on_event, void *ctx)
{
    json_error_t ignored;
    json_t *object =
        json_loadb(payload.data, payload.len, JSON_ALLOW_NUL | JSON_DECODE_ANY, &ignored);
    char *text = NULL;

    if (json_is_object(object) && kind == ENDED) {
        read_end(object, event);
    } else if (json_is_object(object) && json_object_get(object, "progress")) {
        event->id = string_of(json_object_get(object, "jobId"));
        text = json_dumps(json_object_get(object, "progress"), JSON_COMPACT | JSON_ENCODE_ANY);
        event->value = ct_str_of(text);
        event->kind = text ? WATCH_JSON : WATCH_NOTHING;
    } else if (kind == PROGRESS && payload.len > 0 && payload.data[0] != '{') {
        read_old_progress(payload, event);
    } else {
        event->value = payload;
        event->kind = WATCH_TEXT;
    }
    on_event(ctx, event);
    free(text);
    json_decref(object);
}

static void bull_read(const char *prefix, struct ct_str channel, struct ct_str payload,
                      watch_event_fn on_event, void *ctx)
{
    struct watch_event event = {.kind = WATCH_NOTHING};
    struct ct_str name;

    if (!payload.data || !split(prefix, channel, &event.queue, &name))
        return;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (!ct_str_is(name, events[i].name))
            continue;
        event.name = events[i].name;
        switch (events[i].payload) {
        case OF_JOB:
            event.id = payload;
            break;
        case OF_QUEUE:
            break;
        case DUE:
            event.value = payload;
            event.kind = WATCH_TEXT;
            break;
        case ENDED:
        case PROGRESS:
            read_object(payload, events[i].payload, &event, on_event, ctx);
            return;
        }
        on_event(ctx, &event);
        return;
    }
}

const struct watcher bull_watcher = {
    .write_pattern = bull_write_pattern,
    .write_end_channel = bull_write_end_channel,
    .read = bull_read,
};
