/* What there is to see of queues without being one of their workers: which queues there are, how
 * many jobs are where, pages of jobs, one job, the backlog. A dialect describes its queues with a
 * table, struct inspector; the calls are the same for all of them (dialect/shared/inspect.h). Reads
 * only. Texts handed out are borrowed from the reply. */
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

/* What a job's score in a sorted set tells. */
enum inspect_score { SCORE_NOTHING, SCORE_DUE, SCORE_PRIORITY };

struct inspect_state {
    const char *name;
    const char *key; /* what holds its jobs, behind the queue's name */
    bool is_list;    /* else a sorted set */
    enum inspect_score score;
    bool is_oldest_first; /* how its jobs are listed when nobody says: next to run first */
    bool is_by_end;       /* in the order in which its jobs ended */
    bool is_ready;        /* its jobs only wait to be fetched, or for the queue to go on */
    bool is_legacy;       /* only older clients use it: not worth a mention while it is empty */
};

enum inspect_kind { INSPECT_TEXT, INSPECT_NUMBER, INSPECT_JSON };

/* One field of a stored job. */
struct inspect_field {
    const char *name;    /* for people and JSON */
    const char *key;     /* in the hash */
    const char *old_key; /* the same, as older clients wrote it; NULL: they did not */
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
    int64_t priority;                         /* that its place stands for; else 0 */
    struct ct_str fields[INSPECT_FIELDS_MAX]; /* by index in `fields`; absent ones absent */
};

struct inspect_page {
    uint32_t state;
    int64_t offset;
    uint32_t limit; /* 1 to INSPECT_PAGE_MAX */
    bool is_oldest_first;
    bool has_bodies; /* also the large fields */
};

/* What became of a job's children, as BullMQ keeps it with the job. */
enum inspect_child {
    CHILD_PROCESSED, /* completed */
    CHILD_PENDING,   /* not ended, or failed without leave to: the job waits for it */
    CHILD_IGNORED,   /* failed, and the job goes on */
    CHILD_FAILED,    /* failed, and the job fails with it */
    INSPECT_CHILD_COUNT
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
    bool has_children;
    int64_t children[INSPECT_CHILD_COUNT]; /* how many are kept */
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

/* The scripts of the calls. */
struct inspect_scripts {
    const struct redis_script *counts, *page, *job, *log, *find, *backlog, *times, *memory;
};

struct inspector {
    const struct inspect_state *states;
    uint32_t state_count;
    const struct inspect_field *fields;
    uint32_t field_count;
    bool has_markers; /* old clients leave entries in lists that are no jobs: "0:..." */
    struct inspect_scripts scripts;
};

#endif
