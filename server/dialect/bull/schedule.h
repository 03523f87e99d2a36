/* Series of Bull's repeatable jobs, for cartrita-q. */
#ifndef CT_DIALECT_BULL_SCHEDULE_H
#define CT_DIALECT_BULL_SCHEDULE_H

#include "queue/schedule.h"

extern const struct scheduler bull_scheduler;

#endif
