/* An event as listeners of /api/v1/events get it: read from a line of cartrita-q tail, chosen by a
 * filter, written as a server-sent event. Pure. */
#ifndef CT_SERVER_API_EVENT_H
#define CT_SERVER_API_EVENT_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/error.h"

#define EVENT_LINE_MAX   (64u << 10) /* bytes; more is not passed on, which is told */
#define EVENT_FILTER_MAX 32          /* queues, and as many names, of a filter */
#define EVENT_NAME_MAX   512         /* bytes of each */
#define EVENT_RETRY_MS   1000        /* after which a client that was cut comes back */

enum event_kind {
    EVENT_OF_QUEUE,
    EVENT_LISTENING, /* what happens from here on is heard */
    EVENT_MISSED,    /* some events were not heard, or are not kept any more */
    EVENT_LATE,      /* of no concern to listeners */
};

struct event {
    enum event_kind kind;
    char *queue, *name; /* owned; NULL but for EVENT_OF_QUEUE */
    char *json;         /* owned; one line */
    size_t bytes;       /* that it takes in memory, about */
};

/* A row of "tail --output=jsonl --notices". The caller frees *out. */
enum ct_code event_parse(struct ct_str line, struct event **out,
                         struct ct_error *err) CT_MUST_CHECK;
/* One of ours; `reason` may be NULL. The caller frees it. */
struct event *event_notice(enum event_kind kind, struct ct_str reason);
void event_free(struct event *event);

/* --- which --- */

struct event_filter {
    char *queues[EVENT_FILTER_MAX]; /* owned; none: each */
    size_t queue_count;
    char *names[EVENT_FILTER_MAX]; /* owned; none: each */
    size_t name_count;
};

/* `param` is "queue" or "event". */
enum ct_code event_filter_add(struct event_filter *filter, const char *param, const char *value,
                              struct ct_error *err) CT_MUST_CHECK;
void event_filter_free(struct event_filter *filter);
/* Notices are for all. */
bool event_filter_fits(const struct event_filter *filter, const struct event *event);

/* --- on the wire (the HTML standard's text/event-stream) --- */

/* Place of an event: `epoch` names a run of numbers, which a daemon that starts again does not go
 * on with. */
struct event_place {
    uint64_t epoch, number;
};

/* "9f86d081884c7d65-17"; false: it is none. */
bool event_place_parse(const char *text, struct event_place *out);
/* What a client gets first. */
void event_write_head(struct ct_buf *out);
void event_write(struct ct_buf *out, const struct event *event, struct event_place place);
/* Nothing but a place: keeps the connection open, and the client's knowledge of where it is. */
void event_write_pulse(struct ct_buf *out, struct event_place place);

#endif
