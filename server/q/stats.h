/* What numbers tell about a queue: what comes in and goes out in a second, how long jobs waited and
 * ran, when the backlog will be gone, what memory it takes. Called by `stats`; reads only. */
#ifndef Q_STATS_H
#define Q_STATS_H

#include "q/session.h"
#include "q/view.h"

#define STATS_TIMES_MAX 10000 /* jobs whose times are read, of each kind of end */

/* Of some durations, in ms. */
struct stats_spread {
    int64_t count, p50, p95, p99, max;
};

enum stats_trend {
    STATS_EMPTY,     /* nothing waits */
    STATS_HELD,      /* the queue is paused */
    STATS_SHRINKING, /* gone in forecast_ms */
    STATS_STEADY,
    STATS_GROWING,
};

struct stats {
    char *name; /* owned */
    const struct dialect *dialect;
    struct inspect_counts before, counts;
    struct inspect_backlog backlog;
    int64_t span_ms;                    /* between the counts */
    int64_t arrived, completed, failed; /* events in that time; -1: nobody could listen */
    struct stats_spread wait, run;
    enum stats_trend trend;
    int64_t forecast_ms;
    struct inspect_memory memory[INSPECT_CLASS_MAX];
    uint32_t memory_count;            /* 0: not measured */
    struct redis_reply *memory_reply; /* owned; holds the names */
};

void stats_fini(struct stats *stats);

/* Counts and backlog: before the time in which events are counted, and after it. */
enum ct_code stats_begin(struct stats *stats, struct session *session,
                         struct ct_error *err) CT_MUST_CHECK;
enum ct_code stats_finish(struct stats *stats, struct session *session, int64_t span_ms,
                          struct ct_error *err) CT_MUST_CHECK;
/* Times of the last `count` jobs that completed and that failed. */
enum ct_code stats_read_times(struct stats *stats, struct session *session, int64_t count,
                              struct ct_error *err) CT_MUST_CHECK;
enum ct_code stats_read_memory(struct stats *stats, struct session *session,
                               struct ct_error *err) CT_MUST_CHECK;

/* Of `count` durations, which are sorted by it. */
struct stats_spread stats_spread_of(int64_t *durations, size_t count);
/* As a member of a record. */
void stats_show_spread(struct view *view, const char *key, const struct stats_spread *spread);
const char *stats_trend_name(enum stats_trend trend);

#endif
