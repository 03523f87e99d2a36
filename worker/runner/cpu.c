/* CPU time of running jobs, on the runner's loop: a job that has used more than its limit is told
 * to stop as at its time limit, and its runner is replaced if it does not (deadlines.c).
 *
 * Counted is the clock of the thread that runs the job, from the first look that finds it there, so
 * up to CPU_LOOK_MS less than it really used; jobs of one batch share a thread and are charged
 * alike. Where the runner has one job at a time, what the processes below it use is the job's, too;
 * with several at once nobody can tell whose it is. A loop that hangs counts nothing: the time
 * limit holds then. Nothing is done for a job but at a look. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/mem.h"
#include "worker/runner/leases.h"
#include "worker/watch/tree.h"

#define CPU_LOOK_MS 100u

/* Of the processes below us, those that have ended included. */
static uint64_t cpu_of_children_ns(void)
{
    static struct tree tree; /* large; only the loop's thread comes here */
    struct rusage ended;
    uint64_t sum_ns = 0;

    if (getrusage(RUSAGE_CHILDREN, &ended) == 0)
        sum_ns = (uint64_t)(ended.ru_utime.tv_sec + ended.ru_stime.tv_sec) * 1000000000u +
                 (uint64_t)(ended.ru_utime.tv_usec + ended.ru_stime.tv_usec) * 1000u;
    tree_read(&tree, getpid(), TREE_MAX);
    return sum_ns + tree_cpu_ms(&tree) * 1000000u;
}

static void cpu_look_at(struct leases *leases, struct cartrita_job *job)
{
    struct threads *threads = leases->options.threads;
    uint64_t now_ns = threads_cpu_ns(threads, job->entry);
    uint64_t max_ns = (uint64_t)job->limits->cpu_max_ms * 1000000u;

    if (threads_at_once(threads) == 1)
        now_ns += cpu_of_children_ns();
    if (!job->has_cpu_base) {
        job->has_cpu_base = true;
        job->cpu_base_ns = now_ns;
    }
    if (now_ns < job->cpu_base_ns || now_ns - job->cpu_base_ns < max_ns)
        return;
    deadlines_over(leases, job,
                   ct_asprintf("used %" PRIu64 " ms of CPU time, limit %" PRIi64 " ms (cpu-max)",
                               (now_ns - job->cpu_base_ns) / 1000000u, job->limits->cpu_max_ms));
}

static void cpu_due(uv_timer_t *timer)
{
    struct leases *leases = timer->data;
    bool has_any = false;

    CT_LIST_FOREACH (node, &leases->held) {
        struct cartrita_job *job = CT_CONTAINER(node, struct cartrita_job, link);

        if (job->limits->cpu_max_ms == 0)
            continue;
        has_any = true;
        if (!job->limit_reason && !job->cancelled &&
            atomic_load_explicit(&job->phase, memory_order_acquire) == JOB_RUNNING)
            cpu_look_at(leases, job);
    }
    if (!has_any)
        uv_timer_stop(timer);
    leases_settle(leases);
}

void cpu_expect(struct leases *leases)
{
    if (uv_is_active((uv_handle_t *)&leases->cpu))
        return;
    for (size_t i = 0; i < leases->options.limit_count; i++)
        if (leases->options.limits[i].cpu_max_ms)
            uv_timer_start(&leases->cpu, cpu_due, CPU_LOOK_MS, CPU_LOOK_MS);
}
