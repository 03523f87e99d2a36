/* Runners that are replaced before anything is wrong, because plugins leak: after so many jobs,
 * over so much memory, after so long. Another runner takes over first, and nobody is charged
 * (slot_replace). The runner counts its jobs and says when they are enough (control.h); memory and
 * age are looked at here, once a second, by limits.c.
 *
 * Runners that were started together are not replaced together: each has a random part of its
 * number or its time taken off. */
#ifndef WORKER_RECYCLE_H
#define WORKER_RECYCLE_H

#include "common/random.h"
#include "worker/supervisor/slot.h"

#define RECYCLE_SPREAD 5u /* at the most a fifth is taken off */

/* `value` less a random part; 0 stays 0, nothing else becomes it. */
uint64_t recycle_spread(const struct ct_random *random, uint64_t value);

void recycle_check(struct slot *slot);

#endif
