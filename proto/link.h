/* One connection as a client sees it: finds the address, connects, cuts what arrives into payloads,
 * writes what is queued. Called by client.c only, which knows what the payloads mean and makes a
 * new link after each loss.
 *
 * All callbacks run on the loop's thread, never from inside a call of this header. */
#ifndef CT_PROTO_LINK_H
#define CT_PROTO_LINK_H

#include <uv.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/url.h"

struct proto_link;
struct proto_dialler;

struct proto_link_events {
    void (*on_open)(void *ctx);
    /* Borrowed during the call. */
    void (*on_payload)(void *ctx, struct ct_str payload);
    /* At most once, in a later pass of the loop than its cause; what was queued before the cause
     * has been offered to the socket. Nothing but on_closed follows. The owner closes the link. */
    void (*on_fail)(void *ctx, const struct ct_error *why);
    /* The link is gone; once, after proto_link_close. */
    void (*on_closed)(void *ctx);
};

/* Starts connecting; every failure comes as on_fail. `address` is borrowed until on_closed. Of the
 * addresses a name has, all are tried in turn, beginning with number `first` (modulo their count).
 * `dialler` (borrowed, may be NULL) connects in our place. Ended with proto_link_close. */
struct proto_link *proto_link_open(uv_loop_t *loop, const struct ct_address *address,
                                   struct proto_dialler *dialler, unsigned first,
                                   uint32_t frame_max, const struct proto_link_events *events,
                                   void *ctx);

/* The bytes to be written: append whole frames, then call proto_link_flush_soon. */
struct ct_buf *proto_link_out(struct proto_link *link);
/* All that one turn of the loop queues goes out in one write at its end. */
void proto_link_flush_soon(struct proto_link *link);
/* Bytes that the socket has not taken yet. */
size_t proto_link_queued(const struct proto_link *link);

/* Fails the link as if the peer had caused it; the first cause counts. */
void proto_link_fail(struct proto_link *link, const struct ct_error *why);
bool proto_link_has_failed(const struct proto_link *link);

/* Writes what is queued, tells the peer that no more comes and waits for it to close: then on_fail
 * (CLOSED) comes. Payloads that arrive meanwhile are dropped. Without this, closing could throw
 * away what the peer has not read yet. */
void proto_link_finish(struct proto_link *link);

/* Offers what is queued to the socket once, closes and frees. Of the callbacks only on_closed
 * follows. */
void proto_link_close(struct proto_link *link);

#endif
