/* What a dialect offers for looking at series of repeatable jobs, working out when they run, and
 * ending them. Series begin by adding a job (queue/dialect.h). Called by cartrita-q.
 *
 * build_* fill an initialised command, parse_* read its reply, as in queue/dialect.h. Each call is
 * one bounded step in Redis. */
#ifndef CT_QUEUE_SCHEDULE_H
#define CT_QUEUE_SCHEDULE_H

#include "queue/dialect.h"

#define SCHEDULE_KEYS_MAX 100 /* of one call */

enum schedule_state {
    SCHEDULE_PENDING, /* its next job is delayed */
    SCHEDULE_DUE,     /* its next job waits to be run */
    SCHEDULE_STOPPED, /* there is no next job: the series was ended, or its job was taken away */
};

struct schedule {
    char *key;          /* owned; what the queue knows it by */
    char *name;         /* owned; of its jobs */
    const char *legacy; /* static; what made it, where newer versions do it otherwise; or NULL */
    char *job_id;       /* owned; that it was added with; NULL: none */
    char *cron, *tz;    /* owned; NULL: by `every`; the zone of whoever works it out */
    double every_ms;    /* NaN: by cron */
    double limit;       /* jobs; NaN: none, or unknown */
    double count;       /* number of its next job; 0 or NaN: unknown */
    double made_count;  /* jobs it has made, however often it was changed; NaN: unknown */
    double offset_ms;   /* of its times from multiples of `every`; NaN: none, or unknown */
    double start_ms, end_ms; /* wall clock; NaN: none, or unknown */
    double next_ms;          /* wall clock; the slot of its next job, or of its last */
    enum schedule_state state;
    char *next_id; /* owned; of its next job; NULL: there is none */
    /* owned: free .data; of its jobs: the template where it has one, else those of the next one;
     * absent unless asked for */
    struct ct_str data, opts;
};

/* A series as somebody wants it. */
struct schedule_wish {
    const char *id;     /* what it is to be known by, where build_upsert is there */
    struct ct_str name; /* of its jobs */
    struct ct_str data; /* JSON; absent: none */
    struct ct_str opts; /* of its jobs, with `repeat`; JSON */
};

void schedule_fini(struct schedule *schedule);

struct scheduler {
    const char *cron_name; /* the member of the option `repeat` that holds a cron expression */

    /* Keys of the series, those that are next first. */
    void (*build_keys)(const struct queue_name *name, int64_t offset,
                       struct redis_command *command);
    /* Texts in the reply; at most SCHEDULE_KEYS_MAX, fewer when there are no more. */
    enum ct_code (*parse_keys)(const struct redis_reply *reply, struct ct_str *out, uint32_t *count,
                               struct ct_error *err);

    /* Looks at these; `keys` are the same for both. */
    void (*build_look)(const struct queue_name *name, const struct ct_str *keys, uint32_t count,
                       bool has_bodies, struct redis_command *command);
    /* Fills out[i] and sets is_there[i], or clears it; the caller frees those with schedule_fini.
     * After a failure there are none. */
    enum ct_code (*parse_look)(const struct redis_reply *reply, const struct ct_str *keys,
                               uint32_t count, struct schedule *out, bool *is_there,
                               struct ct_error *err);

    /* Ends it, with its next job unless that waits already. */
    void (*build_remove)(const struct queue_name *name, struct ct_str key,
                         struct redis_command *command);
    enum ct_code (*parse_remove)(const struct redis_reply *reply, bool *is_removed,
                                 bool *is_job_removed, struct ct_error *err);

    /* What this would begin, or change a series to. NOT_FOUND: nothing, the series would have
     * ended. On success the caller calls schedule_fini. */
    enum ct_code (*plan)(const struct schedule_wish *wish, int64_t now_ms, struct schedule *out,
                         struct ct_error *err);
    /* Begins the series that has the id, or changes it. NULL: series begin by adding a job with the
     * option `repeat`, and what they are is what they are known by. */
    enum ct_code (*build_upsert)(const struct queue_name *name, const struct schedule_wish *wish,
                                 int64_t now_ms, struct redis_command *command,
                                 struct ct_error *err);
    /* Completes what `plan` gave: slot, state, id of the next job. */
    enum ct_code (*parse_upsert)(const struct redis_reply *reply, struct schedule *schedule,
                                 struct ct_error *err);
    /* Its first slot after `after_ms`, as if it had no limit. NOT_FOUND: there is none. For
     * schedule_next. */
    enum ct_code (*next)(const struct schedule *schedule, double after_ms, double *out_ms,
                         struct ct_error *err);
};

/* Its first slot after `after_ms`, as if it had no limit. NOT_FOUND: it has ended. */
enum ct_code schedule_next(const struct scheduler *scheduler, const struct schedule *schedule,
                           double after_ms, double *out_ms, struct ct_error *err) CT_MUST_CHECK;

#endif
