/* What a dialect offers for looking at queues without being one of their workers: which queues
 * there are, how many jobs are where, pages of jobs, one job, the backlog. Called by cartrita-q and
 * by the daemon; reads only.
 *
 * build_* fill an initialised command, parse_* read its reply, as in queue/dialect.h. Each call is
 * one bounded step in Redis: what is long comes in several. Texts handed out are borrowed from the
 * reply. */
#ifndef CT_QUEUE_INSPECT_H
#define CT_QUEUE_INSPECT_H

#include "queue/dialect.h"

#define INSPECT_STATES_MAX 8
#define INSPECT_FIELDS_MAX 24

/* Bounds of one call. */
#define INSPECT_SCAN_COUNT 1000      /* keys that Redis looks at */
#define INSPECT_PAGE_MAX   100       /* jobs */
#define INSPECT_PAGE_BYTES (4 << 20) /* of job texts; one job alone may be larger */
#define INSPECT_FIND_MAX   5000      /* ids that are compared */
#define INSPECT_LOGS_MAX   1000      /* last lines of a job's log, with the job */
#define INSPECT_TIMES_MAX  100       /* jobs whose times are read */
#define INSPECT_SAMPLE_MAX 20        /* jobs of a state whose memory is measured */
#define INSPECT_CLASS_MAX  16        /* classes of keys */
#define INSPECT_LOG_MAX    500       /* lines of a job's log, alone */

struct inspect_state {
    const char *name;
    bool is_oldest_first; /* how its jobs are listed when nobody says: next to run first */
    bool is_by_end;       /* in the order in which its jobs ended */
};

enum inspect_kind { INSPECT_TEXT, INSPECT_NUMBER, INSPECT_JSON };

/* One field of a stored job. */
struct inspect_field {
    const char *name; /* for people and JSON */
    const char *key;  /* in the hash */
    enum inspect_kind kind;
    bool is_large;        /* left out of pages that ask for no bodies */
    const char *fallback; /* what it means when it is absent, as JSON; NULL: null */
};

struct inspect_counts {
    bool exists; /* some key of the queue is there */
    bool is_paused;
    int64_t jobs[INSPECT_STATES_MAX]; /* by index in `states` */
    int64_t repeatable_count;
    int64_t added_count; /* ever, also those that were duplicates of others */
};

struct inspect_job {
    struct ct_str id;
    bool is_missing;                          /* its id is in a list, its hash is gone */
    int64_t due_ms;                           /* wall clock; of a delayed one, else 0 */
    struct ct_str fields[INSPECT_FIELDS_MAX]; /* by index in `fields`; absent ones absent */
};

struct inspect_page {
    uint32_t state;
    int64_t offset;
    uint32_t limit; /* 1 to INSPECT_PAGE_MAX */
    bool is_oldest_first;
    bool has_bodies; /* also the large fields */
};

/* What one call tells of one job. */
struct inspect_found {
    bool exists;    /* its hash is there */
    bool has_state; /* false: look into the long lists with build_find */
    uint32_t state;
    struct inspect_job job;
    struct ct_str lock;   /* the token that holds it; absent: none */
    int64_t lock_left_ms; /* -1: without an end */
    int64_t log_count;
    const struct redis_reply *log; /* array of its last lines */
};

/* A part of a job's log. */
struct inspect_log {
    bool exists;    /* the job's hash is there */
    bool has_ended; /* completed or failed: as a rule nothing is added any more */
    int64_t count;  /* lines of the whole log */
    int64_t first;  /* number of the first of `lines`, from 0 */
    const struct redis_reply *lines;
};

/* What waits to be fetched: not what is delayed, nor the jobs of a paused queue. */
struct inspect_backlog {
    int64_t waiting;
    int64_t oldest_ms; /* since the oldest was added, due or begun before (lifo hides older ones);
                          0: none waits */
};

