/* How many jobs a runner wants to hold: prefetch by time, not by count. Pure arithmetic over the
 * runner's own recent job times; called by leases.c, knows neither clock nor wire.
 *
 * The window is what runs at once plus as many jobs as will be done within PREFETCH_AHEAD_US. It
 * doubles while the runner uses all of it and has idle threads, so that short jobs soon stream; it
 * falls back to what runs at once as soon as a job takes longer than that. */
#ifndef WORKER_PREFETCH_H
#define WORKER_PREFETCH_H

#include <stdbool.h>
#include <stdint.h>

#define PREFETCH_AHEAD_US   4000u /* work that may wait in the runner, by job time */
#define PREFETCH_MAX        1024u /* jobs ahead at the most, however short */
#define PREFETCH_SMOOTH     8u    /* weight of the past: 7 of 8 */
#define PREFETCH_WAIT_MS    25u   /* a job that waited longer for a thread is handed back */
#define PREFETCH_CHANGE_MIN 4u    /* a window that differs by less than a quarter is not sent */

struct prefetch {
    uint32_t at_once; /* jobs that can run at the same time */
    uint64_t job_ns;  /* recent time of a job */
    uint32_t ahead;   /* jobs beyond at_once, now */
};

void prefetch_init(struct prefetch *prefetch, uint32_t at_once);
/* A job ended after run_ns. */
void prefetch_ended(struct prefetch *prefetch, uint64_t run_ns);
/* The window was full and yet a thread had nothing to do: more is useful if jobs are short. */
void prefetch_starved(struct prefetch *prefetch);
/* A job has been waiting behind a long one: back to nothing ahead. */
void prefetch_stuck(struct prefetch *prefetch);
/* Jobs to hold at the most, those that run included. */
uint32_t prefetch_window(const struct prefetch *prefetch);
/* Whether the daemon should hear of `wanted` when it was last told `told` and we hold `held`. */
bool prefetch_is_news(uint32_t told, uint32_t wanted, uint32_t held);

#endif
