/* The Cartrita plugin ABI, version 1: the only header a plugin needs.
 *
 * A plugin is a shared object (.so) that exports one symbol, made by CARTRITA_PLUGIN below. The
 * runtime opens it once per runner process, gives it jobs, and closes it when the runner ends.
 * A plugin links against nothing of the runtime: all it may call comes in `struct cartrita_host`.
 *
 * Threads: open and close run on the runner's main thread, before the first and after the last
 * job. run is called on job threads, as many at once as the pool's concurrency, so what `self`
 * points at is shared. Host functions may be called from any thread as long as the job they name
 * has not ended.
 *
 * A job ends with exactly one of complete, fail, release, rate_limit, delay, wait and
 * wait_for_children. A run that returns without having ended a job fails it; ending it twice is
 * refused, logged, and changes nothing.
 *
 * The promise: within one major version structs only grow at their end, `size` says how far the
 * other side knows them, and functions keep their meaning. */
#ifndef CARTRITA_PLUGIN_H
#define CARTRITA_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CARTRITA_ABI_MAJOR 1 /* raised when an old plugin would break */
#define CARTRITA_ABI_MINOR 2 /* raised when something is appended */

struct cartrita_job; /* opaque: read through the host, so it can grow */

/* How a job failed. Zero what you do not set; start from CARTRITA_FAILURE. */
struct cartrita_failure {
    uint32_t size;            /* sizeof(struct cartrita_failure) */
    int32_t is_unrecoverable; /* non-zero: no further attempt */
    const char *reason;       /* what the user sees as failedReason; NULL: "Unknown reason" */
    const char *name;         /* kind of error, such as "TypeError"; NULL: "Error" */
    const char *stack;        /* lines for the stack trace, separated by \n; NULL: none */
    int64_t delay_ms;         /* the plugin's own backoff: 0 at once, -1 no further attempt */
    int32_t has_delay;        /* non-zero: delay_ms counts; else the job's own backoff does */
    int32_t reserved;
};

#define CARTRITA_FAILURE                                              \
    {                                                                 \
        sizeof(struct cartrita_failure), 0, NULL, NULL, NULL, 0, 0, 0 \
    }

#define CARTRITA_LOG_DEBUG 0
#define CARTRITA_LOG_INFO  1
#define CARTRITA_LOG_WARN  2
#define CARTRITA_LOG_ERROR 3

/* The answer to host->enqueue. `id` is the new job's id (or that of the job it is a duplicate of),
 * NULL when `error` says why nothing was added. Both are valid during the call only. */
typedef void (*cartrita_enqueued_fn)(void *ctx, const char *id, const char *error);

/* Children of a job, by how they have ended, in BullMQ's words. */
#define CARTRITA_CHILDREN_PROCESSED   1 /* completed; value: the result, JSON */
#define CARTRITA_CHILDREN_IGNORED     2 /* failed, and the job goes on; value: the reason, text */
#define CARTRITA_CHILDREN_FAILED      3 /* failed, and so does the job; no value */
#define CARTRITA_CHILDREN_UNPROCESSED 4 /* not ended; no value */

/* One child: its key ("bull:parts:7": prefix, queue and id) and its value, NULL when there is none.
 * Both are valid during the call only, and end with a NUL. Non-zero: no further child is wanted. */
typedef int32_t (*cartrita_child_fn)(void *ctx, const char *key, const char *value,
                                     size_t value_len);

/* What a plugin may call. Strings that it returns are valid until the job's run returns; strings
 * passed in are copied. All JSON is UTF-8 text. */
struct cartrita_host {
    uint32_t size; /* bytes this host knows; test it before using a newer field */
    uint16_t abi_major, abi_minor;

