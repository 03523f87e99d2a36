/* What one call to Redis carries out for a queue: the effects that came up while the last call was
 * under way, a fetch for as many jobs as there are credits, and the promotion of due jobs.
 * Filled by the engine, turned into one script call and filled with results by a dialect. */
#ifndef CT_QUEUE_COMMIT_H
#define CT_QUEUE_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/list.h"
#include "common/str.h"
#include "queue/job.h"

/* Bounds of one call, so that none holds Redis for more than a few milliseconds. */
#define COMMIT_EFFECTS_MAX 256
#define COMMIT_FETCH_MAX   256
#define COMMIT_PROMOTE_MAX 256
#define COMMIT_ADDS_MAX    64 /* each may walk through a long list to its place */
#define COMMIT_BYTES_MAX                                                       \
    (1u << 20) /* of effect texts and what dead letters copy; one alone may be \
                  larger */

#define COMMIT_NEVER INT64_MAX

enum effect_kind {
    EFFECT_COMPLETE, /* value: JSON result, absent: none */
    EFFECT_FAIL,     /* for good; value: reason, extra: stack trace */
    EFFECT_RETRY,    /* failed, again at once; value: reason, extra: stack trace */
    EFFECT_DELAY,    /* failed, again at due_ms; value: reason, extra: stack trace */
    EFFECT_POSTPONE, /* again at due_ms, uncharged */
    EFFECT_AWAIT,    /* again when all of its children have ended, uncharged; see is_ready */
    EFFECT_RELEASE,  /* back to the front, uncharged; due_ms: ms that the queue shall rest, or 0 */
    EFFECT_STALL,    /* back like a stalled job: counted, fails when too often */
    EFFECT_RENEW, /* extend the lock; take it again when it ran out and nobody else had the job */
    EFFECT_PROGRESS, /* value: JSON */
    EFFECT_LOG,      /* value: line */
    EFFECT_UPDATE,   /* value: JSON data */
    EFFECT_TAKE,     /* value: id that a blocking wait moved to active: lease it */
    EFFECT_UNTAKE, /* value: such an id: put it back where it was; absent: a wait told of work that
                      cannot be fetched now, let it tell another one */
    EFFECT_ADOPT,  /* value: id, extra: token: lease it again to whom that token was given */
    EFFECT_SCHEDULE, /* plan: the dialect's next iteration of a repeatable job */
};

struct effect {
    struct ct_list link;
    enum effect_kind kind;
    bool was_started; /* RELEASE: it has begun, and shall begin again; else as if never fetched */
    bool is_resent;   /* an earlier call with it got no reply: it may have been done */
    const struct job *job;  /* borrowed from its lease; NULL for TAKE, UNTAKE, ADOPT */
    struct ct_str value;    /* in `memory` */
    struct ct_str extra;    /* in `memory`; failures: the stack trace to be stored, a JSON array */
    uint32_t attempts_made; /* to be stored */
    int64_t due_ms;         /* wall clock; RELEASE: a duration */
    int64_t delay_ms;       /* DELAY: what was added to the time of the failure */
    struct effect *last;    /* owned; RETRY, DELAY after a crash: the FAIL that takes its place when
                               the job has crashed too often, which the call finds out; or NULL */
    void *plan;             /* SCHEDULE: the dialect's, freed by dialect->free_plan */
    char *memory;           /* owned; holds value and extra */
    void *owner;            /* the engine's: whom the result is for */
    bool is_obstructed;     /* the engine's: waits until the commit's obstacle is gone */
    /* --- results --- */
    enum ct_code code;  /* OK, or why Redis did not do it */
    bool is_failed;     /* STALL, RETRY, DELAY: it went to failed instead */
    bool is_ready;      /* AWAIT: no child is pending, it is back at the front instead */
    bool is_final;      /* CHILDREN: no other attempt could end better */
    char *refusal;      /* CHILDREN (COMPLETE, AWAIT: nothing was done, the lock is kept): owned,
                           names the job and the cause; the reason that the job fails with */
    struct job *leased; /* TAKE, ADOPT: the job; owned until the engine takes it */
};

/* What came of jobs that failed for good where the queue has a dead-letter queue. */
struct dead_letters {
    int64_t count;       /* written */
    struct ct_error err; /* why others were not; code OK: all were. The jobs failed all the same */
};

struct commit {
    /* --- asked --- */
    struct ct_list effects; /* struct effect, in order */
    uint32_t effect_count;
    uint32_t fetch_max; /* jobs to lease besides the taken ones */
    bool tell_drained;  /* with fetch_max 0: publish that the queue is drained, if nothing waits */
    bool promote;       /* move due delayed jobs to waiting, at most COMMIT_PROMOTE_MAX */
    int64_t now_ms;     /* wall clock */
    const char *token_base; /* lease tokens are token_base ":" number, counted up from */
    uint64_t token_first;   /* this one; one number for each possible lease of this call */
    /* --- results --- */
    struct ct_list jobs; /* struct job, leased under their tokens */
    uint32_t job_count;
    bool is_drained;        /* fewer jobs than asked for: nothing more is waiting */
    int64_t next_due_ms;    /* wall clock of the next delayed job, COMMIT_NEVER: none; valid when
                               `promote` was set */
    bool has_more_due;      /* the promotion reached its bound */
    uint32_t dropped_count; /* ids that were taken out of the lists because their job is missing */
    int64_t rest_ms;        /* rate limited: fetch nothing for this long; 0: go on */
    /* REDIS_TYPE: which key of the queue has a foreign type and what to do; effects with this code
     * may meet it and are tried again. OK: there is none, and such a code is about the one job. */
    struct ct_error obstacle;
    struct dead_letters dead_letters;
    /* A job that has ended, and why its parent or who shares its deduplication id was not told (the
     * last such one of the call); NULL, OK: all were. */
    char *untold_id; /* owned */
    struct ct_error untold;
};

void commit_init(struct commit *commit);
/* Frees effects and jobs that are still in it. */
void commit_fini(struct commit *commit, void (*free_plan)(void *plan));

/* A zeroed effect with copies of value and extra (either may be CT_STR_NONE). */
struct effect *effect_new(enum effect_kind kind, struct ct_str value, struct ct_str extra);
/* Whether it may end its job as failed: that may become a dead letter. */
bool effect_may_fail(const struct effect *effect);
void effect_free(struct effect *effect, void (*free_plan)(void *plan));

#endif
