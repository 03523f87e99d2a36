/* The flight recorder, the supervisor's end: copies what a runner wrote, and makes of whatever is
 * there numbers within their bounds and text of one line. See recorder.h; called by slot_report.c,
 * limits.c and scale.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "worker/shared/recorder_page.h"

#define RECORDER_HEAD_SIZE offsetof(struct recorder_page_entry, is_noting)

static off_t recorder_place(uint32_t entry)
{
    return (off_t)(sizeof(struct recorder_page_header) +
                   (size_t)entry * sizeof(struct recorder_page_entry));
}

static bool recorder_get(int fd, void *to, size_t size, off_t at)
{
    return pread(fd, to, size, at) == (ssize_t)size;
}

/* Without the crash area. */
static bool recorder_read_header(int fd, struct recorder_page_header *header)
{
    return recorder_get(fd, header, offsetof(struct recorder_page_header, crash), 0) &&
           header->magic == RECORDER_MAGIC && header->header_size == sizeof *header &&
           header->entry_size == sizeof(struct recorder_page_entry) &&
           header->entry_count <= RECORDER_ENTRIES_MAX;
}

/* It has its size, and nothing is in it: its runner was about to write the header. */
static bool recorder_is_blank(int fd)
{
    static const struct recorder_page_header blank;
    struct recorder_page_header header;
    const size_t size = offsetof(struct recorder_page_header, crash);

    return recorder_get(fd, &header, size, 0) && memcmp(&header, &blank, size) == 0;
}

static void recorder_copy(struct recorder_job *job, uint32_t place,
                          const struct recorder_page_entry *entry)
{
    size_t len = entry->id_len < RECORDER_ID_MAX ? entry->id_len : RECORDER_ID_MAX;

    job->entry = place;
    job->queue = entry->queue;
    job->attempt = entry->attempt;
    job->limits = entry->limits;
    job->since_ms = entry->since_ms;
    job->deadline_ms = atomic_load_explicit(&entry->deadline_ms, memory_order_relaxed);
    memcpy(job->id, entry->id, len);
    job->id[len] = '\0';
}

enum ct_code recorder_read(int fd, struct recorder_job **out, size_t *count, struct ct_error *err)
{
    struct recorder_page_header header;
    struct recorder_page_entry entry;
    struct recorder_job *jobs = NULL;
    struct stat status;
    size_t used = 0, cap = 0;

    if (fstat(fd, &status) != 0)
        return ct_error_set(err, CT_E_SYSTEM, "reading the flight recorder: %s", strerror(errno));
    if (status.st_size == 0 || recorder_is_blank(fd)) { /* died before it opened its plugin */
        *out = NULL;
        *count = 0;
        return CT_E_OK;
    }
    if (!recorder_read_header(fd, &header))
        return ct_error_set(err, CT_E_INVALID, "the flight recorder of the runner is damaged");
    for (uint32_t i = 0; i < header.entry_count; i++) {
        if (!recorder_get(fd, &entry, RECORDER_HEAD_SIZE, recorder_place(i)))
            break;
        if (entry.is_running != 1 || (atomic_load(&entry.sequence) & 1u))
            continue;
        if (used == cap) {
            cap = cap ? cap * 2 : 8;
            jobs = ct_realloc(jobs, cap * sizeof *jobs);
        }
        recorder_copy(&jobs[used++], i, &entry);
    }
    *out = jobs;
    *count = used;
    return CT_E_OK;
}

/* --- text ---------------------------------------------------------------------------------- */

/* Whether the character stands for itself: no control character, and UTF-8 at all. */
static bool recorder_is_plain(struct ct_str text, size_t at, size_t len)
{
    unsigned char first = (unsigned char)text.data[at];

    if (len == 0 || first < 0x20 || first == 0x7f)
        return false;
    return !(first == 0xc2 && (unsigned char)text.data[at + 1] < 0xa0); /* C1 */
}

/* Bytes that are no text become blanks, and none of those stays at the end, where a character may
 * have been cut. `to` takes as many bytes as there are, and a NUL. */
static void recorder_text(char *to, const char *from, size_t len)
{
    struct ct_str text = {from, len};
    size_t used = 0;

    for (size_t at = 0; at < len;) {
        size_t step = ct_str_utf8_len(text, at);

        if (recorder_is_plain(text, at, step)) {
            memcpy(to + used, from + at, step);
            used += step;
        } else {
            to[used++] = ' ';
        }
        at += step ? step : 1;
    }
    while (used > 0 && to[used - 1] == ' ')
        used--;
    to[used] = '\0';
}

static size_t recorder_bound(uint32_t len, size_t max)
{
    return len < max ? len : max;
}

void recorder_read_notes(int fd, uint32_t entry, struct recorder_notes *out)
{
    struct recorder_page_header header;
    struct recorder_page_entry record;
    uint32_t count, first;

    *out = (struct recorder_notes){.line_count = 0};
    if (!recorder_read_header(fd, &header) || entry >= header.entry_count ||
        !recorder_get(fd, &record, sizeof record, recorder_place(entry)))
        return;
    recorder_text(out->phase, record.phase, recorder_bound(record.phase_len, RECORDER_PHASE_MAX));
    recorder_text(out->progress, record.progress,
                  recorder_bound(record.progress_len, RECORDER_PROGRESS_MAX));
    count = record.line_count;
    first = count > RECORDER_LINES ? count - RECORDER_LINES : 0;
    for (; first < count; first++) {
        uint32_t place = first % RECORDER_LINES;

        recorder_text(out->lines[out->line_count++], record.lines[place],
                      recorder_bound(record.line_len[place], RECORDER_LINE_MAX));
    }
}

/* --- the crash ----------------------------------------------------------------------------- */

static void recorder_check_frame(struct recorder_frame *frame)
{
    char symbol[RECORDER_SYMBOL_MAX + 1], module[RECORDER_MODULE_MAX + 1];

    recorder_text(symbol, frame->symbol, strnlen(frame->symbol, RECORDER_SYMBOL_MAX - 1));
    recorder_text(module, frame->module, strnlen(frame->module, RECORDER_MODULE_MAX - 1));
    memcpy(frame->symbol, symbol, RECORDER_SYMBOL_MAX);
    memcpy(frame->module, module, RECORDER_MODULE_MAX);
}

void recorder_read_crash(int fd, struct recorder_crash *out)
{
    struct recorder_page_header header;

    *out = (struct recorder_crash){.kind = RECORDER_CRASH_NONE};
    if (!recorder_read_header(fd, &header) || !recorder_get(fd, &header, sizeof header, 0) ||
        header.crash.kind == RECORDER_CRASH_NONE || header.crash.kind > RECORDER_CRASH_EXIT)
        return;
    *out = header.crash;
    if (out->first >= header.entry_count || out->running > header.entry_count - out->first)
        out->running = 0;
    if (out->frame_count > RECORDER_FRAMES_MAX)
        out->frame_count = 0;
    for (uint32_t i = 0; i < out->frame_count; i++)
        recorder_check_frame(&out->frames[i]);
}
