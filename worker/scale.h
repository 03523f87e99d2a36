/* The size of a pool between its minimum and its maximum: one runner more while all threads of all
 * runners are busy, one less when some runner has had nothing to do for a while. It judges by the
 * flight recorders, so it needs no word from the daemon. Called by generation.c once a second. */
#ifndef WORKER_SCALE_H
#define WORKER_SCALE_H

#include "worker/pool_run.h"

#define SCALE_TICK_MS    1000u
#define SCALE_UP_TICKS   2u  /* busy looks in a row, before one is added */
#define SCALE_DOWN_TICKS 30u /* looks in a row with an idle runner, before one goes */

struct scale {
    struct pool_run *pool; /* borrowed */
    unsigned busy_ticks, idle_ticks;
};

/* What one look at a pool saw. */
struct scale_look {
    uint32_t wanted; /* runners that should run */
    uint32_t ready;  /* that do */
    uint32_t busy;   /* of those, with all threads in a job */
    uint32_t idle;   /* of those, with none */
};

/* Pure: what to do now; +1, -1 or 0. */
int scale_decide(struct scale *scale, const struct scale_look *look);
void scale_tick(struct scale *scale);

#endif
