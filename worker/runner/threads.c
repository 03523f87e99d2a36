/* Job threads and batches. See threads.h.
 *
 * One lock, one list, one condition. A thread that has a job does not wait for anything: it takes
 * the next one from the list without being woken. Of the threads that sleep one at a time is woken,
 * and it wakes the next before it begins its job, if jobs still wait by then. So long jobs spread
 * over all threads within microseconds each, and a burst of short ones is done by the few threads
 * that are awake before the others would have been: a wake-up costs more than such a job. */
#include "worker/runner/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/runner/cache.h"
#include "worker/runner/crash.h"
#include "worker/runner/job_temp.h"

#define THREADS_FOREVER UINT64_MAX

struct thread {
    struct threads *threads;     /* borrowed */
    size_t index;                /* first entry in the recorder: index * batch_max */
    struct cartrita_job **batch; /* owned; batch_max places */
    pthread_t id;
};

struct threads {
    struct threads_options options;
    uint32_t batch_max;
    uint32_t batch_wait_ms;
    pthread_mutex_t lock;
    pthread_cond_t work;  /* monotonic clock */
    struct ct_list ready; /* cartrita_job.ready */
    atomic_size_t ready_count;
    size_t idle;    /* threads that wait on `work` */
    bool is_waking; /* one of them has been woken and has not come back yet */
    size_t started; /* threads that exist */
    bool is_stopping;
    struct thread *list; /* owned; concurrency places */
};

struct outbox *threads_outbox(struct threads *threads)
{
    return threads->options.outbox;
}

struct recorder *threads_recorder(struct threads *threads)
{
    return threads->options.recorder;
}

const char *threads_temp_dir(const struct threads *threads)
{
    return threads->options.temp_dir;
}

const struct cartrita_plugin *threads_plugin(const struct threads *threads)
{
    return threads->options.plugin;
}

uint32_t threads_at_once(const struct threads *threads)
{
    return threads->options.concurrency * threads->batch_max;
}

size_t threads_ready_count(const struct threads *threads)
{
    return atomic_load_explicit(&threads->ready_count, memory_order_relaxed);
}

struct threads *threads_new(const struct threads_options *options)
{
    struct threads *threads = ct_zalloc(sizeof *threads);
    pthread_condattr_t attributes;

    ct_assert(options->concurrency > 0);
    ct_assert(options->concurrency <= THREADS_MAX);
    threads->options = *options;
    threads->batch_max = options->plugin->batch_max > 1 ? options->plugin->batch_max : 1;
    threads->batch_wait_ms = options->plugin->batch_wait_ms;
    pthread_mutex_init(&threads->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&threads->work, &attributes);
    pthread_condattr_destroy(&attributes);
    ct_list_init(&threads->ready);
    threads->list = ct_zalloc(options->concurrency * sizeof *threads->list);
    for (size_t i = 0; i < options->concurrency; i++) {
        threads->list[i].threads = threads;
        threads->list[i].index = i;
        threads->list[i].batch = ct_alloc(threads->batch_max * sizeof(struct cartrita_job *));
    }
    return threads;
}

/* Under the lock. */
static size_t threads_take(struct threads *threads, struct cartrita_job **batch, size_t max)
{
    size_t count = 0;

    while (count < max && !ct_list_is_empty(&threads->ready)) {
        struct ct_list *first = threads->ready.next;

        ct_list_remove(first);
        batch[count++] = CT_CONTAINER(first, struct cartrita_job, ready);
    }
    if (count)
        atomic_fetch_sub_explicit(&threads->ready_count, count, memory_order_relaxed);
    return count;
}

/* Under the lock. False: until_ms is over. */
static bool threads_wait_until(struct threads *threads, uint64_t until_ms)
{
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    int rc;

    threads->idle++;
    if (until_ms == THREADS_FOREVER)
        rc = pthread_cond_wait(&threads->work, &threads->lock);
    else
        rc = pthread_cond_timedwait(&threads->work, &threads->lock, &until);
    threads->idle--;
    threads->is_waking = false; /* whatever woke us: we look at the list now */
    return rc != ETIMEDOUT;
}

