/* The flight recorder. See recorder.h; written by threads.c, read by slot.c and limits.c. */
#include "worker/recorder.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/mem.h"

#define RECORDER_MAGIC 0x43545245u /* "CTRE" */

struct recorder_header {
    uint32_t magic;
    uint32_t entry_size;
    uint32_t entry_count;
    uint32_t reserved;
};

/* `sequence` is odd while the entry is being written. */
struct recorder_entry {
    _Atomic uint32_t sequence;
    uint32_t is_running;
    uint32_t queue;
    uint32_t id_len; /* of the whole id, also when it was cut */
    uint64_t since_ms;
    _Atomic uint64_t deadline_ms;
    char id[RECORDER_ID_MAX];
};

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
               "atomics must work between processes");

struct recorder {
    struct recorder_header *header; /* the mapping */
    struct recorder_entry *entries; /* behind it */
    size_t count;
    size_t size;
};

int recorder_create(void)
{
    return memfd_create("cartrita-recorder", MFD_CLOEXEC);
}

enum ct_code recorder_open(int fd, size_t entries, struct recorder **out, struct ct_error *err)
{
    size_t size = sizeof(struct recorder_header) + entries * sizeof(struct recorder_entry);
    struct recorder *recorder;
    void *memory;

    if (entries == 0 || entries > RECORDER_ENTRIES_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "%zu jobs at once (concurrency times the plugin's batch_max) are more "
                            "than a runner may run (%u): lower the concurrency",
                            entries, RECORDER_ENTRIES_MAX);
    if (ftruncate(fd, (off_t)size) != 0)
        return ct_error_set(err, CT_E_SYSTEM, "sizing the flight recorder: %s", strerror(errno));
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return ct_error_set(err, CT_E_SYSTEM, "mapping the flight recorder: %s", strerror(errno));
    recorder = ct_zalloc(sizeof *recorder);
    recorder->header = memory;
    recorder->entries = (struct recorder_entry *)(recorder->header + 1);
    recorder->count = entries;
    recorder->size = size;
    recorder->header->entry_size = sizeof(struct recorder_entry);
    recorder->header->entry_count = (uint32_t)entries;
    recorder->header->magic = RECORDER_MAGIC;
    *out = recorder;
    return CT_E_OK;
}

void recorder_close(struct recorder *recorder)
{
    if (!recorder)
        return;
    munmap(recorder->header, recorder->size);
    free(recorder);
}

static struct recorder_entry *recorder_begin(struct recorder *recorder, size_t entry)
{
    struct recorder_entry *record = &recorder->entries[entry];

    ct_assert(entry < recorder->count);
    atomic_fetch_add_explicit(&record->sequence, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    return record;
}

static void recorder_end(struct recorder_entry *record)
{
    atomic_fetch_add_explicit(&record->sequence, 1, memory_order_release);
}

void recorder_start(struct recorder *recorder, size_t entry, uint32_t queue, struct ct_str id,
                    uint64_t since_ms, uint64_t deadline_ms)
{
    struct recorder_entry *record = recorder_begin(recorder, entry);

    record->is_running = 1;
    record->queue = queue;
    record->id_len = id.len > UINT32_MAX ? UINT32_MAX : (uint32_t)id.len;
    record->since_ms = since_ms;
    atomic_store_explicit(&record->deadline_ms, deadline_ms, memory_order_relaxed);
    memcpy(record->id, id.data, id.len < RECORDER_ID_MAX ? id.len : RECORDER_ID_MAX);
    recorder_end(record);
}

void recorder_deadline(struct recorder *recorder, size_t entry, uint64_t deadline_ms)
{
    ct_assert(entry < recorder->count);
    atomic_store_explicit(&recorder->entries[entry].deadline_ms, deadline_ms, memory_order_relaxed);
}

void recorder_stop(struct recorder *recorder, size_t entry)
{
    struct recorder_entry *record = recorder_begin(recorder, entry);

    record->is_running = 0;
    recorder_end(record);
}

static void recorder_copy(struct recorder_job *job, const struct recorder_entry *entry)
{
    size_t len = entry->id_len < RECORDER_ID_MAX ? entry->id_len : RECORDER_ID_MAX;

    job->queue = entry->queue;
    job->since_ms = entry->since_ms;
    job->deadline_ms = atomic_load_explicit(&entry->deadline_ms, memory_order_relaxed);
    memcpy(job->id, entry->id, len);
    job->id[len] = '\0';
}

enum ct_code recorder_read(int fd, struct recorder_job **out, size_t *count, struct ct_error *err)
{
    struct recorder_header header;
    struct recorder_entry entry;
    struct recorder_job *jobs = NULL;
    struct stat status;
    size_t used = 0, cap = 0;

    if (fstat(fd, &status) != 0)
        return ct_error_set(err, CT_E_SYSTEM, "reading the flight recorder: %s", strerror(errno));
    if (status.st_size == 0) { /* died before it opened its plugin */
        *out = NULL;
        *count = 0;
        return CT_E_OK;
    }
    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header ||
        header.magic != RECORDER_MAGIC || header.entry_size != sizeof entry ||
        header.entry_count > RECORDER_ENTRIES_MAX)
        return ct_error_set(err, CT_E_INVALID, "the flight recorder of the runner is damaged");
    for (size_t i = 0; i < header.entry_count; i++) {
        off_t at = (off_t)(sizeof header + i * sizeof entry);

        if (pread(fd, &entry, sizeof entry, at) != (ssize_t)sizeof entry)
            break;
        if (entry.is_running != 1 || (atomic_load(&entry.sequence) & 1u))
            continue;
        if (used == cap) {
            cap = cap ? cap * 2 : 8;
            jobs = ct_realloc(jobs, cap * sizeof *jobs);
        }
        recorder_copy(&jobs[used++], &entry);
    }
    *out = jobs;
    *count = used;
    return CT_E_OK;
}
