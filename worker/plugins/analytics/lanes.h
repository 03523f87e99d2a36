/* Jobs of one batch side by side, each on a thread of its own while there are lanes: one that takes
 * minutes must not hold up the others. */
#ifndef LANES_H
#define LANES_H

#include <stdint.h>

#include "cartrita/plugin.h"

#define LANES_MAX 16u

typedef void (*lanes_fn)(void *ctx, struct cartrita_job *job);

/* Calls `run` for each of `count` jobs, `lane_count` (at most LANES_MAX) at once, this thread being
 * one of them; returns when all have returned. */
void lanes_run(lanes_fn run, void *ctx, struct cartrita_job *const *jobs, size_t count,
               uint32_t lane_count);

#endif