    /* --- what the job is --- */
    const char *(*job_id)(const struct cartrita_job *job);
    const char *(*job_name)(const struct cartrita_job *job);
    const char *(*job_queue)(const struct cartrita_job *job);
    const char *(*job_data)(const struct cartrita_job *job,
                            size_t *len); /* JSON; len may be NULL */
    const char *(*job_opts)(const struct cartrita_job *job, size_t *len); /* JSON object */
    const char *(*job_token)(const struct cartrita_job *job);      /* value of the job's lock */
    int64_t (*job_timestamp_ms)(const struct cartrita_job *job);   /* when it was added, epoch */
    uint32_t (*job_attempts_made)(const struct cartrita_job *job); /* before this attempt */
    /* Milliseconds until this attempt is stopped, 0 when the time is up, -1 without a limit. */
    int64_t (*job_time_left_ms)(const struct cartrita_job *job);

    /* --- while it runs --- */
    /* Non-zero once the job should stop: cancelled, timed out, or its lock lost. */
    int32_t (*is_cancelled)(const struct cartrita_job *job);
    /* Why, or NULL while it is not: "cancelled" or "cancelled: REASON" (somebody wants it ended for
     * good), "Promise timed out after N milliseconds", or why it is over another limit or lost. The
     * first one stays. For people: do not take it apart. */
    const char *(*cancel_reason)(const struct cartrita_job *job);
    /* Stores any JSON value as the job's progress; 0, or -1 when `json` is not JSON. */
    int32_t (*progress)(struct cartrita_job *job, const char *json, size_t len);
    /* Appends a line to the job's log. */
    void (*log)(struct cartrita_job *job, const char *line, size_t len);
    /* Replaces the job's data; 0, or -1 when `json` is not JSON. */
    int32_t (*update_data)(struct cartrita_job *job, const char *json, size_t len);
    /* Moves the time limit of this attempt to `ms` from now; 0, or -1 when it is cancelled. */
    int32_t (*extend)(struct cartrita_job *job, int64_t ms);

    /* --- how it ends: exactly one of these --- */
    /* `json` is the result; NULL stores null. Text that is not JSON fails the job instead. */
    void (*complete)(struct cartrita_job *job, const char *json, size_t len);
    void (*fail)(struct cartrita_job *job, const struct cartrita_failure *failure);
    /* The plugin has moved the job itself, under its token: nothing is written. */
    void (*release)(struct cartrita_job *job);
    /* Back to waiting, uncharged; the queue's fetching pauses for duration_ms. */
    void (*rate_limit)(struct cartrita_job *job, int64_t duration_ms);

    /* --- beside jobs --- */
    /* Adds a job to `queue` (of the same Redis, prefix and dialect as `job`). `opts` is a JSON
     * object as Bull and BullMQ take it, or NULL; with a parent in it (see job_queue_key) the new
     * job is a child. `done` may be NULL; it is called once, on the runner's
     * main thread, and must not block. */
    void (*enqueue)(const struct cartrita_job *job, const char *queue, const char *name,
                    const char *data, const char *opts, cartrita_enqueued_fn done, void *ctx);
    /* A line in the process log. */
    void (*log_process)(int32_t level, const char *message);

    /* --- since 1.1 --- */
    /* Names what the job does now ("decode", "upload"); the beginning of it is told with the job's
     * failure should its process die. Cheap: nothing is sent. */
    void (*phase)(struct cartrita_job *job, const char *text);
    /* A directory for this job alone, made at the first call and removed with all it holds when the
     * job has ended. NULL, with the reason in the process log, when it cannot be made. */
    const char *(*job_temp_dir)(struct cartrita_job *job);

    /* --- since 1.2 --- */
    /* What its producer gave to tracing (BullMQ's telemetry metadata), as text; NULL: nothing. */
    const char *(*telemetry)(const struct cartrita_job *job);
    /* Key of the job whose child it is; NULL: it is no child. */
    const char *(*job_parent)(const struct cartrita_job *job);
    /* "prefix:queue" of the job: what the options of a child to be name,
     * {"parent": {"id": job_id, "queue": job_queue_key}}. */
    const char *(*job_queue_key)(const struct cartrita_job *job);

