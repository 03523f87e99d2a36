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

/* What holds the jobs of a state, a list or a sorted set, without the queue's name. */
const char *bull_state_key(uint32_t state);

/* The list that holds the jobs of a state, without the queue's name; NULL: it is a sorted set. */
const char *bull_state_list(uint32_t state);

/* The states of jobs that nobody works on and that have not completed. */
#define BULL_IDLE_STATES 4
extern const uint32_t bull_idle_states[BULL_IDLE_STATES];

#endif
