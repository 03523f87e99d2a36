/* The events that queues keep in streams, for listen.c: one connection that reads all of them, each
 * from the place where it was when listening began, so that none is missed, also while the
 * connection is down. */
#ifndef Q_LISTEN_STREAMS_H
#define Q_LISTEN_STREAMS_H

#include "q/session.h"
#include "queue/watch.h"

#define LISTEN_STREAMS_MAX 4096 /* queues */
#define LISTEN_BLOCK_MS    1000 /* of one call */
#define LISTEN_FIND_MS     2000 /* between two looks for new queues */

struct listen_streams;

/* Told from the loop, until the streams are closed. */
struct listen_streams_told {
    watch_event_fn on_event;
    void (*on_up)(void *owner);
    /* They cannot be read: the connection is tried again, unless Redis refuses. */
    void (*on_error)(void *owner, const struct ct_error *err);
    void *ctx, *owner; /* of on_event, of the others */
};

/* `watcher`: of the dialect that writes them. */
struct listen_streams *listen_streams_open(struct session *session, const struct watcher *watcher,
                                           const struct listen_streams_told *told);
/* NULL is fine. The memory goes when the loop has run. */
void listen_streams_close(struct listen_streams *streams);

/* One event of a queue; `event` NULL: all. */
void listen_streams_add(struct listen_streams *streams, const char *queue, const char *event);

/* Looks where the streams that were added end, and reads on from there. */
enum ct_code listen_streams_settle(struct listen_streams *streams,
                                   struct ct_error *err) CT_MUST_CHECK;

/* Looks for queues under the prefix and reads all their events: of those that are there at the
 * first look from then on, of later ones from their beginning. Does nothing before LISTEN_FIND_MS
 * have passed. */
enum ct_code listen_streams_find(struct listen_streams *streams,
                                 struct ct_error *err) CT_MUST_CHECK;

#endif
