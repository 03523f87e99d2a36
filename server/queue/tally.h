/* What a queue has done since the start, for metrics. Counted by the engine, a few additions a job;
 * owned by whoever wants it to outlive the engine, which goes when nobody uses the queue. */
#ifndef CT_QUEUE_TALLY_H
#define CT_QUEUE_TALLY_H

#include "common/metric.h"

/* Names of jobs that are counted each; further ones count together as "other". */
#define TALLY_NAMES_MAX 50
#define TALLY_OTHER     "other"

#define TALLY_OUTCOMES(X)                                                \
    X(COMPLETED, "completed")                                            \
    X(FAILED, "failed")     /* for good */                               \
    X(RETRIED, "retried")   /* an attempt failed, another one follows */ \
    X(STALLED, "stalled")   /* its worker died or went silent */         \
    X(RELEASED, "released") /* given back, uncharged */                  \
    X(LOST, "lost")         /* its lock was another's by then */

enum tally_outcome {
#define TALLY_ENUM(name, text) TALLY_##name,
    TALLY_OUTCOMES(TALLY_ENUM)
#undef TALLY_ENUM
        TALLY_OUTCOME_COUNT
};

struct tally_name {
    char *name; /* owned */
    uint64_t ended[TALLY_OUTCOME_COUNT];
};

struct tally {
    uint64_t fetched, commits, waits, adds, dead;
    uint64_t ended[TALLY_OUTCOME_COUNT]; /* of all names, and of jobs whose name is not known */
    struct tally_name *names;            /* owned; the last one may be TALLY_OTHER */
    uint32_t name_count, last;
    struct metric_histogram wait, run; /* seconds */
    struct metric_histogram commit;    /* seconds from its sending to its answer */
    struct metric_histogram batch;     /* jobs and effects of a commit */
};

extern const struct metric_bounds tally_time_bounds, tally_commit_bounds, tally_batch_bounds;

void tally_fini(struct tally *tally);
const char *tally_outcome_text(enum tally_outcome outcome);
/* A job of that name ended so. */
void tally_end(struct tally *tally, struct ct_str name, enum tally_outcome outcome);
/* From `since_ms` to `until_ms`; a clock that was set back counts as no time. */
void tally_time(struct metric_histogram *histogram, const struct metric_bounds *bounds,
                int64_t since_ms, int64_t until_ms);

#endif
