/* Looking at Bull's queues, for cartrita-q and the daemon. */
#ifndef CT_DIALECT_BULL_INSPECT_H
#define CT_DIALECT_BULL_INSPECT_H

#include "queue/inspect.h"

extern const struct inspector bull_inspector;

#endif
