/* Connections of runners, supervisors and tools: the daemon's side of proto/PROTOCOL.md. Owned by
 * the daemon, which calls conns_turn at the end of each turn of its loop; they act on queues only
 * through hosts.h and the engine.
 *
 * The connection is the lease: what a runner held when its connection ended without a bye is kept
 * for CONN_RESUME_GRACE_MS, for the runner to come back or for its supervisor to say how it died.
 */
#ifndef CT_SERVER_CONN_H
#define CT_SERVER_CONN_H

#include <uv.h>

#include "common/clock.h"
#include "server/hosts.h"

struct conns;

#define CONN_MAX             4096        /* connections of one daemon */
#define CONN_SUBS_MAX        256         /* queues that one connection attaches to */
#define CONN_WINDOW_MAX      4096        /* jobs that one of them holds */
#define CONN_RESUMES_MAX     4096        /* resumes waiting for their attach, each */
#define CONN_ADDS_MAX        4096        /* adds of a connection not answered yet */
#define CONN_ASKINGS_MAX     64          /* questions about children, not answered yet */
#define CONN_CACHINGS_MAX    4096        /* questions about cached results, not answered yet */
#define CONN_STOPS_MAX       256         /* jobs it wants stopped, not answered yet */
#define CONN_ADD_BYTES_MAX   (64u << 20) /* of their texts; one add alone may be larger */
#define CONN_TEXT_MAX        65536 /* bytes of an id, a token, settings; a reason is cut there */
#define CONN_CASUALTIES_MAX  1024  /* jobs that ran in one dead runner */
#define CONN_HELLO_MS        5000  /* from connect to hello */
#define CONN_LEAVE_MS        1000  /* for the peer to read our last words */
#define CONN_RESUME_GRACE_MS 1000
/* Bytes of a job's id that a supervisor names; of a longer one it knows the beginning. */
#define CONN_CASUALTY_ID_MAX 512
/* A runner from which nothing was heard for the second is asked, for the third is lost: a process
 * that is stopped, or hangs, has an open socket all the same. In steps of the first. */
#define CONN_WATCH_MS  5000
#define CONN_ASK_MS    10000
#define CONN_SILENT_MS 30000
/* A connection whose notes (log lines and such) come faster than Redis takes them is not read until
 * there is room; looked at so often. */
#define CONN_HOLD_MS 5
/* Bytes that a peer has not taken yet: above the first it is offered no jobs, above the second it
 * is cut off. */
#define CONN_WRITE_MARK (8u << 20)
#define CONN_WRITE_MAX  (256u << 20)

struct conns_options {
    uv_loop_t *loop; /* all borrowed */
    struct hosts *hosts;
    const struct ct_random *random;
    const struct ct_clock *clock;
    uint32_t frame_max;
    bool is_private; /* of one worker, which started it and ends it */
};

struct conns *conns_new(const struct conns_options *options);
/* Only when conns_are_gone. Its memory goes with its timer, a turn of the loop later. */
void conns_free(struct conns *conns);

/* Takes the connection that waits on `server` (a uv_pipe_t or uv_tcp_t). */
void conns_accept(struct conns *conns, uv_stream_t *server);

/* Writes what the turn brought up, ends what has to end. */
void conns_turn(struct conns *conns);
/* There is more to do: the loop must not sleep. */
bool conns_want_turn(const struct conns *conns);

/* Says bye; each connection closes when it holds nothing any more. */
void conns_drain(struct conns *conns);
/* Gives back what they still hold, uncharged, and closes them all. */
void conns_end(struct conns *conns);
bool conns_are_gone(const struct conns *conns);
uint32_t conns_lease_count(const struct conns *conns);

#endif
