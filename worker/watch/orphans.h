/* Nothing that a job started outlives its runner. A runner adopts what its descendants leave behind
 * (reaper.h), and when it dies the supervisor inherits all of it: every child of the supervisor
 * that is none of its own is such an orphan. It is killed with everything below it, again and again
 * until none is left, a few rounds a turn of the loop; and it is reaped.
 *
 * Owned by supervisor.c. Kills nothing that was there before us (a program may have children and
 * then exec a worker), and nothing that `is_ours` knows. */
#ifndef WORKER_ORPHANS_H
#define WORKER_ORPHANS_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include "worker/watch/tree.h"

#define ORPHANS_ROUNDS      4u    /* in one turn of the loop */
#define ORPHANS_AGAIN_MS    10u   /* until the next, while some are left */
#define ORPHANS_SLOW_MS     1000u /* the same, once they have proved hard to kill */
#define ORPHANS_PATIENCE_MS 3000u /* then one is named in the log */
#define ORPHANS_BELOW_MAX   256u  /* killed below one orphan, in one round */
#define ORPHANS_EARLIER_MAX 1024u /* children that were there before us */

struct orphans {
    uv_timer_t timer;
    bool (*is_ours)(void *ctx, pid_t pid);
    void *ctx;
    struct tree tree;     /* scratch */
    struct tree children; /* scratch */
    pid_t earlier[ORPHANS_EARLIER_MAX];
    size_t earlier_count;
    uint64_t since_ms; /* there have been some for so long; 0: there are none */
    size_t killed;     /* since then; one may be counted in several rounds */
    pid_t last;        /* the one found last */
    bool is_told;
};

/* Makes this process the heir of its descendants. Before its first child is started. */
void orphans_open(struct orphans *orphans, uv_loop_t *loop, bool (*is_ours)(void *ctx, pid_t pid),
                  void *ctx);
/* A runner is dead, or some time has passed: looks, and goes on looking while some are left. */
void orphans_sweep(struct orphans *orphans);
/* Waits until none is left, for ORPHANS_PATIENCE_MS at the most. After the loop's end. */
void orphans_finish(struct orphans *orphans);
void orphans_close(struct orphans *orphans);

#endif
