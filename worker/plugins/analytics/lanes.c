/* Lanes. See lanes.h. A thread that cannot be had is no error: the others do its jobs. */
#include "lanes.h"

#include <pthread.h>
#include <stdatomic.h>

struct lanes {
    lanes_fn run;
    void *ctx;
    struct cartrita_job *const *jobs;
    size_t count;
    atomic_size_t next;
};

static void *lanes_main(void *arg)
{
    struct lanes *lanes = arg;
    size_t i;

    while ((i = atomic_fetch_add(&lanes->next, 1)) < lanes->count)
        lanes->run(lanes->ctx, lanes->jobs[i]);
    return NULL;
}

void lanes_run(lanes_fn run, void *ctx, struct cartrita_job *const *jobs, size_t count,
               uint32_t lane_count)
{
    struct lanes lanes = {.run = run, .ctx = ctx, .jobs = jobs, .count = count};
    pthread_t threads[LANES_MAX];
    size_t wanted = lane_count < LANES_MAX ? lane_count : LANES_MAX;
    size_t started = 0;

    if (wanted > count)
        wanted = count;
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, lanes_main, &lanes) == 0)
        started++;
    lanes_main(&lanes);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}
