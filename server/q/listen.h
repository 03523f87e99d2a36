/* The events of queues, for commands that watch: on channels or in streams, as the dialect of each
 * has them. A connection for each way beside the session's own, on its loop; they come back by
 * themselves when they are lost. What is published meanwhile is missed, and that is told; streams
 * are read on from where they were. */
#ifndef Q_LISTEN_H
#define Q_LISTEN_H

#include "q/listen_streams.h"
#include "q/session.h"
#include "queue/watch.h"

struct listen {
    struct session *session;         /* borrowed */
    struct redis_link *link;         /* owned; NULL before anything is subscribed */
    const struct watcher *publisher; /* of the dialect that is subscribed to */
    struct listen_streams *streams;  /* owned; NULL before any is read */
    watch_event_fn on_event;
    void *ctx;
    size_t wanted, confirmed; /* subscriptions; confirmed: on this connection */
    bool is_settled;          /* each is confirmed, or the connection or one of them failed */
    bool has_gap;             /* a connection was lost and is back; the owner clears it */
    bool is_for_all;
    struct ct_error err; /* why it is down or refused; code OK: neither */
};

/* `on_event` is called while the session's loop runs. listen_close in any case. */
void listen_open(struct listen *listen, struct session *session, watch_event_fn on_event,
                 void *ctx);
void listen_close(struct listen *listen);

/* One event of a queue of the session's dialect, named as that does; or all of all queues under the
 * prefix, of its dialect or with --dialect auto of each. */
void listen_to(struct listen *listen, const char *queue, const char *event);
void listen_to_all(struct listen *listen);

/* Until what was asked for is in force: what happens from then on is heard. The error says why it
 * is not; listening goes on trying. */
enum ct_code listen_settle(struct listen *listen, struct ct_error *err) CT_MUST_CHECK;

/* Who listens to all calls this now and then: there may be new queues whose streams have to be
 * looked for. */
void listen_look(struct listen *listen);

#endif
