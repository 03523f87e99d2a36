/* The flight recorder, the runner's end. See recorder.h; written by threads.c and host.c, and by
 * crash.c at the very end. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/mem.h"
#include "worker/shared/recorder_page.h"

#define RECORDER_NOTE_TRIES \
    64 /* another thread notes for a few nanoseconds, if it is not stopped */

struct recorder {
    struct recorder_page_header *header; /* the mapping */
    struct recorder_page_entry *entries; /* behind it */
    size_t count;
    char *reserve; /* the mapping, between two guards */
    size_t reserve_size;
};

int recorder_create(void)
{
    return memfd_create("cartrita-recorder", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/* A page before it and one behind it that nobody may touch: what runs over the end of a neighbour
 * in memory crashes there, while it is still known whose job that is. */
static enum ct_code recorder_map(int fd, size_t size, struct recorder *recorder,
                                 struct ct_error *err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (size + page - 1) / page * page + 2 * page;
    char *reserve =
        mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void *memory = MAP_FAILED;

    if (reserve != MAP_FAILED)
        memory = mmap(reserve + page, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    if (memory == MAP_FAILED) {
        ct_error_set(err, CT_E_SYSTEM, "mapping the flight recorder: %s", strerror(errno));
        if (reserve != MAP_FAILED)
            munmap(reserve, whole);
        return CT_E_SYSTEM;
    }
    recorder->reserve = reserve;
    recorder->reserve_size = whole;
    recorder->header = memory;
    return CT_E_OK;
}

enum ct_code recorder_open(int fd, size_t entries, struct recorder **out, struct ct_error *err)
{
    size_t size =
        sizeof(struct recorder_page_header) + entries * sizeof(struct recorder_page_entry);
    struct recorder *recorder;
    enum ct_code rc;

    if (entries == 0 || entries > RECORDER_ENTRIES_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "%zu jobs at once (concurrency times the plugin's batch_max) are more "
                            "than a runner may run (%u): lower the concurrency",
                            entries, RECORDER_ENTRIES_MAX);
    if (ftruncate(fd, (off_t)size) != 0)
        return ct_error_set(err, CT_E_SYSTEM, "sizing the flight recorder: %s", strerror(errno));
    /* A job could cut it off with a call. An earlier version's supervisor does not allow this. */
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    recorder = ct_zalloc(sizeof *recorder);
    rc = recorder_map(fd, size, recorder, err);
    if (rc != CT_E_OK) {
        free(recorder);
        return rc;
    }
    recorder->entries = (struct recorder_page_entry *)(recorder->header + 1);
    recorder->count = entries;
    recorder->header->header_size = sizeof(struct recorder_page_header);
    recorder->header->entry_size = sizeof(struct recorder_page_entry);
    recorder->header->entry_count = (uint32_t)entries;
    recorder->header->magic = RECORDER_MAGIC;
    *out = recorder;
    return CT_E_OK;
}

void recorder_close(struct recorder *recorder)
{
    if (!recorder)
        return;
    munmap(recorder->reserve, recorder->reserve_size);
    free(recorder);
}

/* --- what runs ----------------------------------------------------------------------------- */

static struct recorder_page_entry *recorder_begin(struct recorder *recorder, size_t entry)
{
    struct recorder_page_entry *record = &recorder->entries[entry];
    uint32_t sequence;

    ct_assert(entry < recorder->count);
    sequence = atomic_load_explicit(&record->sequence, memory_order_relaxed);
    atomic_store_explicit(&record->sequence, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    return record;
}

static void recorder_end(struct recorder_page_entry *record)
{
    uint32_t sequence = atomic_load_explicit(&record->sequence, memory_order_relaxed);

    atomic_store_explicit(&record->sequence, sequence + 1, memory_order_release);
}

/* The text of earlier notes stays; without a length it is none. */
void recorder_start(struct recorder *recorder, size_t entry, const struct recorder_start *start)
{
    struct recorder_page_entry *record = recorder_begin(recorder, entry);
    struct ct_str id = start->id;

    record->is_running = 1;
    record->queue = start->queue;
    record->attempt = start->attempt;
    record->limits = start->limits;
    record->id_len = id.len > UINT32_MAX ? UINT32_MAX : (uint32_t)id.len;
    record->since_ms = start->since_ms;
    atomic_store_explicit(&record->deadline_ms, start->deadline_ms, memory_order_relaxed);
    memcpy(record->id, id.data, id.len < RECORDER_ID_MAX ? id.len : RECORDER_ID_MAX);
    atomic_store_explicit(&record->phase_len, 0, memory_order_relaxed);
    atomic_store_explicit(&record->progress_len, 0, memory_order_relaxed);
    atomic_store_explicit(&record->line_count, 0, memory_order_relaxed);
    recorder_end(record);
}

void recorder_deadline(struct recorder *recorder, size_t entry, uint64_t deadline_ms)
{
    ct_assert(entry < recorder->count);
    atomic_store_explicit(&recorder->entries[entry].deadline_ms, deadline_ms, memory_order_relaxed);
}

void recorder_move_deadline(struct recorder *recorder, size_t entry, uint64_t from_ms,
                            uint64_t to_ms)
{
    ct_assert(entry < recorder->count);
    atomic_compare_exchange_strong(&recorder->entries[entry].deadline_ms, &from_ms, to_ms);
}

void recorder_stop(struct recorder *recorder, size_t entry)
{
    struct recorder_page_entry *record = recorder_begin(recorder, entry);

    record->is_running = 0;
    recorder_end(record);
}

/* --- what it says -------------------------------------------------------------------------- */

/* NULL: another thread notes something for this job and does not get on. */
static struct recorder_page_entry *recorder_begin_note(struct recorder *recorder, size_t entry)
{
    struct recorder_page_entry *record = &recorder->entries[entry];

    ct_assert(entry < recorder->count);
    for (int i = 0; i < RECORDER_NOTE_TRIES; i++) {
        if (atomic_exchange_explicit(&record->is_noting, 1, memory_order_acquire) == 0)
            return record;
        sched_yield();
    }
    return NULL;
}

static void recorder_end_note(struct recorder_page_entry *record)
{
    atomic_store_explicit(&record->is_noting, 0, memory_order_release);
}

static uint32_t recorder_note(char *to, size_t size, struct ct_str text)
{
    size_t len = text.len < size ? text.len : size;

    memcpy(to, text.data, len);
    return (uint32_t)len;
}

void recorder_phase(struct recorder *recorder, size_t entry, struct ct_str text)
{
    struct recorder_page_entry *record = recorder_begin_note(recorder, entry);

    if (!record)
        return;
    atomic_store_explicit(&record->phase_len,
                          recorder_note(record->phase, sizeof record->phase, text),
                          memory_order_release);
    recorder_end_note(record);
}

void recorder_progress(struct recorder *recorder, size_t entry, struct ct_str json)
{
    struct recorder_page_entry *record = recorder_begin_note(recorder, entry);

    if (!record)
        return;
    atomic_store_explicit(&record->progress_len,
                          recorder_note(record->progress, sizeof record->progress, json),
                          memory_order_release);
    recorder_end_note(record);
}

void recorder_line(struct recorder *recorder, size_t entry, struct ct_str line)
{
    struct recorder_page_entry *record = recorder_begin_note(recorder, entry);
    uint32_t count;

    if (!record)
        return;
    count = atomic_load_explicit(&record->line_count, memory_order_relaxed);
    record->line_len[count % RECORDER_LINES] =
        recorder_note(record->lines[count % RECORDER_LINES], RECORDER_LINE_MAX, line);
    atomic_store_explicit(&record->line_count, count + 1, memory_order_release);
    recorder_end_note(record);
}

struct recorder_crash *recorder_take_crash(struct recorder *recorder)
{
    if (atomic_exchange(&recorder->header->crash_is_taken, 1) != 0)
        return NULL;
    return &recorder->header->crash;
}
