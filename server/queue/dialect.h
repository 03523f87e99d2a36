/* What the engine asks of a dialect: Bull, BullMQ, or the simulation's. A dialect turns commits
 * into commands and replies into results; it keeps no state but the names and settings of the
 * queue. The engine knows no dialect by name.
 *
 * build_* fill an initialised command. parse_* read its reply; they return an error (with detail)
 * only when the reply cannot be what the script answers. */
#ifndef CT_QUEUE_DIALECT_H
#define CT_QUEUE_DIALECT_H

#include "common/random.h"
#include "queue/commit.h"
#include "queue/settings.h"
#include "redis/command.h"
#include "redis/reply.h"

struct queue_name {
    const char *prefix, *name; /* borrowed during open */
};

/* A failed attempt, as the plugin or the supervisor told it. */
struct failure {
    struct ct_str reason; /* absent: unknown */
    struct ct_str stack;  /* one entry for the stack trace; absent: none */
    bool is_unrecoverable;
    bool is_crash; /* it cost its runner: counted, and bounded by maxCrashes */
    bool has_delay;
    int64_t delay_ms; /* -1: no further attempt */
};

/* Where a job stands in a flow: a tree whose parents wait for their children. */
#define FLOW_JOBS_MAX 500 /* about 10 us of Redis each */
struct job_node {
    struct queue_name queue;      /* borrowed until the result */
    const struct job_add *parent; /* borrowed; NULL: the root */
    bool has_children;
};

/* A job to add, as a producer gives it. */
struct job_add {
    struct ct_list link;
    struct ct_str name, data, opts; /* absent: the dialect's defaults; borrowed until the result */
    const struct job_node *node;    /* borrowed; NULL: it is by itself */
    void *owner;
    /* --- results --- */
    char *id;        /* owned; freed by job_add_fini */
    bool is_skipped; /* nothing to add: the series of the repeatable job has ended; with err: only
                        others of its flow are wrong */
    struct ct_error err; /* code OK: added */
};

struct sweep {
    int64_t failed_count, recovered_count;
    struct dead_letters dead_letters;
};

/* How children of a job have ended, seen from the job. The numbers are those of the wire. */
enum children_kind {
    CHILDREN_PROCESSED = 1, /* completed; value: its result, JSON */
    CHILDREN_IGNORED,       /* failed, and the job goes on without it; value: the reason, text */
    CHILDREN_FAILED,        /* failed, and the job fails with it; no value */
    CHILDREN_UNPROCESSED,   /* not ended; no value */
};

/* Bounds of one page. */
#define CHILDREN_PAGE_MAX  50         /* about so many are looked at; Redis may give a few more */
#define CHILDREN_BYTES_MAX (1u << 20) /* of values; one alone may be larger */

struct child {
    struct ct_str key;   /* the child's, whole; lent by the reply */
    struct ct_str value; /* likewise; absent: none, or see is_cut */
    bool is_cut;         /* it has a value that this page had no room for: ask with its key */
};

/* What a job that runs asks about its children. */
struct children_query {
    struct ct_str id; /* of the job; borrowed until the result */
    enum children_kind kind;
    struct ct_str key; /* only this child, with its value; borrowed; absent: a page of them */
    uint64_t cursor;   /* of the page; 0: the first */
    /* --- results --- */
    struct child *children; /* owned; freed by children_query_fini */
    uint32_t child_count;
    uint64_t next_cursor; /* 0: that was the last page */
};

struct dialect_queue; /* the dialect's own: keys and settings of one queue */
struct inspector;     /* queue/inspect.h */
struct dead_keeper;   /* queue/dead.h */
struct watcher;       /* queue/watch.h */
struct manager;       /* queue/manage.h */
struct scheduler;     /* queue/schedule.h */
struct doctor;        /* queue/doctor.h */

struct dialect {
    const char *name;
    const struct inspector *inspector;     /* looking at queues; NULL where nobody can ask for it */
    const struct dead_keeper *dead_keeper; /* dead-letter queues; NULL: it has none */
    const struct doctor *doctor;           /* finding and repairing broken state; NULL: it cannot */
    const struct watcher *watcher;         /* its events as they are published; NULL: it has none */
    const struct manager *manager;         /* changing queues by hand; NULL: nobody can */
    const struct scheduler *scheduler;     /* series of repeatable jobs; NULL: it has none */
    /* A fetch promotes due jobs by itself: each asks for it, and each learns next_due_ms. A wait
     * brings no job, it only tells of work, and may miss some: whatever ends it, a fetch follows.
     */
    bool promotes_always;

