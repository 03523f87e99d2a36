/* See the header. Happy path: the queue is found to be none, a worker starts and shows with a first
 * job that it works, the jobs are added, the last one ends, their times are read; then the worker
 * is stopped and the queue removed. Each of these may fail, or be stopped by a signal: the last two
 * come in any case. */
#include "q/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/program.h"
#include "q/job_put.h"
#include "q/job_text.h"
#include "q/progress.h"
#include "q/queue_change.h"

#define LOOK_MS     50
#define STILL_MS    30000 /* without an end of a job: given up */
#define PATIENCE_MS 20000 /* for the worker to end */

/* --- the worker ------------------------------------------------------------------------------- */

static enum ct_code start_worker(struct bench *bench, struct ct_error *err)
{
    const struct session_settings *common = bench->session->settings;
    char *program = ct_program_beside(WORKER_PROGRAM);
    char *processes = ct_asprintf("--processes=%" PRId64, bench->settings->processes);
    char *concurrency = ct_asprintf("--concurrency=%" PRId64, bench->settings->concurrency);
    char *args[] = {program,
                    "--prefix",
                    (char *)common->prefix,
                    "--queue",
                    (char *)bench->queue,
                    "--plugin=noop",
                    processes,
                    concurrency,
                    "--log-level=warn",
                    "--grace=5s",
                    NULL};
    enum ct_code rc = worker_child_start(&bench->worker, args, common->redis_url, err);

    free(program);
    free(processes);
    free(concurrency);
    return rc;
}

static uint32_t state_index(const struct inspector *inspector, const char *name)
{
    uint32_t i = 0;

    while (i + 1 < inspector->state_count && strcmp(inspector->states[i].name, name) != 0)
        i++;
    return i;
}

/* Waits until so many jobs have ended. */
static enum ct_code await_ends(struct bench *bench, int64_t wanted, const char *what,
                               struct ct_error *err)
{
    const struct inspector *inspector = bench->session->inspector;
    uint32_t completed = state_index(inspector, "completed"),
             failed = state_index(inspector, "failed");
    struct progress progress = {.deed = "finished", .total = wanted};
    int64_t ended = 0, since_ms = ct_monotonic_ms(&ct_clock_system);
    enum ct_code rc = CT_E_OK;

    while (rc == CT_E_OK && ended < wanted) {
        struct inspect_counts counts;
        int64_t before = ended;

        session_sleep(bench->session, LOOK_MS, NULL);
        rc = session_counts(bench->session, bench->queue, &counts, err);
        if (rc == CT_E_OK) {
            bench->failed = counts.jobs[failed];
            ended = counts.jobs[completed] + counts.jobs[failed];
            progress_show(&progress, ended);
            rc = worker_child_check(&bench->worker, err);
        }
        if (rc == CT_E_OK)
            rc = progress_check(err);
        if (ended != before)
            since_ms = ct_monotonic_ms(&ct_clock_system);
        else if (rc == CT_E_OK && ct_monotonic_ms(&ct_clock_system) - since_ms > STILL_MS)
            rc = ct_error_set(err, CT_E_TIMEOUT, "%s: none has ended for %d s", what,
                              STILL_MS / 1000);
    }
    progress_end(&progress);
    return rc;
}

/* A first job, which is not measured, tells when the worker is ready. */
static enum ct_code warm_up(struct bench *bench, struct ct_error *err)
{
    struct job_add job = {.name = CT_STR_LIT("warm-up"),
                          .opts = CT_STR_LIT("{\"jobId\":\"warm-up\"}")};
    enum ct_code rc;

    ct_list_init(&job.link);
    bench->is_dirty = true;
    rc = job_put(bench->session, bench->queue, &job, ct_wall_ms(&ct_clock_system), err);
    job_add_fini(&job);
    if (rc == CT_E_OK)
        rc = await_ends(bench, 1, "the worker's first job", err);
    return rc;
}

static void take_times(void *ctx, const struct inspect_job *job)
{
    struct bench *bench = ctx;
    const struct inspector *inspector = bench->session->inspector;
    int64_t added_ms = job_number(inspector, job, "timestamp");
    int64_t begun_ms = job_number(inspector, job, "processedOn");
    int64_t ended_ms = job_number(inspector, job, "finishedOn");

    if (ct_str_is(job->id, "warm-up") || (int64_t)bench->time_count == bench->load.count)
        return;
    bench->waits[bench->time_count] = begun_ms - added_ms;
    bench->totals[bench->time_count++] = ended_ms - added_ms;
    if (bench->first_ms == 0 || added_ms < bench->first_ms)
        bench->first_ms = added_ms;
    if (ended_ms > bench->last_ms)
        bench->last_ms = ended_ms;
}

static enum ct_code read_times(struct bench *bench, struct ct_error *err)
{
    const struct inspector *inspector = bench->session->inspector;
    struct queue_name name = {bench->session->settings->prefix, bench->queue};
    struct inspect_page page = {.state = state_index(inspector, "completed"),
                                .limit = INSPECT_PAGE_MAX};
    int64_t total = INT64_MAX;
    enum ct_code rc = CT_E_OK;