/* How long one job took; -1: its hash does not tell. */
struct inspect_time {
    int64_t wait_ms; /* from when it was added or due until its first begin */
    int64_t run_ms;  /* of the last attempt */
};

/* The memory of one class of keys; more of them than were measured: an estimate. */
struct inspect_memory {
    struct ct_str name; /* a state (its jobs), "logs", "order" or "other" */
    int64_t key_count, measured_count, bytes;
};

typedef void (*inspect_name_fn)(void *ctx, struct ct_str name);
typedef void (*inspect_job_fn)(void *ctx, const struct inspect_job *job);

struct inspector {
    const struct inspect_state *states;
    uint32_t state_count;
    const struct inspect_field *fields;
    uint32_t field_count;

    /* Names of queues, a part at a time: from cursor "0" until it is "0" again. A name may come
     * several times, and some that are none: their counts say that they do not exist. */
    void (*build_scan)(const char *prefix, struct ct_str cursor, struct redis_command *command);
    enum ct_code (*parse_scan)(const char *prefix, const struct redis_reply *reply,
                               struct ct_str *cursor, inspect_name_fn on_name, void *ctx,
                               struct ct_error *err);

    void (*build_counts)(const struct queue_name *name, struct redis_command *command);
    enum ct_code (*parse_counts)(const struct redis_reply *reply, struct inspect_counts *out,
                                 struct ct_error *err);

    /* *count: how many came; fewer than asked for when the state has no more (offset + *count is
     * then at least *total) or the bytes reached their bound. */
    void (*build_page)(const struct queue_name *name, const struct inspect_page *page,
                       struct redis_command *command);
    enum ct_code (*parse_page)(const struct inspect_page *page, const struct redis_reply *reply,
                               inspect_job_fn on_job, void *ctx, uint32_t *count, int64_t *total,
                               struct ct_error *err);

    void (*build_job)(const struct queue_name *name, struct ct_str id, uint32_t log_max,
                      struct redis_command *command);
    enum ct_code (*parse_job)(const struct redis_reply *reply, struct ct_str id,
                              struct inspect_found *out, struct ct_error *err);

    /* Up to INSPECT_LOG_MAX lines from number `first` on, fewer where they are long; `first` below
     * 0: so many from the end; behind the end: the end. The part is empty only when there are no
     * more. */
    void (*build_log)(const struct queue_name *name, struct ct_str id, int64_t first,
                      struct redis_command *command);
    enum ct_code (*parse_log)(const struct redis_reply *reply, struct inspect_log *out,
                              struct ct_error *err);

    /* Looks for `id` in one part of the long lists: from *place 0 until it is found or *place is
     * -1, which means that it is in none. */
    void (*build_find)(const struct queue_name *name, struct ct_str id, int64_t place,
                       struct redis_command *command);
    enum ct_code (*parse_find)(const struct redis_reply *reply, bool *is_found, uint32_t *state,
                               int64_t *place, struct ct_error *err);

    /* Cheap however long the queue is: asked about once a second. */
    void (*build_backlog)(const struct queue_name *name, int64_t now_ms,
                          struct redis_command *command);
    enum ct_code (*parse_backlog)(const struct redis_reply *reply, struct inspect_backlog *out,
                                  struct ct_error *err);

    /* Times of the jobs that ended last, as completed or as failed: up to INSPECT_TIMES_MAX from
     * place `offset` on; *count of them, 0: there are no more. `out` has room for all. */
    void (*build_times)(const struct queue_name *name, bool is_failed, int64_t offset,
                        struct redis_command *command);
    enum ct_code (*parse_times)(const struct redis_reply *reply, struct inspect_time out[],
                                uint32_t *count, struct ct_error *err);

    /* `out` has room for INSPECT_CLASS_MAX. */
    void (*build_memory)(const struct queue_name *name, struct redis_command *command);
    enum ct_code (*parse_memory)(const struct redis_reply *reply, struct inspect_memory out[],
                                 uint32_t *count, struct ct_error *err);
};

#endif
