/* The job threads of a runner, and its batches. Jobs come in through threads_push and go out as
 * notes in the outbox; each thread keeps its entries of the flight recorder.
 *
 * Called by leases.c on the loop's thread. Never talks to the daemon, never frees a job it did not
 * hold a reference of. Threads are started when there is work for them. */
#ifndef WORKER_THREADS_H
#define WORKER_THREADS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "cartrita/plugin.h"
#include "common/list.h"
#include "worker/runner/job.h"
#include "worker/runner/outbox.h"
#include "worker/shared/recorder.h"

#define THREADS_MAX         1024u      /* concurrency of one runner */
#define THREADS_STACK_BYTES (4u << 20) /* virtual; only what is used is memory */

struct cache;

struct threads_options {
    const struct cartrita_plugin *plugin; /* borrowed, as all below */
    void *self;
    struct recorder *recorder; /* concurrency * batch_max entries */
    struct outbox *outbox;
    struct cache *cache;  /* NULL: none */
    const char *temp_dir; /* of the runner */
    uint32_t concurrency;
};

struct threads *threads_new(const struct threads_options *options);
/* Joins all threads: only when no job runs any more, else it waits for them. */
void threads_stop(struct threads *threads);
void threads_free(struct threads *threads); /* after threads_stop */

/* Takes over the `ready` links of a list of jobs, and a reference of each while it runs. */
void threads_push(struct threads *threads, struct ct_list *jobs);
/* Moves waiting jobs that arrived at `before_ms` or earlier to `out`. Returns how many. */
size_t threads_take_back(struct threads *threads, uint64_t before_ms, struct ct_list *out);
/* Takes one waiting job out; false when it has been started. */
bool threads_take_back_one(struct threads *threads, struct cartrita_job *job);

/* Jobs that wait for a thread; a snapshot, from any thread. */
size_t threads_ready_count(const struct threads *threads);
/* CPU time that the thread of an entry of the recorder has used in its life; 0: not known. On the
 * loop's thread. */
uint64_t threads_cpu_ns(const struct threads *threads, size_t entry);
/* How many jobs can run at once: concurrency times batch_max. */
uint32_t threads_at_once(const struct threads *threads);

struct outbox *threads_outbox(struct threads *threads);
struct recorder *threads_recorder(struct threads *threads);
const char *threads_temp_dir(const struct threads *threads);
const struct cartrita_plugin *threads_plugin(const struct threads *threads);

#endif
