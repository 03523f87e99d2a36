/* The events of queues, for commands that watch. One subscribing connection beside the session's
 * own, on its loop; it comes back by itself when it is lost, and says what it may have missed. */
#ifndef Q_LISTEN_H
#define Q_LISTEN_H

#include "q/session.h"
#include "queue/watch.h"

struct listen {
    struct session *session; /* borrowed */
    struct redis_link *link; /* owned; NULL before anything is subscribed */
    watch_event_fn on_event;
    void *ctx;
    size_t wanted, confirmed; /* subscriptions; confirmed: on this connection */
    bool is_settled;          /* each is confirmed, or the connection or one of them failed */
    bool has_gap;             /* the connection was lost and is back; the owner clears it */
    struct ct_error err;      /* why it is down or refused; code OK: neither */
};

/* `on_event` is called while the session's loop runs. listen_close in any case. */
void listen_open(struct listen *listen, struct session *session, watch_event_fn on_event,
                 void *ctx);
void listen_close(struct listen *listen);

/* One event of a queue, named as the dialect does; or all of all queues under the prefix. */
void listen_to(struct listen *listen, const char *queue, const char *event);
void listen_to_all(struct listen *listen);

/* Until what was asked for is in force: what happens from then on is heard. The error says why it
 * is not; listening goes on trying. */
enum ct_code listen_settle(struct listen *listen, struct ct_error *err) CT_MUST_CHECK;

#endif
