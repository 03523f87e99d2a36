/* A dialect for the simulation: a queue in memory (ids in one place each, locks with tokens) on
 * which the engine's calls are carried out when the simulation says so. It answers as the real
 * scripts are meant to, but is no copy of them: what a resent effect has done before it knows by
 * remembering tokens. */
#ifndef CT_TESTS_SIM_FAKE_DIALECT_H
#define CT_TESTS_SIM_FAKE_DIALECT_H

#include "common/clock.h"
#include "queue/dialect.h"

enum place { IN_WAIT, IN_ACTIVE, IN_DELAYED, IN_WAITING_CHILDREN, IN_COMPLETED, IN_FAILED, PLACES };

#define FAKE_TOKEN_MAX 80

struct fake_job {
    struct ct_list link; /* in model->places[place] */
    enum place place;
    char id[24];
    char token[FAKE_TOKEN_MAX];       /* of its lock; empty: none */
    char ended_token[FAKE_TOKEN_MAX]; /* under which it left active the last time */
    enum effect_kind ended_kind;
    int64_t locked_until_ms; /* monotonic */
    int64_t due_ms;          /* wall clock */
    int64_t activation;      /* told as processed_on */
    uint32_t attempts, stalled, crashes;
    uint32_t finish_count;           /* how often it came to completed or failed */
    uint32_t note_count, late_notes; /* late: under a token that it has left active with */
    uint32_t last_note;              /* notes carry rising numbers */
    bool notes_are_disordered;
    uint32_t schedule_count;
    uint32_t children_pending, children_failed;
    bool is_marked; /* by a sweep */
    bool is_repeat, is_broken, is_missing;
    const char *data;     /* borrowed; NULL: {} */
    enum ct_code refusal; /* what effects on it get, OK: nothing special */
    bool was_refused;
    bool only_notes_are_refused;
    char value[64]; /* of its result, or why it failed */
};

struct model {
    struct ct_list places[PLACES]; /* struct fake_job; wait: the next one first */
    struct fake_job **jobs;        /* owned; all */
    uint32_t job_count, job_cap;
    const struct ct_clock *clock; /* borrowed */
    int64_t lock_ms;
    uint32_t stalled_max;
    int64_t stalled_interval_ms, swept_at_ms;
    int64_t rest_once_ms; /* the next fetch is rate limited */
    uint32_t promote_max;
    bool take_steals;   /* a TAKE overwrites a lock, as Bull's own script does */
    bool is_garbled;    /* the next reply cannot be read */
    bool has_markers;   /* a wait takes a marker, not a job */
    bool marker;        /* who waits is told of work */
    bool due_marker;    /* who waits is told when the next delayed job is due */
    int64_t limited_ms; /* a RELEASE asked for this rest */
    bool is_obstructed; /* a key of the queue has a foreign type: no outcome can be written */
    /* Set by build: the call that was built last. */
    struct fake_call *built;
    uint32_t drained_count; /* how often listeners were told "drained" */
    uint32_t sweep_count, reclaim_count, promote_count;
    uint32_t add_refused_from; /* adds named "bad" are refused at build */
};

enum fake_kind { FAKE_COMMIT, FAKE_WAIT, FAKE_SWEEP, FAKE_RECLAIM, FAKE_ADD, FAKE_CHILDREN };

#define FAKE_CRASHES_MAX 2
#define FAKE_RESULTS_MAX (COMMIT_EFFECTS_MAX + COMMIT_FETCH_MAX)

struct fake_effect {
    enum effect_kind kind;
    bool is_resent;
    bool has_last; /* a retry after a crash */
    char id[24], token[FAKE_TOKEN_MAX], value[64];
    int64_t activation, due_ms;
    uint32_t attempts;
    /* --- results --- */
    enum ct_code code;
    bool is_failed, is_ready, is_final;
    struct fake_job *leased;
};

/* One call: what it asks, and after fake_run what it answers. Doubles as the reply. */
struct fake_call {
    enum fake_kind kind;
    struct model *model;
    struct fake_effect *effects; /* owned */
    uint32_t effect_count, fetch_max;
    bool promote, tell_drained;
    int64_t now_ms;
    char token_base[CT_UUID_LEN + 1];
    uint64_t token_first, token_next;
    uint32_t add_count;
    /* --- results --- */
    struct fake_job *jobs[FAKE_RESULTS_MAX];
    char tokens[FAKE_RESULTS_MAX][FAKE_TOKEN_MAX]; /* at the time of the lease */
    uint32_t result_count;
    char id[24];   /* of a wait; empty: none */
    bool has_work; /* of a wait: it took the marker */
    int64_t told_due_ms;
    bool is_drained, has_more_due, is_garbled, is_obstructed;
    int64_t next_due_ms, rest_ms;
    struct sweep sweep;
    uint32_t first_added;
    uint32_t child_count;
};

extern const struct dialect fake_dialect;
/* Its jobs have children, fetches promote, and a wait only tells of work. */
extern const struct dialect fake_marking_dialect;

struct model *model_new(const struct ct_clock *clock);
void model_free(struct model *model);
/* What fake_dialect.open connects to. */
void model_use(struct model *model);

/* A new waiting job. Lent. */
struct fake_job *model_add(struct model *model);
struct fake_job *model_find(const struct model *model, const char *id);
void model_move(struct model *model, struct fake_job *job, enum place place, bool to_front);
/* A child of the job has ended. */
void model_end_child(struct model *model, struct fake_job *job, bool has_failed);
bool model_is_locked(const struct model *model, const struct fake_job *job);
uint32_t model_count(const struct model *model, enum place place);

/* The call in a command that the engine has built. Lent; the caller frees with fake_call_free. */
struct fake_call *fake_call_of(const struct redis_command *command);
void fake_call_free(struct fake_call *call);
/* Carries it out. A wait takes a job when there is one; the others do all they ask. */
void fake_run(struct fake_call *call);
static inline const struct redis_reply *fake_reply(const struct fake_call *call)
{
    return (const struct redis_reply *)call;
}

#endif