    bench->waits = ct_alloc((size_t)bench->load.count * sizeof *bench->waits);
    bench->totals = ct_alloc((size_t)bench->load.count * sizeof *bench->totals);
    while (rc == CT_E_OK && page.offset < total) {
        struct redis_reply *reply = NULL;
        struct redis_command command;
        uint32_t count = 0;

        redis_command_init(&command, NULL);
        inspect_build_page(inspector, &name, &page, &command);
        rc = session_call(bench->session, &command, &reply, err);
        if (rc == CT_E_OK)
            rc =
                inspect_parse_page(inspector, &page, reply, take_times, bench, &count, &total, err);
        redis_reply_free(reply);
        page.offset += count;
        if (count == 0)
            break;
        if (rc == CT_E_OK)
            rc = progress_check(err);
    }
    bench->finished_ms = bench->last_ms - bench->first_ms;
    bench->wait = stats_spread_of(bench->waits, bench->time_count);
    bench->total = stats_spread_of(bench->totals, bench->time_count);
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum ct_code check_alone(struct bench *bench, struct ct_error *err)
{
    struct inspect_counts counts;
    enum ct_code rc = session_resolve(bench->session, bench->queue, err);

    if (rc == CT_E_OK && !bench->session->dialect->manager)
        rc = ct_error_set(err, CT_E_UNSUPPORTED, "%s queues cannot be taken away again",
                          bench->session->dialect->name);
    if (rc == CT_E_OK)
        rc = session_counts(bench->session, bench->queue, &counts, err);
    if (rc == CT_E_OK && counts.exists)
        rc = ct_error_set(err, CT_E_CONFLICT,
                          "queue \"%s\" exists: bench wants one of its own, which it removes; if a "
                          "killed bench left it, `cartrita-q queue obliterate` takes it away",
                          bench->queue);
    if (rc == CT_E_OK && bench->settings->has_worker && bench->session->settings->password_file)
        rc = ct_error_set(err, CT_E_USAGE,
                          "--worker: the worker takes its password from the URL, in "
                          "CARTRITA_REDIS_URL, not from --redis-password-file");
    return rc;
}

static enum ct_code measure(struct bench *bench, struct ct_error *err)
{
    bool has_worker = bench->settings->has_worker;
    enum ct_code rc = CT_E_OK;

    if (has_worker)
        rc = start_worker(bench, err);
    if (rc == CT_E_OK && has_worker)
        rc = warm_up(bench, err);
    bench->is_dirty = rc == CT_E_OK || bench->is_dirty;
    if (rc == CT_E_OK)
        rc = bench_load_run(&bench->load, err);
    if (rc == CT_E_OK && has_worker)
        rc = await_ends(bench, bench->load.count + 1, "the worker's jobs", err);
    if (rc == CT_E_OK && has_worker)
        rc = read_times(bench, err);
    bench->call_us = stats_spread_of(bench->load.call_us, bench->load.call_count);
    return rc;
}

/* Also after a signal and after an error, which stays the one that is told. */
static enum ct_code tidy_up(struct bench *bench, enum ct_code rc, struct ct_error *err)
{
    enum manage_erased how_ended = MANAGE_ERASED;
    struct ct_error late = {.code = CT_E_OK};
    int64_t removed;

    progress_forget_signal();
    worker_child_stop(&bench->worker, bench->session, PATIENCE_MS);
    if (!bench->is_dirty)
        return rc;
    if (queue_change_pause(bench->session, bench->queue, true, &late) == CT_E_OK &&
        queue_change_erase(bench->session, bench->queue, MANAGE_ERASE_ALL, 0, &how_ended, &removed,
                           &late) == CT_E_OK &&
        how_ended == MANAGE_ERASED)
        return rc;
    fprintf(stderr, "queue \"%s\" is not removed%s%s\n", bench->queue, late.detail[0] ? ": " : "",
            late.detail);
    if (rc != CT_E_OK)
        return rc;
    *err = late;
    return late.code != CT_E_OK ? late.code : ct_error_set(err, CT_E_CONFLICT, "it is in use");
}

enum ct_code bench_run(struct bench *bench, struct ct_error *err)
{
    const struct bench_settings *settings = bench->settings;
    enum ct_code rc = check_alone(bench, err);

    bench->load = (struct bench_load){
        .session = bench->session,
        .queue = bench->queue,
        .count = settings->jobs,
        .size = settings->size,
        .rate = settings->rate,
        .batch = settings->batch,
        .calls_max = settings->calls,
        .worker = settings->has_worker ? &bench->worker : NULL,
    };
    if (rc != CT_E_OK)
        return rc;
    progress_catch_signals();
    rc = measure(bench, err);
    if (rc == CT_E_CANCELLED)
        ct_error_set(err, rc, "stopped; nothing is left of the queue");
    return tidy_up(bench, rc, err);
}

void bench_fini(struct bench *bench)
{
    bench_load_fini(&bench->load);
    free(bench->waits);
    free(bench->totals);
}
