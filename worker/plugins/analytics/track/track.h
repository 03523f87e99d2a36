/* Events of jobs into the table `events`, those of many jobs in one transaction, each job exactly
 * once however often it runs. */
#ifndef TRACK_TRACK_H
#define TRACK_TRACK_H

#include "analytics.h"

/* Ends each of the jobs. */
void track_run(struct analytics *analytics, struct cartrita_job *const *jobs, size_t count);

#endif
