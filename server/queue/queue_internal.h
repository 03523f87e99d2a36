/* What the files of the engine share: its structs, and who does what.
 *
 *   queue.c     life of a queue, the turn, what the outside tells it
 *   exchange.c  the one call in flight: building a commit, its reply, its failure
 *   effects.c   effects from the moment they are queued until Redis has answered for them
 *   leases.c    leases by their tokens
 *   lease.c     leases: how they begin, are renewed, lost and answered
 *   outcome.c   what a consumer says of a job it holds: notes and the one outcome
 *   consumer.c  credits, and handing out jobs
 *   wait.c      the blocking wait and the job it brings
 *   sched.c     everything that happens at a time: promotion, sweep, renewal, rest, retries
 *   resume.c    leases that come back after a lost connection
 *   reclaim.c   jobs that a lost fetch may have taken
 *   cancelling.c  cancelled jobs: told, and never run again (cancel.h: the message)
 *   adds.c      adding jobs
 *   children.c  questions of running jobs about their children
 *   tally.c     counts for metrics
 *   warn.c      warnings about single jobs, in bounded number
 *
 * Nobody outside of this folder includes it. */
#ifndef CT_QUEUE_QUEUE_INTERNAL_H
#define CT_QUEUE_QUEUE_INTERNAL_H

#include "queue/queue.h"

#define QUEUE_NEVER INT64_MAX

/* Pause after a call or a wait was lost while the link says that it is up. Doubled from the first
 * to the second for waits. */
#define QUEUE_LINK_RETRY_MS     20
#define QUEUE_LINK_RETRY_MAX_MS 1000
/* A wait that failed this often in a row: fetch anyway, once in a while. */
#define QUEUE_WAIT_FAILURES_MAX 5
/* Effects that Redis refused one by one; with more of them nothing is fetched. */
#define QUEUE_REFUSED_MAX 64
/* How often an effect is tried that Redis refuses alone, for a reason that is not a known state of
 * Redis (memory, replica, rights, ...), before its consumer is told. */
#define QUEUE_REFUSED_TRIES 12
/* Renewals that are due within this part of lockRenewTime go together. */
#define QUEUE_RENEW_SLACK_DIVISOR 16

#define WARN_LINES_MAX 10 /* of a kind, in a second */
#define WARN_KINDS(X)                                              \
    X(BROKEN, "job cannot be run")                                 \
    X(MISSING, "waiting job has no data, skipped")                 \
    X(UNSCHEDULED, "next iteration not scheduled")                 \
    X(LOST, "lease lost")                                          \
    X(NOTE, "note not written")                                    \
    X(RESULT, "result refused")                                    \
    X(UNTOLD, "job has ended, and who is tied to it was not told") \
    X(NOT_BACK, "job not put back")

enum warn_kind {
#define WARN_ENUM(name, text) WARN_##name,
    WARN_KINDS(WARN_ENUM)
#undef WARN_ENUM
        WARN_KIND_COUNT
};

struct warn_window {
    int64_t since_ms;
    uint32_t count;
    uint64_t skipped;
};

enum call_kind { CALL_NONE, CALL_COMMIT, CALL_RECLAIM };

/* Trouble of one kind is logged once and counted. */
struct trouble {
    enum ct_code code; /* OK: none */
    uint64_t count;
};

struct queue {
    /* --- given --- */
    const struct dialect *dialect;
    struct dialect_queue *dialect_queue; /* owned */
    char *prefix, *name;                 /* owned */
    struct queue_settings settings;
    const struct ct_clock *clock;
    const struct ct_random *random;
    const struct queue_port *port;

    /* --- consumers --- */
    struct ct_list consumers;
    struct ct_list ready; /* those with free credit; the next to get a job first */
    uint64_t credits;     /* free ones, of all consumers */

    /* --- leases --- */
    struct lease **buckets; /* owned; by token */
    uint32_t bucket_count;  /* a power of two */
    uint32_t lease_count;
    struct ct_list orphans;  /* leases that nobody hears of any more */
    struct ct_list renewals; /* by renew_at_ms */
    struct ct_list answers;  /* leases to be answered in the next turn */
    struct ct_list resumes;  /* to be looked at in the next turn */
    struct ct_list cancels;  /* of jobs that a call under way may bring */
    uint32_t cancel_count;

