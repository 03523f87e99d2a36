/* Broken state in a queue: what is told of it. Finding and repairing it is dialect/shared/doctor.h,
 * by the table of the queue's dialect. Called by `cartrita-q doctor`. */
#ifndef CT_QUEUE_DOCTOR_H
#define CT_QUEUE_DOCTOR_H

#include "queue/dialect.h"

struct illness {
    const char *name;    /* stable, for programs */
    const char *meaning; /* what it leads to */
    const char *cure;    /* what a repair does; NULL: nothing can be done by a program */
};

/* `id`: of a job, or a key without what all keys of the queue begin with. `detail` may be absent.
 * Both are borrowed. */
typedef void (*finding_fn)(void *ctx, const struct illness *illness, struct ct_str id,
                           struct ct_str detail);

enum repair_result {
    REPAIR_DONE,
    REPAIR_HEALTHY, /* it is not broken any more: nothing was done */
    REPAIR_MORE,    /* a part was done: call again */
};

#endif
