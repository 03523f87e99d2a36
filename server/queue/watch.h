/* What clients are told while queues are worked on: where that is to be heard, and what it says.
 * Some dialects publish on channels, which is lost to whoever does not listen; others write a
 * stream for each queue, which can be read from any place on. Called by cartrita-q; pure functions.
 */
#ifndef CT_QUEUE_WATCH_H
#define CT_QUEUE_WATCH_H

#include "queue/dialect.h"

enum watch_kind { WATCH_NOTHING, WATCH_TEXT, WATCH_JSON };

#define WATCH_NAMES_MAX 32
/* Stands in `names` for events that clients made up. */
#define WATCH_CUSTOM "custom"

struct watch_event {
    struct ct_str queue;
    const char *name;     /* borrowed: "waiting", "completed", ... */
    struct ct_str id;     /* of the job; absent: it is about the queue */
    struct ct_str prev;   /* the state that it came from; absent: unknown */
    struct ct_str value;  /* result, reason, progress, due time */
    enum watch_kind kind; /* what `value` holds */
    int64_t at_ms;        /* wall clock of Redis; 0: unknown, it is heard at once */
};

/* `event` and its texts are borrowed during the call. */
typedef void (*watch_event_fn)(void *ctx, const struct watch_event *event);

struct watcher {
    const char *const *names; /* of events, at most WATCH_NAMES_MAX; ends with NULL */

    /* --- on channels; NULL: in streams --- */

    /* The channel of one event (out of `names`) of a queue; true: it is Redis's glob for several.
     */
    bool (*write_channel)(const struct queue_name *name, const char *event, struct ct_buf *out);
    /* The glob for all events of all queues. More may match: read sorts them out. */
    void (*write_all)(const char *prefix, struct ct_buf *out);
    /* Calls on_event when the message is an event of a queue under the prefix. */
    void (*read)(const char *prefix, struct ct_str channel, struct ct_str payload,
                 watch_event_fn on_event, void *ctx);

    /* --- in streams; NULL: on channels --- */

    void (*write_stream)(const struct queue_name *name, struct ct_buf *out);
    /* Calls on_event when this element of XREAD's answer, id and fields, is an event. */
    void (*read_entry)(const char *queue, const struct redis_reply *entry, watch_event_fn on_event,
                       void *ctx);
};

#endif
