/* Changing queues and jobs by hand: pausing, and retrying, promoting, removing or moving jobs that
 * are named by their ids; taking a whole queue away. A dialect says with struct manager what it has
 * for that; the calls are the same for all of them (dialect/shared/manage.h). Called by cartrita-q.
 * Never done to a job that a worker holds. */
#ifndef CT_QUEUE_MANAGE_H
#define CT_QUEUE_MANAGE_H

#include "queue/dialect.h"

#define MANAGE_IDS_MAX 100 /* of one call */

enum manage_deed {
    MANAGE_RETRY,   /* failed: waits again */
    MANAGE_PROMOTE, /* delayed: waits now */
    MANAGE_REMOVE,  /* with all that belongs to it */
    MANAGE_MOVE,    /* to another queue of the same prefix, in the state that it has */
    MANAGE_DEED_COUNT
};

/* Which of the dialect's own calls a removal stands for: what listeners hear of it, and what goes
 * along, is not the same. */
enum manage_manner {
    MANAGE_AS_JOB, /* jobs that somebody named */
    MANAGE_AS_CLEAN,
    MANAGE_AS_DRAIN,
};

enum manage_tree {
    MANAGE_ALONE,
    MANAGE_WITH_CHILDREN,    /* and theirs */
    MANAGE_PENDING_CHILDREN, /* not the job: what it still waits for, but for what has failed */
};

enum manage_result {
    MANAGE_DONE,
    MANAGE_GONE,        /* there is no such job */
    MANAGE_WRONG_STATE, /* it is not where the deed takes jobs from; or not any more */
    MANAGE_HELD,        /* a worker has it: there is a lock */
    MANAGE_SERIES,      /* the next one of a repeatable job, which would end without it */
    MANAGE_LATER,       /* not found yet: ask again, from the new `search` on */
    MANAGE_REFUSED,     /* see err */
};

struct manage_job {
    struct ct_list link;
    struct ct_str id; /* borrowed */
    /* --- results --- */
    enum manage_result result;
    char *new_id; /* owned; of a job that was moved; freed by manage_job_fini */
    struct ct_error err;
};

void manage_job_fini(struct manage_job *job);

struct manage_call {
    struct queue_name queue;
    enum manage_deed deed;
    const char *target;        /* MOVE: name of the other queue */
    bool resets_attempts;      /* RETRY: as if it had never run */
    bool takes_series;         /* REMOVE: also the next one of a repeatable job */
    enum manage_manner manner; /* REMOVE */
    enum manage_tree tree;     /* REMOVE; where the dialect has trees */
    /* Where a page of this state found the ids: they are looked for there alone, since elsewhere
     * they are what nobody asked for. */
    bool has_place;
    uint32_t state;
    int64_t offset;
    /* Without a place: how far the long lists were searched. Begin with 0; parse_jobs sets it, -1
     * when they have come to their end. */
    int64_t search;
    struct ct_list *jobs; /* struct manage_job, at most MANAGE_IDS_MAX */
};

enum manage_erase {
    MANAGE_ERASE_EMPTY, /* only what a queue without jobs and series leaves */
    MANAGE_ERASE_IDLE,  /* the jobs too; nothing while some are active */
    MANAGE_ERASE_ALL,   /* also active ones */
};

enum manage_erased {
    MANAGE_ERASED,        /* nothing is left */
    MANAGE_ERASE_MORE,    /* ask again */
    MANAGE_ERASE_RUNNING, /* it is not paused */
    MANAGE_ERASE_ACTIVE,  /* somebody works on its jobs */
    MANAGE_ERASE_JOBS,    /* it has jobs */
    MANAGE_ERASE_SERIES,  /* it has repeatable jobs */
};

struct key_table; /* dialect/shared/keys.h */

struct manager {
    const struct key_table *keys;
    /* Indexes of the inspector's states that a deed takes jobs from, in the order in which they
     * are best walked. */
    struct manage_states {
        const uint32_t *items;
        uint32_t count;
    } states[MANAGE_DEED_COUNT];
    struct manage_states drained; /* those that a draining takes, but for the delayed */
    bool has_trees;               /* jobs may have children */
    const struct redis_script *jobs, *pause, *erase;
};

#endif
