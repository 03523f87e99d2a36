/* The page /metrics of the daemon. METRICS.md explains each figure; a test holds the two together.
 * Written from memory alone: what Redis knows was sampled before. */
#include <string.h>

#include "common/clock.h"
#include "common/metric_process.h"
#include "server/http/daemon_http.h"

/* What labels a queue; its prefix only where it is not the usual one. */
struct queue_labels {
    struct metric_label items[4];
    uint32_t count;
};

static struct queue_labels labels_of(const struct ledger_entry *entry)
{
    struct queue_labels labels = {.count = 1};

    labels.items[0] = (struct metric_label){"queue", ct_str_of(entry->name)};
    if (strcmp(entry->prefix, "bull") != 0)
        labels.items[labels.count++] = (struct metric_label){"prefix", ct_str_of(entry->prefix)};
    return labels;
}

static struct queue_labels labels_with(struct queue_labels labels, const char *name,
                                       const char *value)
{
    labels.items[labels.count++] = (struct metric_label){name, ct_str_of(value)};
    return labels;
}

/* --- the daemon --- */

static void ignore_trouble(void *arg, const char *name, const char *why)
{
}

static void write_daemon(struct ct_buf *page, const struct daemon_http *http)
{
    struct hosts_figures figures;

    hosts_figures(http->hosts, &figures);
    metric_gauge(page, "cartrita_redis_up", "1 while Redis answers.",
                 hosts_redis_is_up(http->hosts));
    metric_counter(page, "cartrita_redis_connects_total",
                   "Connections made to Redis for commands; each after the first is a reconnect.",
                   (double)figures.redis_connects);
    metric_gauge(page, "cartrita_queues", "Queues served now.", figures.queues);
    metric_gauge(page, "cartrita_queues_in_trouble",
                 "Queues whose changes Redis refuses; /readyz names them.",
                 hosts_each_trouble(http->hosts, ignore_trouble, NULL));
    metric_counter(page, "cartrita_queues_uncounted_total",
                   "Openings of queues that have no metrics, for there are LEDGER_MAX others.",
                   (double)hosts_ledger(http->hosts)->refused);
    metric_gauge(page, "cartrita_leases", "Jobs that workers hold by this daemon.",
                 (double)figures.leases);
    metric_gauge(page, "cartrita_prefetch_free",
                 "Jobs that workers would take at once: free places of their windows.",
                 (double)figures.credits);
    metric_gauge(page, "cartrita_event_listeners", "Clients of /api/v1/events.",
                 api_listeners(http->api));
    metric_gauge(page, "cartrita_effects_pending", "Outcomes and notes on their way to Redis.",
                 (double)figures.pending);
}

/* --- queues --- */

typedef void (*entry_fn)(struct ct_buf *page, const char *name, const struct ledger_entry *entry,
                         const struct queue_labels *labels);

static void write_entries(struct ct_buf *page, struct hosts *hosts, const char *name,
                          enum metric_kind kind, const char *help, entry_fn write)
{
    metric_family(page, name, kind, help);
    CT_LIST_FOREACH (node, &hosts_ledger(hosts)->entries) {
        const struct ledger_entry *entry = CT_CONTAINER(node, struct ledger_entry, link);
        const struct queue_labels labels = labels_of(entry);

        write(page, name, entry, &labels);
    }
}

#define COUNTER_OF(field)                                                                          \
    static void write_##field(struct ct_buf *page, const char *name,                               \
                              const struct ledger_entry *entry, const struct queue_labels *labels) \
    {                                                                                              \
        metric_count(page, name, labels->items, labels->count, entry->tally.field);                \
    }
COUNTER_OF(fetched)
COUNTER_OF(adds)
COUNTER_OF(dead)
COUNTER_OF(waits)

#define HISTOGRAM_OF(field, bounds)                                                                \
    static void write_##field(struct ct_buf *page, const char *name,                               \
                              const struct ledger_entry *entry, const struct queue_labels *labels) \
    {                                                                                              \
        metric_histogram(page, name, labels->items, labels->count, &bounds, &entry->tally.field);  \
    }
HISTOGRAM_OF(wait, tally_time_bounds)
HISTOGRAM_OF(run, tally_time_bounds)
HISTOGRAM_OF(commit, tally_commit_bounds)
HISTOGRAM_OF(batch, tally_batch_bounds)

static void write_named(struct ct_buf *page, const char *metric, const struct queue_labels *labels,
                        const char *name, const uint64_t ended[])
{
    const struct queue_labels named = labels_with(*labels, "name", name);

    for (int i = 0; i < TALLY_OUTCOME_COUNT; i++) {
        const struct queue_labels all = labels_with(named, "outcome", tally_outcome_text(i));

        if (ended[i] > 0 || i <= TALLY_FAILED)
            metric_count(page, metric, all.items, all.count, ended[i]);
    }
}

