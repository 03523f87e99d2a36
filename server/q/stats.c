/* See the header. The backlog's future is that of its past: what waits less now than before the
 * span will be gone at that pace. */
#include "q/stats.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"

void stats_fini(struct stats *stats)
{
    free(stats->name);
    redis_reply_free(stats->memory_reply);
    *stats = (struct stats){0};
}

static enum ct_code read_backlog(struct stats *stats, struct session *session, struct ct_error *err)
{
    const struct queue_name name = {session->settings->prefix, stats->name};
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    inspect_build_backlog(session->inspector, &name, ct_wall_ms(&ct_clock_system), &command);
    rc = session_call(session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = inspect_parse_backlog(reply, &stats->backlog, err);
    redis_reply_free(reply);
    return rc;
}

enum ct_code stats_begin(struct stats *stats, struct session *session, struct ct_error *err)
{
    session_use(session, stats->dialect);
    enum ct_code rc = session_counts(session, stats->name, &stats->before, err);

    return rc == CT_E_OK ? read_backlog(stats, session, err) : rc;
}

static void judge(struct stats *stats, int64_t waiting_before)
{
    int64_t waiting = stats->backlog.waiting, gone = waiting_before - waiting;

    if (stats->counts.is_paused)
        stats->trend = STATS_HELD;
    else if (waiting == 0)
        stats->trend = STATS_EMPTY;
    else if (gone > 0)
        stats->trend = STATS_SHRINKING;
    else
        stats->trend = gone < 0 ? STATS_GROWING : STATS_STEADY;
    if (stats->trend == STATS_SHRINKING)
        stats->forecast_ms = (int64_t)((double)waiting * (double)stats->span_ms / (double)gone);
}

enum ct_code stats_finish(struct stats *stats, struct session *session, int64_t span_ms,
                          struct ct_error *err)
{
    int64_t waiting_before = stats->backlog.waiting;

    session_use(session, stats->dialect);
    enum ct_code rc = session_counts(session, stats->name, &stats->counts, err);

    stats->span_ms = span_ms;
    if (rc == CT_E_OK)
        rc = read_backlog(stats, session, err);
    if (rc == CT_E_OK)
        judge(stats, waiting_before);
    return rc;
}

/* --- times ---------------------------------------------------------------------------------- */

struct times {
    int64_t *waits, *runs; /* owned */
    size_t wait_count, run_count;
};

static enum ct_code read_part(const struct stats *stats, struct session *session, bool is_failed,
                              int64_t offset, struct inspect_time part[], uint32_t *count,
                              struct ct_error *err)
{
    const struct queue_name name = {session->settings->prefix, stats->name};
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    inspect_build_times(stats->dialect->inspector, &name, is_failed, offset, &command);
    rc = session_call(session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = inspect_parse_times(reply, part, count, err);
    redis_reply_free(reply);
    return rc;
}

static void keep(struct times *times, const struct inspect_time *time)
{
    if (time->wait_ms >= 0)
        times->waits[times->wait_count++] = time->wait_ms;
    if (time->run_ms >= 0)
        times->runs[times->run_count++] = time->run_ms;
}

static enum ct_code read_ends(const struct stats *stats, struct session *session, bool is_failed,
                              int64_t wanted, struct times *times, struct ct_error *err)
{
    struct inspect_time part[INSPECT_TIMES_MAX];
    enum ct_code rc = CT_E_OK;

    for (int64_t seen = 0; seen < wanted && rc == CT_E_OK;) {
        uint32_t count = 0;

        rc = read_part(stats, session, is_failed, seen, part, &count, err);
        for (uint32_t i = 0; i < count && seen + i < wanted; i++)
            keep(times, &part[i]);
        seen += count;
        if (count == 0)
            break;
    }
    return rc;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* The smallest that is not below so many percent of them. */
static int64_t percentile(const int64_t *sorted, size_t count, size_t percent)
{
    size_t rank = (count * percent + 99) / 100;

    return sorted[rank > 0 ? rank - 1 : 0];
}

struct stats_spread stats_spread_of(int64_t *durations, size_t count)
{
    if (count == 0)
        return (struct stats_spread){0};
    qsort(durations, count, sizeof *durations, compare);
    return (struct stats_spread){
        .count = (int64_t)count,
        .p50 = percentile(durations, count, 50),
        .p95 = percentile(durations, count, 95),
        .p99 = percentile(durations, count, 99),
        .max = durations[count - 1],
    };
}

void stats_show_spread(struct view *view, const char *key, const struct stats_spread *spread)
{
    view_group(view, key, '{');
    view_number(view, "count", spread->count);
    view_number(view, "p50", spread->p50);
    view_number(view, "p95", spread->p95);
    view_number(view, "p99", spread->p99);
    view_number(view, "max", spread->max);
    view_group_end(view, '}');
}

enum ct_code stats_read_times(struct stats *stats, struct session *session, int64_t count,
                              struct ct_error *err)
{
    struct times times = {
        .waits = ct_zalloc((size_t)count * 2 * sizeof(int64_t) + 1),
        .runs = ct_zalloc((size_t)count * 2 * sizeof(int64_t) + 1),
    };
    enum ct_code rc = read_ends(stats, session, false, count, &times, err);

    if (rc == CT_E_OK)
        rc = read_ends(stats, session, true, count, &times, err);
    if (rc == CT_E_OK) {
        stats->wait = stats_spread_of(times.waits, times.wait_count);
        stats->run = stats_spread_of(times.runs, times.run_count);
    }
    free(times.waits);
    free(times.runs);
    return rc;
}

/* --- memory --------------------------------------------------------------------------------- */

enum ct_code stats_read_memory(struct stats *stats, struct session *session, struct ct_error *err)
{
    const struct queue_name name = {session->settings->prefix, stats->name};
    struct redis_command command;
    enum ct_code rc;

    redis_reply_free(stats->memory_reply);
    stats->memory_reply = NULL;
    redis_command_init(&command, NULL);
    inspect_build_memory(stats->dialect->inspector, &name, &command);
    rc = session_call(session, &command, &stats->memory_reply, err);
    if (rc == CT_E_OK)
        rc = inspect_parse_memory(stats->memory_reply, stats->memory, &stats->memory_count, err);
    return rc;
}

const char *stats_trend_name(enum stats_trend trend)
{
    static const char *const names[] = {
        [STATS_EMPTY] = "empty",   [STATS_HELD] = "paused",     [STATS_SHRINKING] = "shrinking",
        [STATS_STEADY] = "steady", [STATS_GROWING] = "growing",
    };

    return names[trend];
}
