/* What lies in the flight recorder's memory, for its writers (recorder.c, crash.c) and its reader
 * (recorder_read.c). Runner and supervisor are the same binary unless one was upgraded in place:
 * the sizes in the header tell.
 *
 *   header with the crash area | entry 0 | entry 1 | ... */
#ifndef WORKER_RECORDER_PAGE_H
#define WORKER_RECORDER_PAGE_H

#include <stdatomic.h>

#include "worker/shared/recorder.h"

#define RECORDER_MAGIC 0x43545246u /* "CTRF" */

struct recorder_page_header {
    uint32_t magic;
    uint32_t header_size;
    uint32_t entry_size;
    uint32_t entry_count;
    atomic_uint crash_is_taken; /* by the first thread that crashed; set in its handler */
    struct recorder_crash crash;
};

/* The job's thread alone writes the first part; `sequence` is odd meanwhile. The notes may come
 * from any thread of the plugin: they are written under `is_noting`, and each counts only from the
 * moment its length is there. A torn note is read as noise, never as more than its bound. */
struct recorder_page_entry {
    _Atomic uint32_t sequence;
    uint32_t is_running;
    uint32_t queue;
    uint32_t attempt;
    uint32_t id_len; /* of the whole id, also when it was cut */
    uint32_t limits;
    uint64_t since_ms;
    _Atomic uint64_t deadline_ms;
    char id[RECORDER_ID_MAX];
    /* --- notes --- */
    atomic_uint is_noting;
    _Atomic uint32_t phase_len;
    _Atomic uint32_t progress_len;
    _Atomic uint32_t line_count; /* ever written; the last RECORDER_LINES are there */
    uint32_t line_len[RECORDER_LINES];
    char phase[RECORDER_PHASE_MAX];
    char progress[RECORDER_PROGRESS_MAX];
    char lines[RECORDER_LINES][RECORDER_LINE_MAX];
};

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
               "atomics must work between processes");

#endif
