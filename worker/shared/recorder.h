/* The flight recorder: a small piece of shared memory in which a runner keeps what each job thread
 * is doing, so that its supervisor can tell after a crash which jobs were running, what they said
 * last, and which of them was the one that crashed.
 *
 * The supervisor creates it and hands it down as a file descriptor; the runner sizes and maps it
 * and is the only writer. The supervisor never maps it: it reads a copy and believes no number in
 * it unchecked, for a crash may have left anything.
 *
 * thread * batch_max + place in the batch = entry */
#ifndef WORKER_RECORDER_H
#define WORKER_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/str.h"

/* Bytes. Of what is longer the beginning is kept. */
#define RECORDER_ID_MAX       512u /* as in PROTOCOL.md */
#define RECORDER_PHASE_MAX    64u
#define RECORDER_PROGRESS_MAX 256u
#define RECORDER_LINE_MAX     160u
#define RECORDER_SYMBOL_MAX   96u
#define RECORDER_MODULE_MAX   64u

#define RECORDER_LINES       8u     /* log lines, the last ones of each job */
#define RECORDER_FRAMES_MAX  32u    /* of a backtrace, the innermost */
#define RECORDER_ENTRIES_MAX 65536u /* job threads times jobs in a batch */

struct recorder; /* the runner's end */

/* What the supervisor reads: one job that was running. */
struct recorder_job {
    uint32_t entry;
    uint32_t queue;   /* index in the pool's list of queues; unchecked */
    uint32_t attempt; /* the first one is 1 */
    uint32_t limits;  /* which of its pool's (job_limits.h); unchecked */
    uint64_t since_ms;
    uint64_t deadline_ms; /* 0: none. Monotonic time, as since_ms */
    char id[RECORDER_ID_MAX + 1];
};

/* What that job said last. Plain text of one line each, whatever was written. */
struct recorder_notes {
    char phase[RECORDER_PHASE_MAX + 1];
    char progress[RECORDER_PROGRESS_MAX + 1];
    uint32_t line_count;
    char lines[RECORDER_LINES][RECORDER_LINE_MAX + 1]; /* oldest first */
};

struct recorder_frame {
    uint64_t address;
    uint64_t offset;                  /* in the module */
    char symbol[RECORDER_SYMBOL_MAX]; /* empty: not known */
    char module[RECORDER_MODULE_MAX]; /* file name; empty: not known */
};

enum recorder_crash_kind { RECORDER_CRASH_NONE, RECORDER_CRASH_SIGNAL, RECORDER_CRASH_EXIT };

/* How it crashed: written by crash.c in the thread that crashed, checked by recorder_read_crash. */
struct recorder_crash {
    uint32_t kind;        /* enum recorder_crash_kind; set when all but the frames are there */
    int32_t number;       /* the signal; or the status given to exit() */
    int32_t system_call;  /* that was denied, -1: that was not it */
    uint32_t has_address; /* the fault has one */
    uint32_t is_overflow; /* it is just beyond the stack of the thread */
    uint32_t first,
        running; /* entries of the thread's jobs; 0 of them: not a thread that runs any */
    uint32_t frame_count;
    uint64_t address;
    struct recorder_frame frames[RECORDER_FRAMES_MAX]; /* innermost first */
};

/* Supervisor: a fresh, empty recorder. Returns a file descriptor to close, or -1 with errno. */
int recorder_create(void);

/* Runner: sizes and maps it. The caller ends it with recorder_close; the descriptor stays the
 * caller's. */
enum ct_code recorder_open(int fd, size_t entries, struct recorder **out,
                           struct ct_error *err) CT_MUST_CHECK;
void recorder_close(struct recorder *recorder);

/* What a job thread begins to do. */
struct recorder_start {
    uint32_t queue;
    uint32_t attempt;
    uint32_t limits;
    struct ct_str id;
    uint64_t since_ms, deadline_ms;
};

/* Each entry has one writer at a time. */
void recorder_start(struct recorder *recorder, size_t entry, const struct recorder_start *start);
void recorder_deadline(struct recorder *recorder, size_t entry, uint64_t deadline_ms);
void recorder_stop(struct recorder *recorder, size_t entry);
/* From any thread: the deadline becomes to_ms if it is from_ms still. */
void recorder_move_deadline(struct recorder *recorder, size_t entry, uint64_t from_ms,
                            uint64_t to_ms);

/* From any thread. Two that write to the same entry at once may lose one of the notes. */
void recorder_phase(struct recorder *recorder, size_t entry, struct ct_str text);
void recorder_progress(struct recorder *recorder, size_t entry, struct ct_str json);
void recorder_line(struct recorder *recorder, size_t entry, struct ct_str line);

/* For crash.c: the crash area, once; NULL for all but the first caller. Safe in a signal handler.
 */
struct recorder_crash *recorder_take_crash(struct recorder *recorder);

/* Supervisor: the jobs that are running according to `fd`, as fresh memory for the caller to free
 * (NULL for none). Entries that are being written just now are left out: no job code runs then. */
enum ct_code recorder_read(int fd, struct recorder_job **out, size_t *count,
                           struct ct_error *err) CT_MUST_CHECK;
/* Empty where nothing can be read. */
void recorder_read_notes(int fd, uint32_t entry, struct recorder_notes *out);
/* `kind` is RECORDER_CRASH_NONE when the runner did not see its end coming. */
void recorder_read_crash(int fd, struct recorder_crash *out);

#endif
