/* The engine: one queue as a state machine. It holds credits that consumers offered, jobs leased to
 * them, effects that wait to be committed, and at most one commit in flight. Callbacks only record;
 * queue_turn, called once at the end of a loop turn, decides and sends.
 *
 * It knows no socket, no loop and no dialect by name: clock, randomness, Redis and dialect come in
 * as tables. Used by the daemon (server/) and by the simulation (tests/sim). */
#ifndef CT_QUEUE_QUEUE_H
#define CT_QUEUE_QUEUE_H

#include "common/clock.h"
#include "queue/dialect.h"
#include "queue/tally.h"
#include "redis/link.h"

struct queue;
struct consumer;
struct lease;

/* How a queue reaches the world. Callbacks of call and wait come exactly once, never from inside.
 */
struct queue_port {
    void (*call)(void *ctx, struct redis_command *command, redis_done_fn done, void *arg);
    /* On the queue's own blocking connection; one at a time. */
    void (*wait)(void *ctx, struct redis_command *command, redis_done_fn done, void *arg);
    /* Makes a wait under way return early (its callback still comes). Best effort. */
    void (*unwait)(void *ctx);
    /* Call queue_turn at the end of this loop turn; asked any number of times. */
    void (*schedule)(void *ctx);
    /* Call queue_timer at this monotonic time; replaces the earlier one. COMMIT_NEVER: none. */
    void (*arm)(void *ctx, int64_t at_ms);
    void *ctx;
};

struct queue_options {
    const struct dialect *dialect;         /* borrowed */
    const char *prefix, *name;             /* copied */
    const struct queue_settings *settings; /* copied */
    const struct ct_clock *clock;          /* borrowed */
    const struct ct_random *random;        /* borrowed */
    const struct queue_port *port;         /* borrowed */
    struct tally *tally;                   /* borrowed; NULL: one of its own, which goes with it */
};

/* Where a job is after its result was committed. */
enum queue_state {
    QUEUE_COMPLETED = 1,
    QUEUE_FAILED,
    QUEUE_DELAYED,
    QUEUE_WAITING,
    QUEUE_LOST,
    QUEUE_WAITING_CHILDREN
};

/* What a consumer is told. Called from queue_turn and from reply callbacks, never from inside a
 * call of the consumer's. */
struct consumer_events {
    /* A job for you. `lease` stays valid until on_answer for it, or until consumer_close. */
    void (*on_job)(void *ctx, struct lease *lease);
    /* The one answer to the call that ended it; the lease is gone after it. With OK, `detail` is
     * NULL or says why a job did not end as its consumer said: its children did not let it. */
    void (*on_answer)(void *ctx, struct lease *lease, enum ct_code code, enum queue_state state,
                      const char *detail);
    /* Stop the job. CANCELLED: somebody wants it ended; only a job that was completed before this
     * was known may still complete. Else its lock is lost, and its outcome will be refused. */
    void (*on_cancel)(void *ctx, struct lease *lease, const struct ct_error *why);
    /* The answer to queue_resume. `lease` NULL: lost, for the reason in `err`. */
    void (*on_resumed)(void *ctx, struct ct_str id, struct ct_str token, struct lease *lease,
                       const struct ct_error *err);
};

enum ct_code queue_new(const struct queue_options *options, struct queue **out,
                       struct ct_error *err) CT_MUST_CHECK;
/* Every consumer must be closed and no call under way (queue_is_idle). */
void queue_free(struct queue *queue);

const char *queue_name(const struct queue *queue);
const char *queue_prefix(const struct queue *queue);
const struct dialect *queue_dialect(const struct queue *queue);
const struct dialect_queue *queue_dialect_queue(const struct queue *queue);
void queue_configure(struct queue *queue, const struct queue_settings *settings);
const struct queue_settings *queue_settings(const struct queue *queue);

/* --- driving --- */
void queue_turn(struct queue *queue);
void queue_timer(struct queue *queue);
void queue_wake(struct queue *queue, struct ct_str payload); /* message on the wake channel */
void queue_link_up(struct queue *queue);                     /* Redis can be reached (again) */
void queue_link_down(struct queue *queue);
/* Fetch nothing more; what is leased goes on. */
void queue_drain(struct queue *queue);
/* No lease, no effect, no call and no wait under way. */
bool queue_is_idle(const struct queue *queue);

/* --- consumers: one attachment of one connection --- */
struct consumer *consumer_open(struct queue *queue, const struct consumer_events *events,
                               void *ctx);
/* How many jobs it wants to hold at the most; more than CONSUMER_WINDOW_MAX counts as that. */
#define CONSUMER_WINDOW_MAX 16384
void consumer_window(struct consumer *consumer, uint32_t window);
uint32_t consumer_lease_count(const struct consumer *consumer);

enum consumer_end {
    CONSUMER_RETURNS, /* it gives its jobs back: to the front, uncharged */
    CONSUMER_DIED,    /* nobody knows which ran: to the front, counted as stalled */
};
/* Gives back what it still holds (outcomes already handed over are still committed) and frees it;
 * no callback comes any more. */
void consumer_close(struct consumer *consumer, enum consumer_end end);

