/* The events of all queues under one prefix, heard once for all that listen: a cartrita-q tail that
 * runs while there is a listener, started again when it ends, its lines in a ring, and a turn every
 * now and then in which listeners are told that there is more. Owned by the feed.
 *
 * What it costs the loop is bounded, whatever the number of listeners and events: bytes read and
 * listeners woken a turn, events looked at a filling. Who falls behind is told what it missed. */
#ifndef CT_SERVER_API_EVENT_SOURCE_H
#define CT_SERVER_API_EVENT_SOURCE_H

#include "common/list.h"
#include "http/http.h"
#include "server/api/child.h"
#include "server/api/event_ring.h"

#define EVENT_TURN_MS        50
#define EVENT_TURN_BYTES     (128u << 10) /* read from tail; the rest waits there */
#define EVENT_TURN_WAKES     100          /* listeners */
#define EVENT_FILL_BYTES     (16u << 10)  /* of a listener's filling, and one event */
#define EVENT_FILL_LOOKS     2000         /* events held against its filter */
#define EVENT_PULSE_MS       15000        /* a listener that gets no event gets its place */
#define EVENT_RESTART_MS     1000         /* tail ended: it is started again, later each time */
#define EVENT_RESTART_MAX_MS 30000
#define EVENT_LINGER_MS      30000 /* without a listener: one may come back */

struct event_source;

struct event_source_options {
    uv_loop_t *loop;
    struct children *children; /* borrowed; outlives the source */
    const char *prefix;
    uint64_t linger_ms; /* 0: EVENT_LINGER_MS */
    /* It has lingered and wants to be closed; never from inside. */
    void (*idle)(void *ctx, struct event_source *source);
    void *ctx;
};

struct event_listener {
    struct http_request *request;
    struct event_filter filter; /* the source takes it over */
    const char *last_place;     /* Last-Event-ID; NULL: from now on. Lent. */
    void (*gone)(void *ctx);
    void *ctx;
};

struct event_source *event_source_open(const struct event_source_options *options);
const char *event_source_prefix(const struct event_source *source);
/* Answers the request with what happens; `gone` comes once, when its client has left. */
void event_source_listen(struct event_source *source, const struct event_listener *listener);
/* Without listeners. Frees. */
void event_source_close(struct event_source *source);

#endif
