/* What there is to see of BullMQ's queues, for cartrita-q and the daemon. */
#ifndef DIALECT_BULLMQ_INSPECT_H
#define DIALECT_BULLMQ_INSPECT_H

#include "queue/inspect.h"

extern const struct inspector bullmq_inspector;

/* Indexes of its states. */
enum bullmq_state {
    BULLMQ_WAITING,
    BULLMQ_PRIORITIZED,
    BULLMQ_ACTIVE,
    BULLMQ_DELAYED,
    BULLMQ_WAITING_CHILDREN,
    BULLMQ_PAUSED, /* the waiting jobs of a queue that a client of 5.x or older has paused */
    BULLMQ_COMPLETED,
    BULLMQ_FAILED,
    BULLMQ_STATE_COUNT
};

#endif
