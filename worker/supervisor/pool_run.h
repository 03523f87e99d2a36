/* A pool at run time: how many runners it should have now, and the slots they live in. Called by
 * generation.c, scale.c and orders.c; never starts, drains or replaces anything but in pool_turn,
 * which brings what is to what is wanted once a turn of the loop.
 *
 * A slot that is to be replaced (slot_replace: recycled, or the pool is restarted) keeps working
 * while another slot of the pool starts a runner; when that one is ready the old one is retired: it
 * fetches nothing more and ends when its jobs have. One is replaced at a time, and only while fewer
 * retire than should run, so that a pool never has more than twice the runners that it should. */
#ifndef WORKER_POOL_RUN_H
#define WORKER_POOL_RUN_H

#include "worker/config/config.h"
#include "worker/supervisor/slot.h"

/* With as many again that retire. A pool that has them all waits until one of them is down. */
#define POOL_SLOTS_MAX (2u * POOL_PROCESSES_MAX)

/* How much of one of its queues waits, as the daemon last said. */
struct pool_backlog {
    uint64_t waiting, oldest_ms;
    uint64_t told_ms; /* the loop's time; 0: never */
};

/* What one look at its runners saw. */
struct pool_look {
    uint32_t ready; /* that should run, and do */
    uint32_t busy;  /* of those, with all threads in a job */
    uint32_t idle;  /* of those, with none */
};

struct pool_run {
    const struct pool_config *config;   /* borrowed */
    const struct slot_context *context; /* borrowed */
    /* Owned, each on its own; one that is down and not wanted is free to be used again. */
    struct slot **slots;
    size_t slot_count;
    uint32_t min, max; /* bounds of `wanted`: the configuration's, until an order moves them */
    uint32_t wanted;   /* runners that should run */
    bool is_ending;    /* no new runner is started any more */
    bool is_stopped;   /* by order: none should run, whatever is wanted */
    bool is_paused;    /* by order: they run and take no jobs */
    bool is_looping;   /* a runner keeps dying; was logged */
    char plugin[160];  /* NAME VERSION, as the last runner that was ready said; or empty */
    struct pool_backlog *backlogs; /* owned; one a queue */
    struct slot *replaced;         /* borrowed; the one in whose place... */
    struct slot *successor;        /* ...this one is starting. NULL: none */
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

/* Once a second: what its runners do, for scale.c and reports, and whether they keep dying. */
void pool_run_look(struct pool_run *pool, struct pool_look *out);

/* Each takes effect with the next turn. `set` moves min and max; a fixed size stays one. */
void pool_run_want(struct pool_run *pool, uint32_t runners); /* between min and max */
void pool_run_set(struct pool_run *pool, uint32_t runners);
void pool_run_pause(struct pool_run *pool, bool is_paused);
void pool_run_halt(struct pool_run *pool, bool is_stopped); /* or starts it again */
void pool_run_restart(struct pool_run *pool, const char *why);

/* In the words of PROTOCOL.md. */
const char *pool_run_state(const struct pool_run *pool);

/* Ends it: within the grace period, with none but the jobs' own, at once. */
void pool_run_drain(struct pool_run *pool);
void pool_run_retire(struct pool_run *pool);
void pool_run_stop(struct pool_run *pool);

/* Runners that should run, and do. */
uint32_t pool_run_ready_count(const struct pool_run *pool);
/* As many as should run. */
bool pool_run_is_ready(const struct pool_run *pool);
/* A runner was ready once, or it is known that none will be soon. */
bool pool_run_is_settled(const struct pool_run *pool);
bool pool_run_is_down(const struct pool_run *pool);
/* A slot whose plugin is none, when no runner of this pool ever was ready; NULL: there is none. */
const struct slot *pool_run_find_unusable(const struct pool_run *pool);

#endif