    /* --- effects: each is in one of these lists, in `commit`, or is `take` --- */
    struct ct_list urgent;  /* RENEW: ahead of everything */
    struct ct_list pending; /* in order */
    struct ct_list later;   /* refused by Redis one by one; tried again at later_at_ms */
    uint32_t later_count;
    uint32_t obstructed_count; /* effects that a key of the queue refuses; meanwhile no fetch */
    uint32_t effect_count;     /* all, those in `commit` included */
    size_t effect_bytes;
    int64_t later_at_ms;

    /* --- the call in flight --- */
    enum call_kind call;
    struct commit commit;
    int64_t commit_sent_ms; /* monotonic */
    char token_base[CT_UUID_LEN + 1];
    uint64_t token_next;
    bool is_up, was_up;       /* was: once, since the start */
    bool is_careful;          /* the last call was refused: effects first, then the rest */
    bool needs_reclaim;       /* a lost call may have fetched */
    int64_t reclaim_at_ms;    /* not before */
    int64_t reclaim_until_ms; /* then the locks have run out */
    int64_t retry_at_ms;      /* no call before */
    struct trouble refused;   /* calls */
    struct trouble alone;     /* effects */
    struct ct_error why;      /* the latest of both */

    /* --- fetching --- */
    bool is_drained;   /* nothing was left: the next job comes from a wait */
    bool owes_drained; /* jobs were leased since listeners were last told that nothing is left */
    bool is_draining;
    int64_t rest_until_ms; /* 0: not resting */
    bool wait_is_out, wait_is_cut;
    int64_t wait_since_ms, wait_retry_at_ms;
    uint32_t wait_failures;
    struct trouble wait_trouble;
    struct effect *take; /* owned, also while it is in `commit`; at most one */
    bool take_is_sent;

    /* --- time --- */
    int64_t next_due_ms; /* wall clock; as far as known */
    int64_t promote_at_ms;
    int64_t sweep_at_ms;
    bool sweep_is_out;
    struct trouble sweep_trouble;
    struct trouble dead_trouble; /* with the dead-letter queue */
    int64_t armed_ms;

    /* --- adding --- */
    struct ct_list adds, adds_refused;
    uint32_t add_count; /* in `adds` */
    uint32_t add_calls;
    uint32_t children_calls;

    struct warn_window warnings[WARN_KIND_COUNT];
    bool is_scheduled;
    uint32_t busy;                  /* depth of turns and replies: callbacks may come back in */
    struct tally *tally, own_tally; /* the first may be the second */
};

struct consumer {
    struct ct_list link; /* in queue->consumers */
    struct ct_list ready_link;
    struct queue *queue;
    const struct consumer_events *events;
    void *ctx;
    struct ct_list leases;  /* in the order they were given */
    struct ct_list resumes; /* struct resume, consumer_link */
    uint32_t lease_count;
    uint32_t held; /* of these, not ended */
    uint32_t window;
    uint32_t credit; /* as counted in queue->credits */
};

/*   ADOPTING --> HELD <-- SCHEDULING
 *       |        | ^          |
 *       |  ended v | resumed  |
 *       +----> ENDING <-------+
 *                v
 *              ENDED --> answered and gone */
#define LEASE_STATES(X)                  \
    X(ADOPTING, TO(HELD) | TO(ENDED))    \
    X(SCHEDULING, TO(HELD) | TO(ENDING)) \
    X(HELD, TO(ENDING) | TO(ENDED))      \
    X(ENDING, TO(HELD) | TO(ENDED))      \
    X(ENDED, 0)

enum lease_state {
#define LEASE_STATE_ENUM(name, moves) LEASE_##name,
    LEASE_STATES(LEASE_STATE_ENUM)
#undef LEASE_STATE_ENUM
};

