/* One job in a runner: what the daemon sent, where it stands, and how it ended. The `struct
 * cartrita_job` that plugins see only as a pointer.
 *
 * Shared by the loop (leases.c), the job thread that runs it (threads.c) and whichever plugin
 * thread calls the host (host.c). The loop owns the lists and the lease; `phase` decides with one
 * compare-and-swap who may write the outcome; references keep the memory until all are done.
 *
 *   WAITING --thread--> RUNNING --complete, fail, ...; or the loop, when it gives up--> ENDED
 *      \--loop, handing it back-----------------------------------------------------------^  */
#ifndef WORKER_JOB_H
#define WORKER_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cartrita/plugin.h"
#include "common/list.h"
#include "common/str.h"
#include "worker/runner/outbox.h"
#include "worker/shared/job_limits.h"

#define JOB_LOG_LINE_MAX (64u << 10) /* bytes of one log line; the rest is cut */
#define JOB_REASON_MAX   (64u << 10) /* bytes of a failure's reason, and of its name */
#define JOB_STACK_MAX    (256u << 10)
#define JOB_GRAVE_MAX    64u /* ended jobs kept a while, against use after the end */
#define JOB_GRAVE_BYTES  (256u << 10)

struct cache_place;
struct threads;

enum job_phase { JOB_WAITING, JOB_RUNNING, JOB_ENDED };
enum job_end { JOB_COMPLETED, JOB_FAILED, JOB_RELEASED };

struct job_outcome {
    enum job_end kind;
    char *text; /* owned; a completed job's JSON, a failed one's reason; NULL: none */
    size_t text_len;
    char *stack; /* owned; a failed job's entry for its stack trace */
    bool is_unrecoverable;
    bool has_delay;
    int64_t delay_ms;
    uint64_t release; /* enum proto_release */
    uint64_t duration_ms;
};

struct cartrita_job {
    uint32_t magic; /* JOB_ALIVE until the memory goes */
    atomic_uint refs;
    atomic_int phase;
    struct threads *threads; /* borrowed; outlives its jobs */
    size_t size;             /* of this block */

    /* The loop's. */
    struct ct_list link;              /* in leases->held */
    struct cartrita_job *bucket_next; /* in leases->buckets, while it has a lease */
    uint64_t lease;                   /* 0: none on this connection */
    uint32_t queue_index;             /* which of the pool's queues, and its sub */
    bool has_outcome;                 /* it has ended, and the loop knows how */
    bool is_sent;                     /* its outcome went out on this connection */
    bool is_lost;                     /* lock lost: nothing more of it is worth sending */
    char *limit_reason; /* owned; it is over a limit: whatever the plugin says, it failed so */
    char *cancelled;    /* owned; the same, for good, and why; NULL: nobody has cancelled it */
    bool has_cpu_base;
    uint64_t cpu_base_ns; /* CPU time of its thread when it was first seen there */
    uint64_t arrived_ms;
    bool owes_cancel;      /* the plugin is to be told as soon as it has it */
    uint64_t cancelled_ms; /* when it was told to stop; 0: never */
    struct ct_list kept;   /* struct job_note: not yet sent, while the connection is down */
    uint32_t kept_count;
    uint32_t adds_open; /* jobs that it has enqueued and that are not answered */

    /* Under the lock of threads. */
    struct ct_list ready;

    /* What the daemon sent; NUL-terminated copies behind the struct. */
    struct ct_str id, name, queue, data, opts, token;
    struct ct_str telemetry, parent; /* absent: none */
    const char *queue_key;           /* prefix:queue; ends as `queue` does */
    int64_t timestamp_ms;
    uint32_t attempts_made;
    uint64_t timeout_ms;             /* of this attempt; 0: none */
    const struct job_limits *limits; /* borrowed from the runner's settings */
    uint32_t limits_index;           /* in that list */

    /* Written by the job thread, read by all. */
    size_t entry; /* in the recorder */
    uint64_t started_ns;
    _Atomic uint64_t deadline_ms;  /* 0: none */
    _Atomic(char *) cancel_reason; /* owned; set once, by the loop */
    _Atomic(char *) temp_dir;      /* owned; NULL: it has none (job_temp.h) */
    _Atomic uint64_t output_bytes; /* of log lines and progress, from all threads of the plugin */

    /* Written by whoever won `phase`, then handed over by `end`. */
    struct job_outcome outcome;
    uint64_t ended_ns;
    bool is_cached;            /* its result is one of before: the plugin never had it */
    struct cache_place *cache; /* owned; of a pure job that runs; written before it does */
    struct note end;
};

/* A progress value, a log line or new data on its way to the loop. Holds a reference. */
struct job_note {
    struct note note;
    struct ct_list link; /* in job->kept */
    struct cartrita_job *job;
    size_t len;
    char text[];
};

struct job_spec {
    struct ct_str id, name, queue, data, opts, token;
    struct ct_str telemetry, parent; /* absent: none */
    struct ct_str prefix;
    int64_t timestamp_ms;
    uint32_t attempts_made;
    uint64_t timeout_ms;
    const struct job_limits *limits; /* borrowed; outlives the job */
    uint32_t limits_index;
    uint32_t queue_index;
};

/* One block of memory with one reference, the loop's. */
struct cartrita_job *job_new(struct threads *threads, const struct job_spec *spec);
void job_ref(struct cartrita_job *job);
void job_unref(struct cartrita_job *job);

/* Whether `job` is a job at all and not yet freed; false catches most uses of a freed one. */
bool job_is_alive(const struct cartrita_job *job);

/* Claims the right to end it: true for exactly one caller. From `phase` only. */
bool job_claim(struct cartrita_job *job, enum job_phase phase);

/* Fill the outcome of a claimed job. Copies, within the bounds above. */
void job_outcome_complete(struct cartrita_job *job, const char *json, size_t len);
void job_outcome_fail(struct cartrita_job *job, const struct cartrita_failure *failure);
void job_outcome_fail_reason(struct cartrita_job *job, const char *reason);
void job_outcome_release(struct cartrita_job *job, uint64_t how, uint64_t duration_ms);

/* Told to stop, at a limit or because somebody cancelled it: whatever its plugin has said,
 * it has failed, unless it was handed back (a cancelled one: unless the plugin has moved it
 * itself). */
bool job_was_stopped(const struct cartrita_job *job);
/* That failure, in place of the outcome it has. */
void job_outcome_stopped(struct cartrita_job *job);

/* "Promise timed out after N milliseconds", Bull's words, as fresh memory. */
char *job_timeout_reason(const struct cartrita_job *job);

/* Drops what is kept of ended jobs; the process is about to end. */
void job_graves_free(void);

struct job_note *job_note_new(struct cartrita_job *job, enum note_kind kind, const char *text,
                              size_t len);
void job_note_free(struct job_note *note);

static inline uint64_t job_now_ms(void)
{
    return uv_hrtime() / 1000000u;
}

#endif
