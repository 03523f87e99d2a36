/* What the files of a connection share:
 *
 *   conns.c     all connections: accepting, turns, drain
 *   conn.c      one connection: its socket, what is read and written, how it ends
 *   session.c   messages: hello, dispatch, ping, bye, and what is wrong
 *   attach.c    queues it takes jobs of: attach, window, resume, and what the engine tells
 *   outcome.c   how jobs end, and what happens while they run
 *   adding.c    adding jobs
 *   asking.c    questions about children of jobs
 *   caching.c   results of pure jobs
 *   stopping.c  stopping jobs that run
 *   obituary.c  what happens to the jobs of a runner that is gone
 *   fleet.c     what supervisors report, and the orders that clients give them
 *   backlog.c   how much waits in the queues that supervisors watch
 *
 * Nobody else includes it. */
#ifndef CT_SERVER_CONN_INTERNAL_H
#define CT_SERVER_CONN_INTERNAL_H

#include "common/list.h"
#include "proto/codec.h"
#include "proto/frame.h"
#include "server/backlog.h"
#include "server/conn.h"
#include "server/fleet.h"
#include "server/lease_table.h"

struct conns {
    uv_loop_t *loop;
    struct hosts *hosts;
    const struct ct_random *random;
    const struct ct_clock *clock;
    uint32_t frame_max;
    bool is_private;            /* of one worker, which ends it */
    char uuid[CT_UUID_LEN + 1]; /* of this daemon */
    struct ct_list all;
    struct ct_list dirty; /* to be looked at in the next turn */
    uint32_t count;
    bool is_draining;
    uv_timer_t watch; /* for silent runners */
    uv_timer_t hold;  /* active while a connection is not read */
    struct fleet fleet;
    struct backlog backlog;
    int handles_open;
};

enum conn_state {
    CONN_GREETING, /* no hello yet */
    CONN_OPEN,
    CONN_LEAVING,  /* last words are under way; what it still says is not heard */
    CONN_ORPHANED, /* no socket; its jobs wait for news of the runner */
    CONN_CLOSED,   /* no jobs and no socket; waits for its handles */
};

struct conn {
    struct ct_list link;       /* in conns->all */
    struct ct_list dirty_link; /* in conns->dirty */
    struct conns *conns;
    enum conn_state state;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } as;
    uv_timer_t timer; /* patience: hello, last words, resume */
    int handles_open;
    bool has_socket;

    struct proto_reader reader;
    struct ct_buf out;     /* to be written at the end of the turn */
    struct ct_buf writing; /* the loop holds it */
    uv_write_t write;
    uv_shutdown_t shutdown;
    bool is_writing, is_shut;
    bool is_choked;   /* is offered no jobs until it reads */
    bool is_held;     /* not read: Redis is behind with its notes */
    uint32_t silence; /* steps of CONN_WATCH_MS without a sign of life */
    size_t unsent;    /* bytes that the loop still had to write at the last step */
    bool is_doomed;   /* to be ended in the next turn, for `doom` */
    struct ct_error doom;

    enum proto_role role;
    char *worker, *runner; /* owned; NULL: not given */
    uint64_t pid;

    struct ct_list subs; /* struct sub */
    uint32_t sub_count;
    struct lease_table leases;
    struct ct_list addings; /* struct adding */
    uint32_t adding_count;
    size_t adding_bytes;
    struct ct_list askings; /* struct asking */
    uint32_t asking_count;
    struct ct_list cachings; /* struct caching */
    uint32_t caching_count;
    struct ct_list stops; /* struct stopping */
    uint32_t stop_count;

    struct fleet_member *member; /* owned; NULL: it has not reported */
    struct ct_list watches;      /* struct watch */
    uint32_t watch_count;

    struct ct_list casualties; /* struct casualty: what its supervisor said */
    uint32_t casualty_count;
    char *death; /* owned; the reason in its obituary, NULL: none came */
};

/* A queue that a connection takes jobs of. */
struct sub {
    struct ct_list link; /* in conn->subs */
    struct conn *conn;
    uint64_t number;             /* as the client calls it */
    struct hosts_search *search; /* while the queue is being found */
    struct queue_host *host;     /* NULL until it is found */
    struct consumer *consumer;   /* owned; open while host is set */
    uint32_t window;
    struct ct_list resumes; /* struct resume_wish, until the queue is found */
    uint32_t resume_count;
};

