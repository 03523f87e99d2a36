/* The supervisor's side of the fleet, over the undertaker's link: reports what its pools are,
 * carries out orders, and asks for the backlogs that pools scale by (proto/PROTOCOL.md, messages
 * 26, 27 and 29 to 31). A daemon that does not know these messages makes no difference: it skips
 * them and says so once. Called by supervisor.c; never touches a runner itself. */
#ifndef WORKER_FLEET_H
#define WORKER_FLEET_H

#include <uv.h>

#include "common/buf.h"
#include "worker/supervisor/generation.h"
#include "worker/supervisor/undertaker.h"

#define FLEET_REPORT_MIN_MS 200u  /* between two reports of changes */
#define FLEET_REPORT_MS     5000u /* without a change */
#define FLEET_BACKLOG_MS    5000u /* a backlog that is older is not known any more */

struct fleet_options {
    uv_loop_t *loop;
    struct undertaker *undertaker; /* borrowed, as all of these */
    const char *worker;            /* UUID */
    /* The generation that serves, or is the last one to end; NULL: there is none. */
    struct generation *(*serving)(void *ctx);
    bool (*is_draining)(void *ctx);
    void (*drain)(void *ctx); /* the whole worker, as on SIGTERM */
    void *ctx;
};

struct fleet {
    struct fleet_options options;
    char host[256];
    int64_t started_ms; /* wall */
    uint64_t reported_ms;
    uint64_t watching; /* number of the generation whose queues are watched; 0: none is */
    uv_timer_t timer;  /* the next report */
    struct ct_buf text;
};

void fleet_open(struct fleet *fleet, const struct fleet_options *options);
/* Before the undertaker's. The memory is free to go when the loop has closed its timer. */
void fleet_close(struct fleet *fleet);

/* Something that a report tells has changed. */
void fleet_changed(struct fleet *fleet);

/* Puts a backlog into the pools that it concerns. For fleet.c and its test. */
void fleet_take_backlog(struct generation *generation, const struct proto_backlog *backlog,
                        uint64_t now_ms);

#endif