/* --- leases --- */
const struct job *lease_job(const struct lease *lease);
struct consumer *lease_consumer(const struct lease *lease);
/* A place for the owner of the consumer to note something (its number on the wire). */
void lease_set_note(struct lease *lease, uint64_t note);
uint64_t lease_note(const struct lease *lease);

/* Each lease ends by exactly one of these seven; a second one is CONFLICT and changes nothing.
 * Texts are copied. */
enum ct_code queue_complete(struct lease *lease, struct ct_str value,
                            struct ct_error *err) CT_MUST_CHECK;
enum ct_code queue_fail(struct lease *lease, const struct failure *failure,
                        struct ct_error *err) CT_MUST_CHECK;
/* It has not begun: back to the front, as if it had never been fetched. */
enum ct_code queue_hand_back(struct lease *lease, struct ct_error *err) CT_MUST_CHECK;
/* To begin again: back to the front, uncharged; rest_ms > 0: the queue fetches nothing for so long.
 */
enum ct_code queue_release(struct lease *lease, int64_t rest_ms,
                           struct ct_error *err) CT_MUST_CHECK;
/* To be run again when the delay is over, uncharged. */
enum ct_code queue_postpone(struct lease *lease, int64_t delay_ms,
                            struct ct_error *err) CT_MUST_CHECK;
/* To be run again when all of its children have ended, uncharged; at once when none is pending.
 * Where jobs have no children it fails. */
enum ct_code queue_await(struct lease *lease, struct ct_error *err) CT_MUST_CHECK;
/* Somebody moved the job itself, under its token: write nothing. Answered like the others. */
enum ct_code queue_forget(struct lease *lease, struct ct_error *err) CT_MUST_CHECK;

/* Effects that wait for Redis, and their bytes: with more, nothing is fetched, and what can be
 * refused (notes, resumes) is. Outcomes are always taken: the leases bound them. */
#define QUEUE_PENDING_MAX       65536
#define QUEUE_PENDING_BYTES_MAX (64u << 20)

/* The longest rest that a release may ask for. */
#define QUEUE_REST_MAX_MS (24 * 3600 * 1000)
/* The longest delay of a job that puts itself off. */
#define QUEUE_POSTPONE_MAX_MS (10LL * 366 * 24 * 3600 * 1000)

/* While it runs; committed before its outcome. Bounded: QUEUE_NOTES_MAX uncommitted ones a lease,
 * then TOO_LARGE (for progress the newest replaces the waiting one instead). */
#define QUEUE_NOTES_MAX 1024
/* Whether more of them should come now: false well before they are refused. */
bool queue_takes_notes(const struct lease *lease);
enum ct_code queue_progress(struct lease *lease, struct ct_str value, struct ct_error *err);
enum ct_code queue_log(struct lease *lease, struct ct_str line, struct ct_error *err);
enum ct_code queue_update(struct lease *lease, struct ct_str data, struct ct_error *err);

/* Ends an active job for good: its consumer is told to stop it, and whatever its end, it has failed
 * with the reason "cancelled: REASON" (absent: "cancelled"). NOT_FOUND: no consumer has it (should
 * a call under way bring it, it fails then; up to QUEUE_CANCELS_MAX are remembered so). CONFLICT:
 * it has just ended. */
#define QUEUE_CANCELS_MAX 64
enum ct_code queue_cancel(struct queue *queue, struct ct_str id, struct ct_str reason,
                          struct ct_error *err);

/* A consumer that lost its daemon still holds this job: take its lock over, if it is still its. */
void queue_resume(struct consumer *consumer, struct ct_str id, struct ct_str token);

/* --- adding --- */
#define QUEUE_ADDS_MAX      16384 /* waiting for a call; with more: TOO_LARGE */
#define QUEUE_ADD_CALLS_MAX 4     /* under way at once */
#define QUEUE_ADD_WAIT_MS   5000  /* for a link; then REDIS_DOWN */
/* `add` stays the caller's and untouched until `done`, which comes exactly once. Adds of one loop
 * turn share a call. */
void queue_add(struct queue *queue, struct job_add *add, void (*done)(struct job_add *add));

/* --- children --- */
#define QUEUE_CHILDREN_CALLS_MAX 256 /* under way at once; with more: TOO_LARGE */
/* The answer; what `query` lends ends with it. Comes exactly once, never from inside the call that
 * asked. The receiver calls children_query_fini. */
typedef void (*children_done_fn)(struct children_query *query, const struct ct_error *err);
/* Asks for a page of a job's children. Not OK (UNSUPPORTED: its dialect has no flows): nothing was
 * asked. Else `query` stays the caller's and untouched until `done`. */
enum ct_code queue_children(struct queue *queue, struct children_query *query,
                            children_done_fn done, struct ct_error *err) CT_MUST_CHECK;

/* --- figures, for metrics and logs --- */
struct queue_figures {
    uint64_t fetched, completed, failed, retried, released, recovered, lost, dead, commits, waits,
        adds;
    uint32_t leases, credits, pending;
};
void queue_figures(const struct queue *queue, struct queue_figures *out);
/* Why Redis, which is there, refuses what the queue wants to change, a key of a foreign type for
 * instance; NULL: it does not. Borrowed until the queue's next turn. */
const char *queue_trouble(const struct queue *queue);

#endif
