/* The size of a pool between its minimum and its maximum.
 *
 * With scale-backlog or scale-age, while the daemon tells how much waits: as many runners as the
 * backlog justifies, at once, and one more for as long as the oldest job waits too long. Else, and
 * whenever the daemon does not tell: one more while all threads of all runners are busy, judged by
 * the flight recorders. In both cases one less when some runner has had nothing to do for a while
 * and the backlog does not need it. Called by generation.c once a second. */
#ifndef WORKER_SCALE_H
#define WORKER_SCALE_H

#include "worker/supervisor/pool_run.h"

#define SCALE_UP_TICKS   2u  /* looks in a row that want more, before there are more */
#define SCALE_AGE_TICKS  5u  /* between two that are added for age: what is new has to help first */
#define SCALE_DOWN_TICKS 30u /* looks in a row with an idle runner, before one goes */

struct scale {
    struct pool_run *pool; /* borrowed */
    unsigned up_ticks, age_ticks, idle_ticks;
};

/* What one look at a pool saw, and by which rules it is judged. */
struct scale_look {
    uint32_t wanted;   /* runners that should run */
    uint32_t min, max; /* their bounds */
    struct pool_look runners;
    bool has_backlog; /* and these are known: */
    uint64_t waiting, oldest_ms;
    uint64_t jobs_each;  /* waiting jobs that justify one runner; 0: that is no reason */
    uint64_t age_max_ms; /* a job may wait so long; 0: as long as it has to */
};

/* Pure: how many runners should run now. */
uint32_t scale_decide(struct scale *scale, const struct scale_look *look, const char **why);
void scale_tick(struct scale *scale, const struct pool_look *look, uint64_t now_ms);
/* Whether the daemon should be asked how much waits in its queues. */
bool scale_wants_backlog(const struct pool_config *config);

#endif
