/* Settings of a queue as its workers give them, with the names, units and defaults of Bull's and
 * BullMQ's worker options. Travel as a JSON object (attach message, configuration files). */
#ifndef CT_QUEUE_SETTINGS_H
#define CT_QUEUE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/str.h"
#include "queue/job.h"

#define QUEUE_NAME_MAX           512 /* bytes of a name and of a prefix */
#define QUEUE_STRATEGIES_MAX     32
#define QUEUE_STRATEGY_STEPS_MAX 64

enum strategy_kind { STRATEGY_FIXED, STRATEGY_EXPONENTIAL, STRATEGY_LINEAR, STRATEGY_STEPS };

/* A named backoff strategy: {"type": "fixed|exponential|linear", "delay": ms, "max": ms,
 * "jitter": 0..1} or {"delays": [ms, ...]} (the last one repeats; -1 stops retrying). */
struct strategy {
    char *name; /* owned */
    enum strategy_kind kind;
    int64_t delay_ms, max_ms; /* max_ms 0: none */
    double jitter;            /* part of the delay that is random, 0..1 */
    int64_t steps_ms[QUEUE_STRATEGY_STEPS_MAX];
    uint32_t step_count;
};

struct queue_settings {
    int64_t lock_duration_ms;       /* lockDuration, 30000 */
    int64_t lock_renew_ms;          /* lockRenewTime, lockDuration / 2 */
    int64_t stalled_interval_ms;    /* stalledInterval, 30000; 0: no periodic check */
    int64_t max_stalled_count;      /* maxStalledCount, 1 */
    int64_t max_crashes;            /* maxCrashes, 5: runners that a job may cost; 0: any number */
    int64_t guard_interval_ms;      /* guardInterval, 5000 */
    int64_t retry_process_delay_ms; /* retryProcessDelay, 5000 */
    int64_t drain_delay_ms;         /* drainDelay (given in seconds), 5000 */
    int64_t limiter_max;            /* limiter.max; 0: no limiter */
    int64_t limiter_duration_ms;    /* limiter.duration */
    bool limiter_bounce_back;       /* limiter.bounceBack */
    char *limiter_group_key;        /* limiter.groupKey; owned, NULL: none */
    int64_t metrics_max_points;     /* metrics.maxDataPoints; 0: no metrics */
    struct strategy *strategies;    /* backoffStrategies; owned */
    uint32_t strategy_count;
    /* Only BullMQ has these; for a queue of Bull they do nothing. */
    char
        *worker_name; /* name: in the list of workers, and on each job it runs; owned, NULL: none */
    int64_t max_started_attempts;        /* maxStartedAttempts; 0: any number */
    int64_t maximum_rate_limit_delay_ms; /* maximumRateLimitDelay, 30000: the longest rest_ms */
    struct keep on_complete, on_fail; /* removeOnComplete, removeOnFail: of jobs that do not say */
    char *dead_letter_queue; /* deadLetterQueue: a queue under the same prefix; owned, NULL: none */
    int64_t dead_letter_max; /* deadLetterMax, 100000: waiting in it, the oldest go */
};

void queue_settings_init(struct queue_settings *settings); /* the defaults */
void queue_settings_fini(struct queue_settings *settings);
/* Reads a JSON object over what `settings` holds; `text` absent: nothing to do. Unknown names and
 * wrong values are INVALID with the name in the detail; `settings` is then unchanged. */
enum ct_code queue_settings_parse(struct queue_settings *settings, struct ct_str text,
                                  struct ct_error *err) CT_MUST_CHECK;
/* Whether these can be the settings of the queue with this name. */
enum ct_code queue_settings_check(const struct queue_settings *settings, const char *name,
                                  struct ct_error *err) CT_MUST_CHECK;
bool queue_settings_equal(const struct queue_settings *a, const struct queue_settings *b);
void queue_settings_copy(struct queue_settings *to, const struct queue_settings *from);

const struct strategy *queue_settings_strategy(const struct queue_settings *settings,
                                               struct ct_str name);
/* The delay before attempt number attempts_made + 1, in ms; -1: no further attempt. */
struct ct_random;
int64_t strategy_delay(const struct strategy *strategy, uint32_t attempts_made,
                       const struct ct_random *random);

#endif
