/* The load of `bench`: jobs that are added to a queue at a rate, or as fast as Redis takes them,
 * several calls under way at a time; and how long each call took. */
#ifndef Q_BENCH_LOAD_H
#define Q_BENCH_LOAD_H

#include "q/worker_child.h"

#define BENCH_NAME      "cartrita-bench" /* of the jobs, and of the queue unless one is named */
#define BENCH_CALLS_MAX 64               /* under way */

struct bench_load {
    /* --- what to do --- */
    struct session *session; /* borrowed; the dialect was found */
    const char *queue;
    int64_t count, size, rate;   /* jobs, bytes of data, jobs a second (0: as fast as it goes) */
    int64_t batch, calls_max;    /* jobs of a call, calls under way */
    struct worker_child *worker; /* borrowed; NULL: none. The load ends when it does */
    /* --- what came of it --- */
    int64_t added, begun_us, ended_us;
    int64_t *call_us; /* owned; of each call */
    size_t call_count;
};

/* CANCELLED when a signal came, SYSTEM when the worker has ended. The caller calls bench_load_fini
 * in any case. */
enum ct_code bench_load_run(struct bench_load *load, struct ct_error *err) CT_MUST_CHECK;
void bench_load_fini(struct bench_load *load);

#endif