    /* More ways to end it. It is not charged, and will be run again from its beginning: where a job
     * goes in steps, it keeps the step it has come to in its data (update_data, which is in Redis
     * before the end that follows it). */
    /* After `ms`. */
    void (*delay)(struct cartrita_job *job, int64_t ms);
    /* Now: it is the next one of its queue. */
    void (*wait)(struct cartrita_job *job);
    /* When all of its children have ended; at once when none is pending. Children that it has
     * enqueued itself count, also those whose `done` has not been called yet. It fails if a child
     * has failed in a way that fails its parent, or if it is in a Bull queue, which has no flows.
     */
    void (*wait_for_children)(struct cartrita_job *job);

    /* Calls `each` for the job's children of one kind (CARTRITA_CHILDREN_...), on this thread, page
     * by page, and returns when that was all: 0; or -1, with the reason in `error` (error_size
     * bytes, NUL-terminated; may be NULL), when the daemon cannot be reached, the job should stop,
     * or its queue has no flows. A child that ends meanwhile may be told twice. Not to be called on
     * the runner's main thread. */
    int32_t (*children)(struct cartrita_job *job, int32_t which, cartrita_child_fn each, void *ctx,
                        char *error, size_t error_size);
};

/* What a plugin is. */
struct cartrita_plugin {
    uint32_t size;
    uint16_t abi_major, abi_minor; /* what it was built against; filled in by the macro */
    uint32_t batch_max;            /* jobs per run at the most; 0 or 1: one at a time */
    uint32_t batch_wait_ms;        /* how long a run may wait to fill its batch */
    const char *name;
    const char *version;

    /* Called once per process. `config` is a JSON object with the pool's plugin settings (--set
     * KEY=VALUE gives strings); it and `host` stay valid until close returns. Non-zero: the runner
     * does not start, and `error` (error_size bytes, to be NUL-terminated) is what the user reads.
     * `concurrency` calls of run are under way at most. May be NULL. */
    int32_t (*open)(const struct cartrita_host *host, const char *config, uint32_t concurrency,
                    void **self, char *error, size_t error_size);
    /* Runs job_count (1 to batch_max) jobs and ends each. Required. */
    void (*run)(void *self, struct cartrita_job *const *jobs, size_t job_count);
    /* Called once, after the last run. May be NULL. */
    void (*close)(void *self);
    /* Redis has the outcome of a job, or has refused it (`error` is then not NULL). `state` is
     * "completed", "failed", "delayed", "waiting", "waiting-children" or "lost"; also when it is
     * not what the plugin wanted, because children of the job do not let it complete (then `error`
     * says which). Called on the runner's main thread; must not block. May be NULL. */
    void (*finished)(void *self, const char *queue, const char *id, const char *state,
                     const char *error);
    /* The job should stop (see is_cancelled). Called on the runner's main thread while the job
     * runs, for plugins that cannot poll; must not block. May be NULL. */
    void (*cancel)(void *self, struct cartrita_job *job, const char *reason);
};

#if defined(__GNUC__)
#define CARTRITA_EXPORT __attribute__((visibility("default")))
#else
#define CARTRITA_EXPORT
#endif

/* The one exported symbol: CARTRITA_PLUGIN(.name = "echo", .version = "1.0", .run = echo_run) */
#define CARTRITA_PLUGIN(...)                                                                  \
    CARTRITA_EXPORT const struct cartrita_plugin *cartrita_plugin(void);                      \
    const struct cartrita_plugin *cartrita_plugin(void)                                       \
    {                                                                                         \
        static const struct cartrita_plugin plugin = {.size = sizeof(struct cartrita_plugin), \
                                                      .abi_major = CARTRITA_ABI_MAJOR,        \
                                                      .abi_minor = CARTRITA_ABI_MINOR,        \
                                                      __VA_ARGS__};                           \
        return &plugin;                                                                       \
    }

#ifdef __cplusplus
}
#endif

#endif