    bool has_flows; /* jobs may have parents and children */
    const char
        *dedup_option; /* of a job: {id, ttl}, and only one job with the id is there at a time */

    enum ct_code (*open)(const struct queue_name *name, const struct queue_settings *settings,
                         struct dialect_queue **out, struct ct_error *err);
    void (*close)(struct dialect_queue *queue);
    /* New settings; copied. */
    void (*configure)(struct dialect_queue *queue, const struct queue_settings *settings);

    /* The name that the blocking connection carries, so that dashboards count a worker. */
    const char *(*client_name)(const struct dialect_queue *queue);
    /* The channel that tells of new delayed jobs, NULL: none. parse_wake gives the wall clock ms
     * that a message names, COMMIT_NEVER when it names none. */
    const char *(*wake_channel)(const struct dialect_queue *queue);
    int64_t (*parse_wake)(const struct dialect_queue *queue, struct ct_str payload);

    /* One atomic call for a whole commit. parse sets code of every effect, jobs, and the rest. */
    void (*build_commit)(struct dialect_queue *queue, const struct commit *commit,
                         struct redis_command *command);
    enum ct_code (*parse_commit)(struct dialect_queue *queue, struct commit *commit,
                                 const struct redis_reply *reply, struct ct_error *err);

    /* Blocks for work, at most drainDelay. *id is a job that is now active but not leased, to be
     * answered with TAKE or UNTAKE; absent: time is up, or there is work to fetch (*has_work). Who
     * cannot fetch it then says so with an UNTAKE without a value. *due_ms: wall clock of the next
     * delayed job when the answer tells it, else COMMIT_NEVER. */
    void (*build_wait)(struct dialect_queue *queue, struct redis_command *command);
    enum ct_code (*parse_wait)(struct dialect_queue *queue, const struct redis_reply *reply,
                               struct ct_str *id, bool *has_work, int64_t *due_ms,
                               struct ct_error *err);

    /* Finds what other workers left behind. At start and every stalledInterval. */
    void (*build_sweep)(struct dialect_queue *queue, int64_t now_ms, struct redis_command *command);
    enum ct_code (*parse_sweep)(struct dialect_queue *queue, const struct redis_reply *reply,
                                struct sweep *out, struct ct_error *err);

    /* Jobs leased under tokens that begin with token_base: what a fetch took whose reply was
     * lost. parse fills commit->jobs (the rest of it is unused). */
    void (*build_reclaim)(struct dialect_queue *queue, const char *token_base,
                          struct redis_command *command);
    enum ct_code (*parse_reclaim)(struct dialect_queue *queue, struct commit *commit,
                                  const struct redis_reply *reply, struct ct_error *err);

    /* What a failed attempt leads to: a new FAIL, RETRY or DELAY effect, complete but for job and
     * owner. Never fails: what it cannot understand ends the job with a reason that says so. */
    struct effect *(*judge)(struct dialect_queue *queue, const struct job *job,
                            const struct failure *failure, int64_t now_ms,
                            const struct ct_random *random);

    /* For a job with is_repeat: the SCHEDULE effect that must be committed before it runs; NULL:
     * the series ends here. An error (bad cron, unknown zone) is for the log; the job runs. */
    enum ct_code (*schedule)(struct dialect_queue *queue, const struct job *job, int64_t now_ms,
                             struct effect **out, struct ct_error *err);
    void (*free_plan)(void *plan);

    /* Adds up to COMMIT_ADDS_MAX jobs (struct job_add) in one call. Jobs whose input is wrong
     * get their err at build and are left out; the command is empty when none is left. A flow, up
     * to FLOW_JOBS_MAX jobs with `node` and nothing else, is one call as well, parents before their
     * children, on the queue of the root: when the input of one is wrong, none is added. */
    void (*build_add)(struct dialect_queue *queue, struct ct_list *adds, int64_t now_ms,
                      const struct ct_random *random, struct redis_command *command);
    enum ct_code (*parse_add)(struct dialect_queue *queue, struct ct_list *adds,
                              const struct redis_reply *reply, struct ct_error *err);

    /* Children of a job; NULL: its jobs have none, and the engine commits no AWAIT. A child may be
     * told twice when others end meanwhile, none is left out that was there all the time. */
    void (*build_children)(struct dialect_queue *queue, const struct children_query *query,
                           struct redis_command *command);
    enum ct_code (*parse_children)(struct dialect_queue *queue, struct children_query *query,
                                   const struct redis_reply *reply, struct ct_error *err);
};

void job_add_fini(struct job_add *add);
void children_query_fini(struct children_query *query);

#endif
