/* The supervisor's own look at its runners, from outside: a runner whose loop hangs cannot enforce
 * its jobs' time limits, and none counts its own memory and the processes below it. Called by
 * generation.c. */
#ifndef WORKER_LIMITS_H
#define WORKER_LIMITS_H

#include <stdint.h>

#include "worker/supervisor/slot.h"

#define LIMITS_CHECK_MS 250u
#define LIMITS_TIME_MS  1000u /* between two looks at the time, which need not be so close */
#define LIMITS_EXTRA_MS 5000u /* beyond deadline and cancel grace, before the runner is ended */

/* The largest amount of memory that any job of a pool may have a runner use, in bytes; 0: any. */
uint64_t limits_memory_most(const struct pool_config *pool);

/* Ends a runner that is over a limit. */
void limits_check(struct slot *slot, uint64_t now_ms);

#endif