static void write_ended(struct ct_buf *page, const char *metric, const struct ledger_entry *entry,
                        const struct queue_labels *labels)
{
    const struct tally *tally = &entry->tally;
    uint64_t unnamed[TALLY_OUTCOME_COUNT];
    uint64_t unnamed_all = 0;

    for (uint32_t i = 0; i < tally->name_count; i++)
        write_named(page, metric, labels, tally->names[i].name, tally->names[i].ended);
    /* Of jobs that a sweep found dead only the number is known. */
    for (int outcome = 0; outcome < TALLY_OUTCOME_COUNT; outcome++) {
        unnamed[outcome] = tally->ended[outcome];
        for (uint32_t i = 0; i < tally->name_count; i++)
            unnamed[outcome] -= tally->names[i].ended[outcome];
        unnamed_all += unnamed[outcome];
    }
    if (unnamed_all > 0)
        write_named(page, metric, labels, "", unnamed);
}

static void write_states(struct ct_buf *page, const char *name, const struct ledger_entry *entry,
                         const struct queue_labels *labels)
{
    const struct inspector *inspector = entry->dialect->inspector;

    if (!entry->sample.is_known)
        return;
    for (uint32_t i = 0; i < inspector->state_count; i++) {
        const struct queue_labels all = labels_with(*labels, "state", inspector->states[i].name);

        metric_count(page, name, all.items, all.count, (uint64_t)entry->sample.counts.jobs[i]);
    }
}

static void write_paused(struct ct_buf *page, const char *name, const struct ledger_entry *entry,
                         const struct queue_labels *labels)
{
    if (entry->sample.is_known)
        metric_count(page, name, labels->items, labels->count, entry->sample.counts.is_paused);
}

static void write_ready(struct ct_buf *page, const char *name, const struct ledger_entry *entry,
                        const struct queue_labels *labels)
{
    if (entry->sample.is_known)
        metric_count(page, name, labels->items, labels->count,
                     (uint64_t)entry->sample.backlog.waiting);
}

static void write_oldest(struct ct_buf *page, const char *name, const struct ledger_entry *entry,
                         const struct queue_labels *labels)
{
    if (entry->sample.is_known)
        metric_sample(page, name, labels->items, labels->count,
                      (double)entry->sample.backlog.oldest_ms / 1000);
}

static void write_age(struct ct_buf *page, const char *name, const struct ledger_entry *entry,
                      const struct queue_labels *labels)
{
    if (entry->sample.is_known)
        metric_sample(page, name, labels->items, labels->count,
                      (double)(ct_monotonic_ms(&ct_clock_system) - entry->sample.at_ms) / 1000);
}

static void write_wanted(struct ct_buf *page, const char *name, const struct ledger_entry *entry,
                         const struct queue_labels *labels)
{
    if (entry->sample.is_known)
        metric_count(page, name, labels->items, labels->count, entry->scaling.wanted);
}

static const struct {
    const char *name;
    enum metric_kind kind;
    const char *help;
    entry_fn write;
} queue_metrics[] = {
    {"cartrita_queue_jobs", METRIC_GAUGE, "Jobs in each state.", write_states},
    {"cartrita_queue_paused", METRIC_GAUGE, "1 while the queue is paused.", write_paused},
    {"cartrita_queue_ready_jobs", METRIC_GAUGE, "Jobs that wait for a worker.", write_ready},
    {"cartrita_queue_oldest_job_seconds", METRIC_GAUGE,
     "How long the oldest of them waits; 0: none does.", write_oldest},
    {"cartrita_queue_wanted_workers", METRIC_GAUGE,
     "Workers that would keep its jobs from waiting longer than its target.", write_wanted},
    {"cartrita_queue_sample_age_seconds", METRIC_GAUGE,
     "How old the figures above are: Redis was asked so long ago.", write_age},
    {"cartrita_queue_jobs_added_total", METRIC_COUNTER, "Jobs that workers added.", write_adds},
    {"cartrita_queue_jobs_fetched_total", METRIC_COUNTER, "Jobs given to workers.", write_fetched},
    {"cartrita_queue_jobs_ended_total", METRIC_COUNTER,
     "Activations of jobs that ended, by job name and outcome.", write_ended},
    {"cartrita_queue_dead_letters_total", METRIC_COUNTER, "Jobs put into the dead-letter queue.",
     write_dead},
    {"cartrita_queue_waits_total", METRIC_COUNTER, "Blocking waits for a job.", write_waits},
    {"cartrita_queue_wait_seconds", METRIC_HISTOGRAM,
     "From when a job was added or due until its first attempt began.", write_wait},
    {"cartrita_queue_run_seconds", METRIC_HISTOGRAM, "From the begin of an attempt to its outcome.",
     write_run},
    {"cartrita_queue_commit_seconds", METRIC_HISTOGRAM,
     "A commit's way to Redis, its script and the way back.", write_commit},
    {"cartrita_queue_commit_size", METRIC_HISTOGRAM,
     "Jobs fetched and effects written by a commit.", write_batch},
};

void metrics_answer(void *ctx, struct http_request *request)
{
    const struct daemon_http *http = ctx;
    struct ct_buf page;

    ct_buf_init(&page);
    metric_process(&page, "cartrita_build_info", http->started_ms);
    write_daemon(&page, http);
    for (size_t i = 0; i < sizeof queue_metrics / sizeof *queue_metrics; i++)
        write_entries(&page, http->hosts, queue_metrics[i].name, queue_metrics[i].kind,
                      queue_metrics[i].help, queue_metrics[i].write);
    http_answer(request, 200, METRIC_CONTENT_TYPE, ct_buf_str(&page));
    ct_buf_free(&page);
}
