/* Commits, sweeps, reclaims and the judging of failures, which are the same in both dialects but
 * for what `struct commit_rules` says: there is one for each dialect, in the queue. The functions
 * are members of struct dialect as they stand. */
#ifndef DIALECT_SHARED_COMMIT_H
#define DIALECT_SHARED_COMMIT_H

#include "dialect/shared/options.h"
#include "dialect/shared/queue.h"

#define SCORE_FACTOR 4096 /* a delayed score is the time times this, plus 12 bits */

/* A job on its way from a reply of the scripts to struct job. */
struct job_reading {
    const struct redis_reply *fields; /* as inc/job.lua has them */
    struct job_options options;
    struct job_texts texts;
    struct ct_buf scratch; /* for texts that are not in the reply; one may be in it */
    bool has_any_data;     /* its data need not be JSON */
    char *broken;          /* owned: the job fails with this; NULL: it can run */
};

struct commit_rules {
    const struct redis_script *commit, *sweep, *reclaim;

    /* --- what goes into a commit --- */
    /* ARGV 11 and so on, up to the effects (inc/commit_head.lua). */
    void (*put_head)(struct redis_command *command, const struct queue_settings *settings);
    /* Argument 3 of a run of C or F: it is the same for all of a run. */
    int64_t (*run_option)(const struct effect *effect);
    /* What a kind of effect has beside what commit.lua names. `scratch`: for any text. */
    void (*put_own)(struct redis_command *command, struct ct_buf *scratch,
                    const struct queue_settings *settings, const struct commit *commit,
                    const struct effect *effect);
    bool sweep_ends_jobs; /* which dead letters tell of */

    /* --- what comes out of it --- */
    int stack_place, id_place; /* among the fields of inc/job.lua */
    bool is_due_floored;       /* the low bits of a score only keep an order */
    bool has_longest_rest;     /* maximumRateLimitDelay is a setting of its workers */
    void (*prepare_job)(const struct dialect_queue *queue, struct job_reading *reading);
    void (*complete_job)(const struct dialect_queue *queue, const struct job_reading *reading,
                         struct job *job);

    /* --- failed attempts --- */
    /* Delay before attempt attempts_made + 1 of a known backoff, in ms. `own`: its JSON object. */
    double (*backoff)(bool is_exponential, double delay, struct ct_str own, uint32_t attempts_made,
                      const struct ct_random *random);
    bool may_keep_no_trace;    /* stackTraceLimit 0 means what it says */
    bool traces_every_failure; /* one entry each: the reason, where there is no trace */
};

void dialect_build_commit(struct dialect_queue *queue, const struct commit *commit,
                          struct redis_command *command);
enum ct_code dialect_parse_commit(struct dialect_queue *queue, struct commit *commit,
                                  const struct redis_reply *reply, struct ct_error *err);
void dialect_build_sweep(struct dialect_queue *queue, int64_t now_ms,
                         struct redis_command *command);
enum ct_code dialect_parse_sweep(struct dialect_queue *queue, const struct redis_reply *reply,
                                 struct sweep *out, struct ct_error *err);
void dialect_build_reclaim(struct dialect_queue *queue, const char *token_base,
                           struct redis_command *command);
enum ct_code dialect_parse_reclaim(struct dialect_queue *queue, struct commit *commit,
                                   const struct redis_reply *reply, struct ct_error *err);
struct effect *dialect_judge(struct dialect_queue *queue, const struct job *job,
                             const struct failure *failure, int64_t now_ms,
                             const struct ct_random *random);

/* Fields of every job, in this order; the rest is the dialect's. */
enum job_field {
    JOB_NAME,
    JOB_DATA,
    JOB_OPTS,
    JOB_TIMESTAMP,
    JOB_STALLED,
    JOB_ATTEMPTS,
    JOB_OWN /* the first of the dialect */
};

/* A field as text, absent when there is none. */
struct ct_str job_reading_text(const struct job_reading *reading, int place);
/* "The data of job 7 cannot be used: ...". */
void job_reading_break(struct job_reading *reading, const char *what, const struct ct_error *err);
/* A job out of fields with an id; NULL: they are none. `token` names its lock. */
struct job *dialect_read_job(const struct dialect_queue *queue, const struct redis_reply *fields,
                             struct ct_str token);

/* For put_own. The side of the list where a job goes that is to run again. */
const char *commit_retry_push(const struct job *job);
void commit_put_keep(struct redis_command *command, struct keep keep);

#endif
