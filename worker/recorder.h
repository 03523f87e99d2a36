/* The flight recorder: a small piece of shared memory in which a runner keeps what each job thread
 * is doing, so that its supervisor can tell after a crash which jobs were running.
 *
 * The supervisor creates it and hands it down as a file descriptor; the runner sizes and maps it
 * and is the only writer, each entry by the one thread it belongs to. The supervisor never maps
 * it: it reads a copy and believes no number in it unchecked, for a crash may have left anything.
 *
 * header | entry 0 | entry 1 | ...   with thread * batch_max + place in the batch = entry */
#ifndef WORKER_RECORDER_H
#define WORKER_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/str.h"

#define RECORDER_ID_MAX      512    /* bytes; the beginning of a longer id, as in PROTOCOL.md */
#define RECORDER_ENTRIES_MAX 65536u /* job threads times jobs in a batch */

struct recorder; /* the runner's end */

/* What the supervisor reads: one job that was running. */
struct recorder_job {
    uint32_t queue; /* index in the pool's list of queues; unchecked */
    uint64_t since_ms;
    uint64_t deadline_ms; /* 0: none. Monotonic time, as since_ms */
    char id[RECORDER_ID_MAX + 1];
};

/* Supervisor: a fresh, empty recorder. Returns a file descriptor to close, or -1 with errno. */
int recorder_create(void);

/* Runner: sizes and maps it. The caller ends it with recorder_close; the descriptor stays the
 * caller's. */
enum ct_code recorder_open(int fd, size_t entries, struct recorder **out,
                           struct ct_error *err) CT_MUST_CHECK;
void recorder_close(struct recorder *recorder);

/* Each entry has one writer at a time. */
void recorder_start(struct recorder *recorder, size_t entry, uint32_t queue, struct ct_str id,
                    uint64_t since_ms, uint64_t deadline_ms);
void recorder_deadline(struct recorder *recorder, size_t entry, uint64_t deadline_ms);
void recorder_stop(struct recorder *recorder, size_t entry);

/* Supervisor: the jobs that are running according to `fd`, as fresh memory for the caller to free
 * (NULL for none). Entries that are being written just now are left out: no job code runs then. */
enum ct_code recorder_read(int fd, struct recorder_job **out, size_t *count,
                           struct ct_error *err) CT_MUST_CHECK;

#endif
