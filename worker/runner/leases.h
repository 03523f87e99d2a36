/* The jobs that a runner holds: takes them from the daemon, gives them to the job threads, sends
 * how they ended, and keeps each until the daemon has acknowledged it, across lost connections.
 *
 *   job ──> threads ──> outcome sent ──> ack ──> forgotten
 *    │ unstarted: lost connection, drain, waited too long         (released, then ack)
 *    └ connection lost: no lease; up again: attach, resume ──> resumed: new lease, outcome sent
 *                                                          └─> refused: told to stop, forgotten
 *
 * Owned by the runner, on its loop's thread only. Never blocks, never runs plugin code but the
 * short calls cancel and finished. */
#ifndef WORKER_LEASES_H
#define WORKER_LEASES_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "proto/client.h"
#include "proto/frame.h"
#include "worker/runner/ask.h"
#include "worker/runner/cache.h"
#include "worker/runner/host.h"
#include "worker/runner/job.h"
#include "worker/runner/prefetch.h"
#include "worker/runner/subs.h"
#include "worker/runner/threads.h"

#define LEASES_BUCKETS     1024u  /* power of two */
#define LEASES_HELD_MAX    65536u /* jobs in a runner, whatever the daemon sends */
#define LEASES_KEPT_MAX    1000u  /* progress and log lines of one job kept without connection */
#define LEASES_ADDS_MAX    10000u /* enqueued jobs without an answer */
#define LEASES_REATTACH_MS 5000u  /* a queue that the daemon refused is asked for again */
#define LEASES_SOON_MS     2u     /* looks after a job that a thread is just taking */
#define LEASES_TICK_MS     20u    /* looks after waiting jobs and open credits */

struct leases_options {
    uv_loop_t *loop;
    const struct cartrita_plugin *plugin;
    void *self;                /* the plugin's */
    struct threads *threads;   /* all borrowed */
    struct cache *cache;       /* NULL: none */
    const char *const *queues; /* of the pool */
    size_t queue_count;
    const char *prefix, *dialect;    /* NULL: the daemon's default */
    const char *settings;            /* JSON object for attach; NULL: none */
    const struct job_limits *limits; /* the pool's first; borrowed */
    size_t limit_count;
    uint64_t cancel_grace_ms;
    /* A job that was told to stop did not: its thread is lost, the process should end. */
    void (*on_stuck)(void *ctx);
    uint64_t recycle_jobs; /* after so many have ended, on_enough; 0: never */
    void (*on_enough)(void *ctx);
    /* Draining, and nothing is held any more. */
    void (*on_drained)(void *ctx);
    void *ctx;
};

struct leases {
    struct leases_options options;
    struct proto_client *client; /* borrowed; NULL until set */
    bool is_up;
    bool is_draining;
    bool is_paused;
    uint32_t frame_max;
    struct subs subs;
    struct prefetch prefetch;
    struct ct_list held; /* cartrita_job.link */
    struct cartrita_job *buckets[LEASES_BUCKETS];
    struct ct_list incoming; /* cartrita_job.ready: given to the threads at the end of the turn */
    struct ct_list adds;     /* struct add: enqueued jobs */
    size_t add_count;
    uint64_t add_next;
    struct ct_list asks; /* struct ask: questions about children */
    uint64_t ask_next;
    uint64_t deadline_at_ms; /* when `deadline` fires; 0: not armed */
    uint64_t ended_count;    /* jobs that ran */
    uint64_t refused_count;  /* outcomes that the daemon refused */
    uv_check_t turn;         /* end of a turn of the loop */
    uv_timer_t tick, deadline, reattach, cpu;
    unsigned handles_open;
    bool is_changed; /* something that windows depend on */
};

void leases_open(struct leases *leases, const struct leases_options *options);
/* Frees what is held; the handles' memory is free to go once handles_open is 0. */
void leases_close(struct leases *leases);

/* From the client's callbacks. */
void leases_up(struct leases *leases, struct proto_client *client,
               const struct proto_welcome *welcome);