struct lease {
    struct ct_list link; /* in consumer->leases or queue->orphans */
    struct ct_list renew_link;
    struct ct_list answer_link;
    struct lease *next; /* in its bucket */
    uint32_t hash;
    enum lease_state state;
    struct queue *queue;
    struct consumer *consumer; /* NULL: nobody to tell */
    struct job *job;           /* owned; NULL while ADOPTING */
    struct ct_str token;       /* in job, or in the ADOPT effect */
    bool is_lost;              /* the lock is another's */
    bool is_returned;          /* ended by consumer_close, not by an outcome */
    bool is_sent;              /* the outcome is in the call in flight */
    bool is_again;             /* ended before it was resumed: its consumer will end it again */
    enum consumer_end end;     /* of a consumer that went while ADOPTING */
    char *cancelled;           /* owned; why it fails, whatever its end; NULL: not cancelled */
    char *refusal;             /* owned; why it did not end as its consumer said; NULL: it did */
    uint32_t effect_count;     /* live effects that belong to it, the outcome included */
    uint32_t note_count;
    uint32_t later_count; /* of its effects, in queue->later */
    uint32_t refused_count;
    struct effect *outcome;  /* while ENDING; ADOPTING: the ADOPT */
    struct effect *renew;    /* while one is under way */
    struct effect *progress; /* the newest that is not sent yet */
    int64_t renew_at_ms;     /* monotonic */
    uint64_t note;
    enum ct_code code; /* ENDED: how */
    enum queue_state result;
};

/* --- queue.c --- */
void queue_poke(struct queue *queue);
/* Replies come between enter and leave, so that the queue counts as busy during callbacks. */
void queue_enter(struct queue *queue);
void queue_leave(struct queue *queue);
/* Counts; true when this kind is new and should be logged. */
bool trouble_note(struct trouble *trouble, enum ct_code code);

/* --- exchange.c --- */
/* Sends a commit or a reclaim when there is a reason and nothing is in flight. */
void exchange_step(struct queue *queue, int64_t now_ms);
/* The call in flight did not work: what to do about `err`. Returns whether Redis may have carried
 * it out. */
bool exchange_failed(struct queue *queue, const struct ct_error *err);
void exchange_worked(struct queue *queue);
bool exchange_is_link_error(enum ct_code code);

/* --- effects.c --- */
/* Takes `effect`; its owner is a lease or NULL. */
void effects_queue(struct queue *queue, struct effect *effect);
/* To the head of those that wait; it was queued just now, for a lease of its own. */
void effects_advance(struct queue *queue, struct effect *effect);
void effects_queue_urgent(struct queue *queue, struct effect *effect);
/* Counts an effect that is in no list (TAKE). */
void effects_count(struct queue *queue, struct effect *effect);
/* Takes it out of wherever it is, and frees it. */
void effects_drop(struct queue *queue, struct effect *effect);
void effects_drop_of(struct queue *queue, struct lease *lease);
bool effects_is_full(const struct queue *queue);
/* Whether so many wait, or such, that nothing more may be fetched. */
bool effects_hold_up_fetch(const struct queue *queue);
/* Whether there are any to send now. */
bool effects_are_waiting(const struct queue *queue);
/* Fills the commit, within its bounds. */
void effects_take(struct queue *queue, struct commit *commit);
/* The commit was not answered: its effects are where they were before. */
void effects_restore(struct queue *queue, struct commit *commit, bool may_have_run);
/* Redis has answered for each of them. */
void effects_settle(struct queue *queue, struct commit *commit);
/* Brings refused ones back when their time has come. */
void effects_retry(struct queue *queue, int64_t now_ms);

/* --- leases.c --- */
void leases_add(struct queue *queue, struct lease *lease);
void leases_remove(struct queue *queue, struct lease *lease);
struct lease *leases_find(const struct queue *queue, struct ct_str token);

/* --- lease.c --- */
struct lease *lease_new(struct queue *queue, struct consumer *consumer, struct job *job);
/* A lease to be: its ADOPT is queued. */
struct lease *lease_new_adopting(struct queue *queue, struct consumer *consumer, struct ct_str id,
                                 struct ct_str token);
