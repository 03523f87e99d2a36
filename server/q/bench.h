/* Measuring how fast a queue of its own takes jobs and, with a worker of ours that is started for
 * it, how fast they end. The queue must not exist, and does not afterwards, whatever happens but a
 * kill. Called by cmd_bench.c, which shows what came of it. */
#ifndef Q_BENCH_H
#define Q_BENCH_H

#include "q/bench_load.h"
#include "q/stats.h"
#include "q/worker_child.h"

struct bench_settings {
    struct session_settings common;
    int64_t jobs, size, rate, batch, calls;
    bool has_worker;
    int64_t processes, concurrency;
};

struct bench {
    struct session *session;
    const struct bench_settings *settings;
    const char *queue;
    bool is_dirty; /* there is something to take away */
    struct bench_load load;
    struct worker_child worker;
    struct stats_spread call_us;
    /* --- with a worker --- */
    int64_t failed, finished_ms; /* from the first add to the last end */
    int64_t *waits, *totals;     /* owned; of each job, ms */
    size_t time_count;
    int64_t first_ms, last_ms; /* wall clock */
    struct stats_spread wait, total;
};

/* Fills what is not there yet. The caller calls bench_fini in any case. */
enum ct_code bench_run(struct bench *bench, struct ct_error *err) CT_MUST_CHECK;
void bench_fini(struct bench *bench);

#endif
