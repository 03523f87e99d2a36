/* The client's end of a connection to a daemon, used by runners, supervisors and tools: connects
 * (unix socket or TCP), says hello, hands messages out and takes messages in, and reconnects with
 * backoff for as long as it is open. What a lost connection means for the jobs a runner holds is
 * the runner's business: it is told `on_down`, then `on_up` again.
 *
 * The process must ignore SIGPIPE: libuv writes to a socket whose peer may just have gone.
 *
 * All callbacks run on the loop's thread, never from inside a call of this header. */
#ifndef CT_PROTO_CLIENT_H
#define CT_PROTO_CLIENT_H

#include <uv.h>

#include "proto/codec.h"

struct proto_client;
struct proto_dialler;

#define PROTO_RECONNECT_MIN_MS 20
#define PROTO_RECONNECT_MAX_MS 2000
#define PROTO_HELLO_TIMEOUT_MS 5000
#define PROTO_PING_INTERVAL_MS 10000 /* without a sign of the daemon: ask; twice this: down */
#define PROTO_WRITE_QUEUE_MAX  (256u << 20) /* bytes not yet taken by the socket: then down */

struct proto_client_events {
    /* Welcomed. Everything of the earlier connection is void: attach and resume again. */
    void (*on_up)(void *ctx, const struct proto_welcome *welcome);
    /* Lost (or never reached: told once per outage). It will be tried again. */
    void (*on_down)(void *ctx, const struct ct_error *why);
    /* The daemon refused the hello for good (versions, credentials); no further try. May be NULL:
     * then it is on_down. */
    void (*on_refused)(void *ctx, const struct ct_error *why);
    /* A message other than welcome, ping and pong; borrowed during the call. */
    void (*on_message)(void *ctx, const struct proto_message *message);
};

struct proto_client_options {
    uv_loop_t *loop;                /* borrowed */
    const char *address;            /* as ct_address_parse takes it; copied */
    struct proto_dialler *dialler;  /* connects in our place; borrowed; NULL: we do (dial.h) */
    struct proto_hello hello;       /* versions are filled in; strings are copied */
    uint32_t frame_max;             /* 0: PROTO_FRAME_MAX */
    size_t write_queue_max;         /* 0: PROTO_WRITE_QUEUE_MAX */
    uint32_t hello_timeout_ms;      /* 0: PROTO_HELLO_TIMEOUT_MS; from connecting to the welcome */
    uint32_t ping_interval_ms;      /* 0: PROTO_PING_INTERVAL_MS */
    const struct ct_random *random; /* jitter of the backoff; borrowed */
    struct proto_client_events events;
    void *ctx;
};

/* Starts connecting. INVALID, TOO_LARGE: the address cannot be used. The caller ends it with
 * proto_client_close. */
enum ct_code proto_client_open(const struct proto_client_options *options,
                               struct proto_client **out, struct ct_error *err) CT_MUST_CHECK;

bool proto_client_is_up(const struct proto_client *client);

/* Queues a message; all that a turn of the loop queues goes out in one write at its end. CLOSED
 * while it is down: nothing is kept for later. TOO_LARGE: over the daemon's frame limit. */
enum ct_code proto_client_send(struct proto_client *client, const struct proto_message *message,
                               struct ct_error *err) CT_MUST_CHECK;

/* Sends what is queued (for at most `flush_ms`), closes, frees, then calls `closed` (may be NULL).
 * No other callback comes after this call. */
void proto_client_close(struct proto_client *client, uint64_t flush_ms, void (*closed)(void *ctx));

#endif
