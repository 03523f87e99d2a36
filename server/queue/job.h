/* A job as it was fetched: one block of memory with all its texts, read-only afterwards. */
#ifndef CT_QUEUE_JOB_H
#define CT_QUEUE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"
#include "common/str.h"

/* What stays of finished jobs. count -1: no bound by count; age_s -1: no bound by age; count 0
 * with age -1: the job goes at once. */
struct keep {
    int64_t count;
    int64_t age_s;
    int64_t limit; /* of those over the age, so many at the most go in one call; 0: the dialect's */
};

struct job {
    struct ct_list link; /* in the commit that fetched it, then in its owner's list */
    struct ct_str id, name, data, opts, token;
    struct ct_str stacktrace; /* JSON array text as stored; absent when there is none */
    struct ct_str telemetry;  /* what its producer gave to tracing, as text; absent: nothing */
    struct ct_str parent;     /* the key of the job it is a child of; absent: of none */
    struct ct_str series;     /* that it belongs to, where its hash says so; absent: none */
    int64_t timestamp_ms;
    int64_t processed_on_ms; /* with stalled_counter: tells this activation from a later one */
    int64_t stalled_counter;
    uint32_t attempts_made;
    uint32_t attempts_started; /* this one included; 0 where the dialect does not count them */
    /* From opts, by the dialect. */
    int64_t timeout_ms; /* 0: none */
    int64_t delay_ms;   /* it was added with; 0: none */
    struct keep on_complete, on_fail;
    bool is_repeat; /* activation schedules the next iteration */
    /* Set when opts or data cannot be used: the job must fail with this text instead of running. */
    char *broken; /* owned; NULL: fine */
};

/* The texts to copy; job_new puts them, NUL-terminated each, into the job's own block. */
struct job_texts {
    struct ct_str id, name, data, opts, token, stacktrace, telemetry, parent, series;
};

/* Texts that are absent stay absent. The owner frees it with job_free. */
struct job *job_new(const struct job_texts *texts);
void job_free(struct job *job);

#endif