/* Under the lock: whether a sleeping thread is to be signalled, by the caller, behind the lock. */
static bool threads_should_wake(struct threads *threads)
{
    if (threads->is_waking || threads->idle == 0 || ct_list_is_empty(&threads->ready))
        return false;
    threads->is_waking = true;
    return true;
}

/* Under the lock: more jobs for a batch that has `count` of them. */
static size_t threads_fill(struct threads *threads, struct cartrita_job **batch, size_t count)
{
    uint64_t until_ms = job_now_ms() + threads->batch_wait_ms;
    bool has_time = true;

    while (count < threads->batch_max && has_time && !threads->is_stopping) {
        has_time = threads_wait_until(threads, until_ms);
        count += threads_take(threads, batch + count, threads->batch_max - count);
    }
    return count;
}

uint64_t threads_cpu_ns(const struct threads *threads, size_t entry)
{
    size_t index = entry / threads->batch_max;
    struct timespec used;
    clockid_t clock;

    if (index >= threads->started || pthread_getcpuclockid(threads->list[index].id, &clock) != 0 ||
        clock_gettime(clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* The next jobs to run; 0: the thread is to end. */
static size_t threads_next(struct threads *threads, struct cartrita_job **batch)
{
    size_t count = 0;
    bool wake;

    pthread_mutex_lock(&threads->lock);
    while (count == 0) {
        count = threads_take(threads, batch, threads->batch_max);
        if (count == 0 && threads->is_stopping)
            break;
        if (count == 0)
            threads_wait_until(threads, THREADS_FOREVER);
        else if (count < threads->batch_max && threads->batch_wait_ms > 0)
            count = threads_fill(threads, batch, count);
    }
    wake = threads_should_wake(threads);
    pthread_mutex_unlock(&threads->lock);
    if (wake)
        pthread_cond_signal(&threads->work);
    return count;
}

static void thread_begin(struct thread *thread, size_t count)
{
    struct threads *threads = thread->threads;
    uint64_t now_ns = uv_hrtime();
    uint64_t now_ms = now_ns / 1000000u;

    for (size_t i = 0; i < count; i++) {
        struct cartrita_job *job = thread->batch[i];
        uint64_t deadline_ms = job->timeout_ms ? now_ms + job->timeout_ms : 0;

        job->started_ns = now_ns;
        job->entry = thread->index * threads->batch_max + i;
        atomic_store_explicit(&job->deadline_ms, deadline_ms, memory_order_relaxed);
        recorder_start(threads->options.recorder, job->entry,
                       &(struct recorder_start){.queue = job->queue_index,
                                                .attempt = job->attempts_made + 1,
                                                .limits = job->limits_index,
                                                .id = job->id,
                                                .since_ms = now_ms,
                                                .deadline_ms = deadline_ms});
        atomic_store_explicit(&job->phase, JOB_RUNNING, memory_order_release);
    }
    crash_blame(thread->index * threads->batch_max, count);
}

static void thread_end(struct thread *thread, size_t count)
{
    struct threads *threads = thread->threads;

    crash_blame(0, 0);
    for (size_t i = 0; i < count; i++) {
        struct cartrita_job *job = thread->batch[i];

        if (job_claim(job, JOB_RUNNING)) {
            char *reason =
                ct_asprintf("plugin %s returned without ending job", threads->options.plugin->name);

            job_outcome_fail_reason(job, reason);
            free(reason);
            job->ended_ns = uv_hrtime();
            outbox_push(threads->options.outbox, &job->end, true);
        }
        recorder_stop(threads->options.recorder, job->entry);
        job_temp_remove(job); /* behind the line above: it may take longer than the job had */
        job_unref(job);
    }
}

/* Jobs with a result of before end here and go behind the others. Returns how many are to run. */
static size_t thread_answer(struct thread *thread, size_t count)
{
    struct threads *threads = thread->threads;
    size_t left = count;

    for (size_t i = 0; i < left && threads->options.cache;) {
        struct cartrita_job *job = thread->batch[i];

        if (!cache_answer(threads->options.cache, job)) {
            i++;
            continue;
        }
        recorder_stop(threads->options.recorder, job->entry); /* a crash is not its doing */
        memmove(&thread->batch[i], &thread->batch[i + 1], (left - i - 1) * sizeof job);
        thread->batch[--left] = job;
    }
    return left;
}

static void *thread_main(void *arg)
{
    struct thread *thread = arg;
    struct threads *threads = thread->threads;
    struct crash_stack stack;
    size_t count;

    crash_thread_open(&stack);
    while ((count = threads_next(threads, thread->batch)) > 0) {
        size_t to_run;

        thread_begin(thread, count);
        to_run = thread_answer(thread, count);
        if (to_run > 0)
            threads->options.plugin->run(threads->options.self, thread->batch, to_run);
        thread_end(thread, count);
    }
    crash_thread_close(&stack);
    return NULL;
}

/* Under the lock. A thread that cannot be had is not fatal while there is another. */
static void threads_start_one(struct threads *threads)
{
    struct thread *thread = &threads->list[threads->started];
    pthread_attr_t attributes;
    int rc;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREADS_STACK_BYTES);
    rc = pthread_create(&thread->id, &attributes, thread_main, thread);
    pthread_attr_destroy(&attributes);
    if (rc == 0) {
        threads->started++;
        return;
    }
    ct_log_error("job thread cannot be started", CT_STR("error", strerror(rc)),
                 CT_INT("threads", threads->started));
    ct_assert(threads->started > 0);
}

void threads_push(struct threads *threads, struct ct_list *jobs)
{
    size_t count = 0, waiting;
    bool wake;

    CT_LIST_FOREACH (node, jobs) {
        job_ref(CT_CONTAINER(node, struct cartrita_job, ready));
        count++;
    }
    pthread_mutex_lock(&threads->lock);
    ct_list_append(&threads->ready, jobs);
    ct_list_init(jobs);
    waiting = atomic_fetch_add_explicit(&threads->ready_count, count, memory_order_relaxed) + count;
    for (size_t i = threads->idle; i < waiting && threads->started < threads->options.concurrency;
         i++)
        threads_start_one(threads);
    wake = threads_should_wake(threads);
    pthread_mutex_unlock(&threads->lock);
    if (wake)
        pthread_cond_signal(&threads->work);
}

size_t threads_take_back(struct threads *threads, uint64_t before_ms, struct ct_list *out)
{
    size_t count = 0;

    pthread_mutex_lock(&threads->lock);
    CT_LIST_FOREACH_SAFE (node, following, &threads->ready) {
        struct cartrita_job *job = CT_CONTAINER(node, struct cartrita_job, ready);

        if (job->arrived_ms > before_ms)
            continue;
        ct_list_remove(node);
        ct_list_push_back(out, node);
        count++;
    }
    atomic_fetch_sub_explicit(&threads->ready_count, count, memory_order_relaxed);
    pthread_mutex_unlock(&threads->lock);
    CT_LIST_FOREACH (node, out)
        job_unref(CT_CONTAINER(node, struct cartrita_job, ready)); /* the caller holds its own */
    return count;
}

bool threads_take_back_one(struct threads *threads, struct cartrita_job *job)
{
    bool is_waiting;

    pthread_mutex_lock(&threads->lock);
    is_waiting = !ct_list_is_empty(&job->ready);
    if (is_waiting) {
        ct_list_remove(&job->ready);
        atomic_fetch_sub_explicit(&threads->ready_count, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&threads->lock);
    if (is_waiting)
        job_unref(job);
    return is_waiting;
}

void threads_stop(struct threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    threads->is_stopping = true;
    pthread_cond_broadcast(&threads->work);
    pthread_mutex_unlock(&threads->lock);
    for (size_t i = 0; i < threads->started; i++)
        pthread_join(threads->list[i].id, NULL);
    threads->started = 0;
}

void threads_free(struct threads *threads)
{
    for (size_t i = 0; i < threads->options.concurrency; i++)
        free(threads->list[i].batch);
    free(threads->list);
    pthread_cond_destroy(&threads->work);
    pthread_mutex_destroy(&threads->lock);
    free(threads);
}
