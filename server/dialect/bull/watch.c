/* Reading what Bull publishes. A channel is PREFIX:QUEUE:EVENT, with @TOKEN behind it where the
 * listeners tell their own messages from others; neither event nor token has a colon, queues may.
 * Payloads are written by any client: what cannot be read is shown as it is. */
#include "dialect/bull/watch.h"

#include <string.h>

#include "common/json.h"
#include "dialect/bull/keys.h"

enum payload { OF_JOB, OF_QUEUE, ENDED, PROGRESS, DUE };

#define EVENT_LIST(X)       \
    X("waiting", OF_JOB)    \
    X("active", OF_JOB)     \
    X("completed", ENDED)   \
    X("failed", ENDED)      \
    X("progress", PROGRESS) \
    X("delayed", DUE)       \
    X("stalled", OF_JOB)    \
    X("duplicated", OF_JOB) \
    X("debounced", OF_JOB)  \
    X("paused", OF_QUEUE)   \
    X("resumed", OF_QUEUE)  \
    X("drained", OF_QUEUE)

static const char *const names[] = {
#define EVENT_NAME(name, payload) name,
    EVENT_LIST(EVENT_NAME)
#undef EVENT_NAME
        NULL};

static const enum payload payloads[] = {
#define EVENT_PAYLOAD(name, payload) payload,
    EVENT_LIST(EVENT_PAYLOAD)
#undef EVENT_PAYLOAD
};

static void bull_write_all(const char *prefix, struct ct_buf *out)
{
    keys_append_glob(out, prefix);
    ct_buf_printf(out, ":*");
}

/* What is only about a job carries its speaker's token: any of them is meant. */
static bool bull_write_channel(const struct queue_name *name, const char *event, struct ct_buf *out)
{
    bool has_token = false;

    for (size_t i = 0; names[i]; i++)
        has_token = has_token || (payloads[i] == OF_JOB && strcmp(names[i], event) == 0);
    if (!has_token) {
        ct_buf_printf(out, "%s:%s:%s", name->prefix, name->name, event);
        return false;
    }
    keys_append_glob(out, name->prefix);
    ct_buf_append_char(out, ':');
    keys_append_glob(out, name->name);
    ct_buf_printf(out, ":%s@*", event);
    return true;
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
    for (size_t i = 0; names[i]; i++) {
        if (!ct_str_is(name, names[i]))
            continue;
        event.name = names[i];
        switch (payloads[i]) {
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
            read_object(payload, payloads[i], &event, on_event, ctx);
            return;
        }
        on_event(ctx, &event);
        return;
    }
}

const struct watcher bull_watcher = {
    .names = names,
    .write_channel = bull_write_channel,
    .write_all = bull_write_all,
    .read = bull_read,
};