/* --- conns.c --- */
void conns_mark(struct conn *conn);
/* Looks after connections that are held. */
void conns_hold(struct conns *conns);

/* --- conn.c --- */
struct conn *conn_new(struct conns *conns);
/* Begins to read; a libuv error otherwise. */
int conn_start(struct conn *conn);
/* Queues a message. TOO_LARGE: over the frame limit; nothing was queued. Without a socket it is
 * dropped. */
enum ct_code conn_send(struct conn *conn, const struct proto_message *message,
                       struct ct_error *err);
/* For messages that always fit. */
void conn_tell(struct conn *conn, const struct proto_message *message);
/* Bytes the peer has not taken yet. */
size_t conn_unwritten(const struct conn *conn);
void conn_turn(struct conn *conn);
/* The peer is gone or must go: its jobs become orphans, or stalled ones at once. */
void conn_lost(struct conn *conn, const struct ct_error *why);
/* Writes what is queued, then closes. It must hold nothing any more. */
void conn_leave(struct conn *conn);
void conn_close_socket(struct conn *conn);
/* What follows when nothing happens for so long depends on its state. */
void conn_be_patient(struct conn *conn, uint64_t patience_ms);
/* Reads nothing more until the queues of its jobs take notes again. */
void conn_hold(struct conn *conn);
/* Reads on when they do. */
void conn_try_release(struct conn *conn);
/* One step of CONN_WATCH_MS without a word. */
void conn_watch(struct conn *conn);
/* No jobs, no socket: freed as soon as its handles are closed. */
void conn_bury(struct conn *conn);

/* --- session.c --- */
void session_payload(struct conn *conn, struct ct_str payload);
/* Sends an error that ends the connection. */
void session_refuse(struct conn *conn, const struct ct_error *err);

/* Answers a request of the peer's that asks for no value. */
void session_done(struct conn *conn, uint64_t request, const struct ct_error *answer);

/* --- attach.c --- */
void attach_attach(struct conn *conn, const struct proto_attach *attach);
void attach_window(struct conn *conn, const struct proto_window *window);
void attach_resume(struct conn *conn, const struct proto_resume *resume);
/* Windows, as far as the connection may be offered jobs now. */
void attach_set_windows(struct conn *conn);
/* Drops the queues that are still being found. */
void attach_forget_searches(struct conn *conn);
/* Closes all consumers. */
void attach_close_all(struct conn *conn, enum consumer_end end);

/* --- outcome.c --- */
void outcome_completed(struct conn *conn, const struct proto_completed *completed);
void outcome_failed(struct conn *conn, const struct proto_failed *failed);
void outcome_released(struct conn *conn, const struct proto_released *released);
void outcome_progress(struct conn *conn, const struct proto_progress *progress);
void outcome_log(struct conn *conn, const struct proto_log *log);
void outcome_update(struct conn *conn, const struct proto_update *update);

/* --- adding.c --- */
void adding_add(struct conn *conn, const struct proto_add *add);
/* The connection is gone: nobody hears the answers. */
void adding_abandon(struct conn *conn);

/* --- asking.c --- */
void asking_ask(struct conn *conn, const struct proto_children *children);
/* The connection is gone: nobody hears the answers. */
void asking_abandon(struct conn *conn);

/* --- caching.c --- */
void caching_get(struct conn *conn, const struct proto_cache_get *get);
void caching_put(struct conn *conn, const struct proto_cache_put *put);
/* Nobody hears the answers any more. */
void caching_abandon(struct conn *conn);

/* --- stopping.c --- */
void stopping_stop_job(struct conn *conn, const struct proto_stop_job *stop);
/* The connection is gone: nobody hears the answers. */
void stopping_abandon(struct conn *conn);

/* --- obituary.c --- */
void obituary_casualty(struct conn *conn, const struct proto_casualty *casualty);
void obituary_obituary(struct conn *conn, const struct proto_obituary *obituary);
/* The connection of a runner is gone, and it held jobs. */
void obituary_orphan(struct conn *conn);
/* Time is up, or there is nothing left to wait for. */
void obituary_settle(struct conn *conn);
void obituary_free(struct conn *conn);

#endif