void leases_down(struct leases *leases);
void leases_message(struct leases *leases, const struct proto_message *message);
/* From the outbox. */
void leases_notes(struct leases *leases, struct note *notes);

/* Fetch nothing more, hand back what has not started; on_drained once nothing is held. */
void leases_drain(struct leases *leases);
/* Fetch nothing more and hand back what has not started, until it is told otherwise. */
void leases_pause(struct leases *leases, bool is_paused);
/* Gives back what still runs, uncharged: the process is about to end. */
void leases_give_up(struct leases *leases);
size_t leases_held_count(const struct leases *leases);

/* --- between leases.c, outcomes.c, cancels.c, deadlines.c, resume.c, adds.c, asks.c
 * ------------------------------------------
 */

/* Sends `message`; false when the connection is down (it will be said again after resume). */
bool leases_send(struct leases *leases, const struct proto_message *message);
void leases_send_outcome(struct leases *leases, struct cartrita_job *job);
void leases_give_lease(struct leases *leases, struct cartrita_job *job, uint64_t lease);
/* The job is over for this runner: its place is free. */
void leases_forget(struct leases *leases, struct cartrita_job *job);
/* Ends a job that has not started and hands it back; a list of them by `ready`. */
void leases_hand_back(struct leases *leases, struct cartrita_job *job);
void leases_hand_back_all(struct leases *leases, struct ct_list *jobs);
/* Tells the plugin to stop a job. `reason` is copied. */
void leases_cancel(struct leases *leases, struct cartrita_job *job, const char *reason);
/* The plugin hears that a job was cancelled, at the latest when it has it. */
void leases_tell_cancel(struct leases *leases, struct cartrita_job *job);
void leases_tell_finished(struct leases *leases, const struct cartrita_job *job, const char *state,
                          const char *error);

/* Acts on what has changed: starts what came, tells windows. At the end of every turn that read
 * from the daemon, and of every timer. */
void leases_settle(struct leases *leases);

void leases_drop_parked(struct leases *leases);

/* cancels.c: a held job that the daemon wants stopped. */
void cancels_told(struct leases *leases, struct cartrita_job *job,
                  const struct proto_cancel *cancel);

/* deadlines.c: time limits of running jobs, and of those that were told to stop. */
void deadlines_expect(struct leases *leases, uint64_t at_ms); /* look then, at the latest */

/* The job is over a limit, and `reason` says which: it is told to stop, and has failed so. Takes
 * `reason` over. */
void deadlines_over(struct leases *leases, struct cartrita_job *job, char *reason);

/* cpu.c: CPU time of running jobs. Looks as long as there are any with a limit. */
void cpu_expect(struct leases *leases);

/* resume.c: what a lost and a new connection mean. */
void resume_attach(struct leases *leases, size_t index);
void resume_attached(struct leases *leases, const struct proto_attached *attached);
void resume_resumed(struct leases *leases, const struct proto_resumed *resumed);
/* Sends, or keeps for later, a progress value, log line or new data. Takes `note` over. */
void resume_note(struct leases *leases, struct job_note *note);
void resume_reattach_due(uv_timer_t *timer);

/* adds.c: jobs that plugins enqueue. */
void adds_take(struct leases *leases, struct add_note *note); /* takes `note` over */
void adds_answered(struct leases *leases, const struct proto_added *added);
void adds_up(struct leases *leases);
void adds_down(struct leases *leases);
void adds_close(struct leases *leases);

/* asks.c: what job threads ask about children. */
void asks_take(struct leases *leases, struct ask *ask); /* takes the loop's reference over */
void asks_child(struct leases *leases, const struct proto_child *child);
void asks_cached(struct leases *leases, const struct proto_cached *cached);
void asks_end(struct leases *leases, const struct proto_children_end *end);
/* The job is to stop: nobody need wait for an answer. */
void asks_stop(struct leases *leases, const struct cartrita_job *job, const char *reason);
void asks_down(struct leases *leases);

#endif
