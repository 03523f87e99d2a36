/* Looking at Bull's queues, for cartrita-q and the daemon. */
#ifndef CT_DIALECT_BULL_INSPECT_H
#define CT_DIALECT_BULL_INSPECT_H

#include "queue/inspect.h"

extern const struct inspector bull_inspector;

/* Indexes of its states. */
enum bull_state {
    BULL_WAITING,
    BULL_ACTIVE,
    BULL_DELAYED,
    BULL_PAUSED,
    BULL_COMPLETED,
    BULL_FAILED,
    BULL_STATE_COUNT
};

#endif