struct ct_str lease_id(const struct lease *lease);
/* Whether it still counts against its consumer's window. */
bool lease_is_open(const struct lease *lease);
void lease_become(struct lease *lease, enum lease_state next);
/* A fresh one: fails it when it is broken, schedules its next iteration, or offers it. */
void lease_begin(struct lease *lease);
/* Moves it to `consumer`, NULL: to nobody. */
void lease_give(struct lease *lease, struct consumer *consumer);
/* From open to ending, with `effect` as its outcome. */
void lease_end(struct lease *lease, struct effect *effect);
void lease_fail(struct lease *lease, const struct failure *failure);
/* Uncharged, an outcome without texts; a cancelled job fails instead. */
void lease_give_back(struct lease *lease, enum effect_kind kind, int64_t due_ms);
/* The same for a consumer that goes (RELEASE, STALL). */
void lease_return(struct lease *lease, enum effect_kind kind);
void lease_renew(struct lease *lease);
/* What Redis answered. */
void lease_settled(struct lease *lease, const struct effect *effect);
/* Its children do not let it end so: it fails instead. */
void lease_refused(struct lease *lease, struct effect *effect);
void lease_renewed(struct lease *lease, enum ct_code code);
void lease_scheduled(struct lease *lease, enum ct_code code);
void lease_noted(struct lease *lease, enum ct_code code);
/* The ADOPT worked: takes `job`. */
void lease_adopted(struct lease *lease, struct job *job);
/* Answers it in the next turn once nothing of it is under way. */
void lease_try_answer(struct lease *lease);
/* Tells its consumer how it ended, if there is one, and frees it. */
void lease_answer(struct lease *lease);
/* Frees it; nobody is told. */
void lease_free(struct lease *lease);
void lease_answer_all(struct queue *queue);

/* --- consumer.c --- */
void consumer_hold(struct consumer *consumer, int change);
/* Whose turn it is to get a job; NULL: nobody has credit. */
struct consumer *consumer_next(struct queue *queue);
/* Takes the jobs and gives them to consumers with free credit; the rest goes back. */
void consumer_hand_out(struct queue *queue, struct ct_list *jobs);

/* --- wait.c --- */
void wait_step(struct queue *queue, int64_t now_ms);
/* The earliest time at which wait_step has something to do. */
int64_t wait_next_ms(const struct queue *queue);
/* Credits that a wait or the job it brought will need. */
uint32_t wait_reserved(const struct queue *queue);
/* Puts the job ahead of those that the same commit fetched. */
void wait_taken(struct queue *queue, struct effect *effect);
/* The job of `take` was reclaimed: nothing to take any more. */
void wait_forget_take(struct queue *queue, struct ct_str id);

/* --- sched.c --- */
/* Everything that an outage may have delayed happens now. */
void sched_link_up(struct queue *queue);
/* Intervals may be shorter than before. */
void sched_configured(struct queue *queue);
void sched_step(struct queue *queue, int64_t now_ms);
/* Behind the commit of the same turn, which may renew what would look stalled. */
void sched_sweep(struct queue *queue, int64_t now_ms);
void sched_arm(struct queue *queue, int64_t now_ms);
bool sched_promotion_is_due(const struct queue *queue, int64_t now_ms);
/* A delayed job is due at this wall clock time. */
void sched_due(struct queue *queue, int64_t due_ms);
/* A commit with `promote` was answered. */
void sched_promoted(struct queue *queue, const struct commit *commit);
void sched_rest(struct queue *queue, int64_t rest_ms);
/* The lock was taken or renewed just now; `was_refused`: it was not, try again soon. */
void sched_add_renewal(struct lease *lease, bool was_refused);

/* --- resume.c --- */
struct resume;
void resume_step(struct queue *queue);
void resume_adopted(struct queue *queue, struct effect *effect);
void resume_free_all(struct consumer *consumer);

/* --- reclaim.c --- */
void reclaim_send(struct queue *queue);

/* --- cancelling.c --- */
/* A fresh lease: was it cancelled before its reply came? */
void cancel_meet(struct lease *lease);
/* Tells the consumer of a cancelled lease, if it has one that holds it. */
void cancel_tell(struct lease *lease);
/* What a cancelled lease fails with, instead of `failure` (NULL: it was not failed). */
struct failure cancel_failure(const struct lease *lease, const struct failure *failure);
/* A commit was answered. */
void cancel_commit_done(struct queue *queue);
/* At the end of a turn: nothing under way can bring them any more. */
void cancel_step(struct queue *queue);
void cancel_forget_all(struct queue *queue);

/* --- adds.c --- */
void adds_step(struct queue *queue, int64_t now_ms);
int64_t adds_next_ms(const struct queue *queue);

/* --- warn.c --- */
void warn_job(struct queue *queue, enum warn_kind kind, struct ct_str id, const char *error);
/* Counts dead letters; says once what keeps failed jobs from becoming some. */
void warn_dead_letters(struct queue *queue, const struct dead_letters *letters);

#endif
