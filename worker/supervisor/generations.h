/* The generations of a worker, oldest first: one that serves; behind it perhaps a newer one that
 * is to take over; before it those whose last jobs still run. Owned by supervisor.c.
 *
 *   reload ──> newest starts ── all its runners are ready ──> the others retire ──> down: freed
 *                 └─ they never are: the older one serves on, and the next reload drops this one */
#ifndef WORKER_GENERATIONS_H
#define WORKER_GENERATIONS_H

#include "worker/supervisor/generation.h"

#define GENERATIONS_ENDING_MAX 8u /* configurations that are replaced, but still have jobs */

struct generations {
    struct ct_list list;
    uint64_t started; /* so many since the start; gives each its number */
};

void generations_init(struct generations *generations);
/* Starts one more; takes `config` over. Drops the newest one if that has not taken over yet: a
 * start that does not succeed must not stand in the way of the configuration that mends it. */
void generations_add(struct generations *generations, const struct slot_context *context,
                     struct worker_config *config);

bool generations_is_empty(const struct generations *generations);
/* Too many still end: no other can be added now. */
bool generations_is_full(const struct generations *generations);
/* There is one. */
struct generation *generations_newest(const struct generations *generations);
/* Not the one that has yet to take over. When all end: the newest; NULL: there is none. */
struct generation *generations_serving(const struct generations *generations);
/* Whether a process is one of their runners. */
bool generations_has(const struct generations *generations, int pid);

/* Once a turn, outside of the slots' callbacks: what is replaced retires, what is down goes. With
 * `is_stopping` all of them drain. */
void generations_turn(struct generations *generations, bool is_stopping);
/* generation.h, for each of them. */
void generations_watch(struct generations *generations);
void generations_look(struct generations *generations, uint64_t now_ms);
void generations_stop(struct generations *generations);

#endif
