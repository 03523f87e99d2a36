/* What a dialect publishes while queues are worked on: which channels carry it, and what a message
 * says. Called by cartrita-q; pure functions. Only dialects whose clients publish have one. */
#ifndef CT_QUEUE_WATCH_H
#define CT_QUEUE_WATCH_H

#include "queue/dialect.h"

enum watch_kind { WATCH_NOTHING, WATCH_TEXT, WATCH_JSON };

struct watch_event {
    struct ct_str queue;
    const char *name;     /* static: "waiting", "completed", ... */
    struct ct_str id;     /* of the job; absent: it is about the queue */
    struct ct_str value;  /* result, reason, progress, due time */
    enum watch_kind kind; /* what `value` holds */
};

/* `event` and its texts are borrowed during the call. */
typedef void (*watch_event_fn)(void *ctx, const struct watch_event *event);

struct watcher {
    const char *const *names; /* of events; ends with NULL */
    /* The channel of one event (out of `names`) of a queue; true: it is Redis's glob for several.
     */
    bool (*write_channel)(const struct queue_name *name, const char *event, struct ct_buf *out);
    /* The glob for all events of all queues. More may match: read sorts them out. */
    void (*write_all)(const char *prefix, struct ct_buf *out);
    /* Calls on_event when the message is an event of a queue under the prefix. */
    void (*read)(const char *prefix, struct ct_str channel, struct ct_str payload,
                 watch_event_fn on_event, void *ctx);
};

#endif
