/* The page /metrics of a worker; worker/METRICS.md explains each figure, and a test holds the two
 * together. Runners are looked at once a second (pool_look.c): here is only what that found. */
#include <string.h>

#include "common/metric_process.h"
#include "worker/supervisor/show.h"

static const char *const slot_states[] = {"down", "starting", "ready", "draining", "dying"};

#define SLOT_STATE_COUNT (sizeof slot_states / sizeof *slot_states)

typedef void (*pool_fn)(struct ct_buf *page, const char *name, const struct pool_run *pool,
                        struct metric_label *labels);

/* `labels` has the pool, and room for one more. */
static void write_pools(struct ct_buf *page, const struct generation *generation, const char *name,
                        enum metric_kind kind, const char *help, pool_fn write)
{
    metric_family(page, name, kind, help);
    for (size_t i = 0; generation && i < generation->config.pool_count; i++) {
        const struct pool_run *pool = &generation->pools[i];
        struct metric_label labels[2] = {{"pool", ct_str_of(pool->config->name)}};

        write(page, name, pool, labels);
    }
}

static void write_runners(struct ct_buf *page, const char *name, const struct pool_run *pool,
                          struct metric_label *labels)
{
    uint64_t counts[SLOT_STATE_COUNT] = {0};

    for (size_t i = 0; i < pool->slot_count; i++)
        if (pool->slots[i]->is_wanted || pool->slots[i]->state != SLOT_DOWN)
            counts[pool->slots[i]->state]++;
    for (size_t i = 0; i < SLOT_STATE_COUNT; i++) {
        labels[1] = (struct metric_label){"state", ct_str_of(slot_states[i])};
        metric_count(page, name, labels, 2, counts[i]);
    }
}

static void write_wanted(struct ct_buf *page, const char *name, const struct pool_run *pool,
                         struct metric_label *labels)
{
    metric_count(page, name, labels, 1, pool->is_stopped ? 0 : pool->wanted);
}

static void write_jobs(struct ct_buf *page, const char *name, const struct pool_run *pool,
                       struct metric_label *labels)
{
    uint64_t jobs = 0;

    for (size_t i = 0; i < pool->slot_count; i++)
        jobs += pool->slots[i]->state != SLOT_DOWN ? pool->slots[i]->jobs : 0;
    metric_count(page, name, labels, 1, jobs);
}

static void write_memory(struct ct_buf *page, const char *name, const struct pool_run *pool,
                         struct metric_label *labels)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < pool->slot_count; i++)
        bytes += pool->slots[i]->state != SLOT_DOWN ? pool->slots[i]->memory_bytes : 0;
    metric_count(page, name, labels, 1, bytes);
}

static void write_restarts(struct ct_buf *page, const char *name, const struct pool_run *pool,
                           struct metric_label *labels)
{
    for (int cause = 0; cause < SLOT_CAUSE_COUNT; cause++) {
        uint64_t deaths = 0;

        for (size_t i = 0; i < pool->slot_count; i++)
            deaths += pool->slots[i]->deaths_by[cause];
        labels[1] = (struct metric_label){"cause", ct_str_of(slot_cause_text(cause))};
        metric_count(page, name, labels, 2, deaths);
    }
}

static void write_looping(struct ct_buf *page, const char *name, const struct pool_run *pool,
                          struct metric_label *labels)
{
    metric_count(page, name, labels, 1, pool->is_looping);
}

static const struct {
    const char *name;
    enum metric_kind kind;
    const char *help;
    pool_fn write;
} pool_metrics[] = {
    {"cartrita_worker_runners", METRIC_GAUGE, "Runners in each state.", write_runners},
    {"cartrita_worker_runners_wanted", METRIC_GAUGE, "Runners that should run.", write_wanted},
    {"cartrita_worker_jobs_running", METRIC_GAUGE, "Jobs that runners are at.", write_jobs},
    {"cartrita_worker_memory_bytes", METRIC_GAUGE,
     "Resident memory of the runners and all processes below them.", write_memory},
    {"cartrita_worker_restarts_total", METRIC_COUNTER, "Runners that failed, by cause.",
     write_restarts},
    {"cartrita_worker_crash_loop", METRIC_GAUGE, "1 while a runner keeps dying.", write_looping},
};

void show_metrics(void *ctx, struct http_request *request)
{
    const struct show *show = ctx;
    const struct generation *serving = generations_serving(show->generations);
    struct ct_buf page;

    ct_buf_init(&page);
    metric_process(&page, "cartrita_worker_build_info", show->started_ms);
    metric_gauge(&page, "cartrita_worker_daemon_up", "1 while the daemon can be reached.",
                 undertaker_is_up(show->undertaker));
    for (size_t i = 0; i < sizeof pool_metrics / sizeof *pool_metrics; i++)
        write_pools(&page, serving, pool_metrics[i].name, pool_metrics[i].kind,
                    pool_metrics[i].help, pool_metrics[i].write);
    http_answer(request, 200, METRIC_CONTENT_TYPE, ct_buf_str(&page));
    ct_buf_free(&page);
}
