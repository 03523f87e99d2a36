/* Reading the events that BullMQ keeps in a stream for each queue. An entry begins with the field
 * `event`; what follows is by name. Any client may write entries: those that are none are left out,
 * and fields that are not what they should be are shown as they are. */
#include "dialect/bullmq/watch.h"

#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"

/* The field that says most of an event, and what it holds. */
#define EVENT_LIST(X)                                  \
    X("added", "name", WATCH_TEXT)                     \
    X("waiting", NULL, WATCH_NOTHING)                  \
    X("waiting-children", NULL, WATCH_NOTHING)         \
    X("active", NULL, WATCH_NOTHING)                   \
    X("completed", "returnvalue", WATCH_JSON)          \
    X("failed", "failedReason", WATCH_TEXT)            \
    X("retries-exhausted", "attemptsMade", WATCH_TEXT) \
    X("progress", "data", WATCH_JSON)                  \
    X("delayed", "delay", WATCH_TEXT)                  \
    X("stalled", NULL, WATCH_NOTHING)                  \
    X("duplicated", NULL, WATCH_NOTHING)               \
    X("deduplicated", NULL, WATCH_JSON)                \
    X("debounced", "debounceId", WATCH_TEXT)           \
    X("removed", NULL, WATCH_NOTHING)                  \
    X("cleaned", "count", WATCH_TEXT)                  \
    X("paused", NULL, WATCH_NOTHING)                   \
    X("resumed", NULL, WATCH_NOTHING)                  \
    X("drained", NULL, WATCH_NOTHING)

static const char *const names[] = {
#define EVENT_NAME(name, field, kind) name,
    EVENT_LIST(EVENT_NAME)
#undef EVENT_NAME
        WATCH_CUSTOM,
    NULL};
_Static_assert(sizeof names / sizeof *names <= WATCH_NAMES_MAX + 1, "each event has a bit");

static const struct {
    const char *field; /* NULL with WATCH_JSON: all that are not told otherwise */
    enum watch_kind kind;
} events[] = {
#define EVENT_FIELD(name, field, kind) {field, kind},
    EVENT_LIST(EVENT_FIELD)
#undef EVENT_FIELD
        {NULL, WATCH_JSON},
};

static void bullmq_write_stream(const struct queue_name *name, struct ct_buf *out)
{
    ct_buf_printf(out, "%s:%s:events", name->prefix, name->name);
}

static struct ct_str field_of(const struct redis_reply *fields, const char *name)
{
    for (size_t i = 0; i + 1 < redis_reply_count(fields); i += 2) {
        if (ct_str_is(redis_reply_str(redis_reply_at(fields, i)), name))
            return redis_reply_str(redis_reply_at(fields, i + 1));
    }
    return CT_STR_NONE;
}

/* The fields that have no place of their own, as a JSON object. */
static void write_others(const struct redis_reply *fields, struct ct_buf *out)
{
    const char *comma = "";

    ct_buf_append_char(out, '{');
    for (size_t i = 0; i + 1 < redis_reply_count(fields); i += 2) {
        struct ct_str name = redis_reply_str(redis_reply_at(fields, i));
        struct ct_str value = redis_reply_str(redis_reply_at(fields, i + 1));

        if (ct_str_is(name, "event") || ct_str_is(name, "jobId") || ct_str_is(name, "prev"))
            continue;
        ct_buf_printf(out, "%s", comma);
        ct_json_append_string(out, name);
        ct_buf_append_char(out, ':');
        ct_json_append_string(out, value);
        comma = ",";
    }
    ct_buf_append_char(out, '}');
}

static size_t index_of(struct ct_str name)
{
    size_t i = 0;

    while (names[i + 1] && !ct_str_is(name, names[i]))
        i++;
    return i;
}

/* The first part of an entry's id. */
static int64_t moment_of(struct ct_str id)
{
    int64_t ms = 0;

    for (size_t i = 0; i < id.len && id.data[i] >= '0' && id.data[i] <= '9'; i++) {
        if (ms > INT64_MAX / 10 - 1)
            return 0;
        ms = ms * 10 + (id.data[i] - '0');
    }
    return ms;
}

static void bullmq_read_entry(const char *queue, const struct redis_reply *entry,
                              watch_event_fn on_event, void *ctx)
{
    const struct redis_reply *fields = redis_reply_at(entry, 1);
    struct ct_str name = field_of(fields, "event");
    struct ct_buf others;

    if (!name.data)
        return;
    size_t index = index_of(name);
    char *text = ct_strndup(name.data, name.len);
    struct watch_event event = {
        .queue = ct_str_of(queue),
        .name = text,
        .id = field_of(fields, "jobId"),
        .prev = field_of(fields, "prev"),
        .kind = events[index].kind,
        .at_ms = moment_of(redis_reply_str(redis_reply_at(entry, 0))),
    };

    ct_buf_init(&others);
    if (events[index].field) {
        event.value = field_of(fields, events[index].field);
    } else if (event.kind == WATCH_JSON) {
        write_others(fields, &others);
        event.value = ct_buf_str(&others);
    }
    if (!event.value.data)
        event.kind = WATCH_NOTHING;
    on_event(ctx, &event);
    ct_buf_free(&others);
    free(text);
}

const struct watcher bullmq_watcher = {
    .names = names,
    .write_stream = bullmq_write_stream,
    .read_entry = bullmq_read_entry,
};
