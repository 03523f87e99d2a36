/* A pool at run time: how many runners it should have now, and the slots they live in. Called by
 * generation.c, scale.c and fleet.c; never starts, drains or replaces anything but in pool_turn,
 * which brings what is to what is wanted once a turn of the loop.
 *
 * A slot that is to be replaced (slot_replace: recycled, or the pool is restarted) keeps working
 * while another slot of the pool starts a runner; when that one is ready the old one is retired: it
 * fetches nothing more and ends when its jobs have. One at a time, so that a pool is never more
 * than one runner larger than it should be, those that retire aside. */
#ifndef WORKER_POOL_RUN_H
#define WORKER_POOL_RUN_H

#include "worker/config.h"
#include "worker/slot.h"

/* With as many again that retire. A pool that has them all waits until one of them is down. */
#define POOL_SLOTS_MAX (2u * POOL_PROCESSES_MAX)

struct pool_run {
    const struct pool_config *config;   /* borrowed */
    const struct slot_context *context; /* borrowed */
    /* Owned, each on its own; one that is down and not wanted is free to be used again. */
    struct slot **slots;
    size_t slot_count;
    uint32_t min, max;      /* bounds of `wanted`: the configuration's, until an order moves them */
    uint32_t wanted;        /* runners that should run */
    bool is_ending;         /* no new runner is started any more */
    struct slot *replaced;  /* borrowed; the one in whose place... */
    struct slot *successor; /* ...this one is starting. NULL: none */
    size_t slots_open;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* Starts its runners. */
void pool_run_open(struct pool_run *pool, const struct slot_context *context,
                   const struct pool_config *config);
/* All of its slots are down and it is ending. `closed` may free it. */
void pool_run_close(struct pool_run *pool, void (*closed)(void *ctx), void *ctx);

/* Once a turn after slots have changed, outside of their callbacks. */
void pool_run_turn(struct pool_run *pool);

/* Bounded by min and max. Takes effect with the next turn. */
void pool_run_want(struct pool_run *pool, uint32_t runners);

/* Ends it: within the grace period, with none but the jobs' own, at once. */
void pool_run_drain(struct pool_run *pool);
void pool_run_retire(struct pool_run *pool);
void pool_run_stop(struct pool_run *pool);

/* As many runners are ready as should run. */
bool pool_run_is_ready(const struct pool_run *pool);
bool pool_run_is_down(const struct pool_run *pool);
/* A slot whose plugin is none, when no runner of this pool ever was ready; NULL: there is none. */
const struct slot *pool_run_find_unusable(const struct pool_run *pool);

#endif
