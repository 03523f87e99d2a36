/* How much waits in the queues that supervisors watch: one cheap look at Redis a second for each
 * queue, shared by all its watchers. Called by session.c with messages and by conn.c when a
 * connection ends; decides nothing.
 *
 * A watched queue is held open, so it is looked after (delayed and stalled jobs) also while no
 * runner is attached: what becomes due shows in its backlog. */
#ifndef CT_SERVER_BACKLOG_H
#define CT_SERVER_BACKLOG_H

#include <uv.h>

#include "common/list.h"
#include "proto/codec.h"

struct conn;
struct conns;

#define BACKLOG_INTERVAL_MS 1000
#define BACKLOG_WATCHES_MAX 256  /* queues that one connection watches */
#define BACKLOG_ALL_MAX     4096 /* watches of all connections */

struct backlog {
    struct ct_list gauges; /* struct gauge, one a queue */
    uint32_t watch_count;
    uv_timer_t timer; /* active while there are gauges */
};

void backlog_init(struct conns *conns);

void backlog_watch(struct conn *conn, const struct proto_watch *watch);
/* The connection ends, and so do its watches. Once or more. */
void backlog_leave(struct conn *conn);

#endif
