/* Who pays for a dead runner. See verdict.h. */
#include "worker/supervisor/verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* --- who ----------------------------------------------------------------------------------- */

/* The end may be another one than the area tells: the handler's own deadline; an exit, when there
 * was a handler before ours; a crash on the way out of exit(). What came first counts. An end that
 * the supervisor brought about is its own, unless the signal says otherwise. */
bool verdict_trusts_crash(const struct verdict_death *death)
{
    const struct recorder_crash *crash = &death->crash;

    if (crash->kind == RECORDER_CRASH_EXIT)
        return !death->kill_reason[0];
    if (crash->kind != RECORDER_CRASH_SIGNAL || crash->number <= 0 || crash->number >= NSIG)
        return false;
    return death->number == crash->number || !death->kill_reason[0];
}

bool verdict_is_guilty(const struct verdict_death *death, const struct recorder_job *job)
{
    const struct recorder_crash *crash = &death->crash;

    if (verdict_trusts_crash(death) && crash->running > 0)
        return job->entry >= crash->first && job->entry - crash->first < crash->running;
    if (death->late_before_ms)
        return job->deadline_ms && job->deadline_ms <= death->late_before_ms;
    return true;
}

/* --- in which words ------------------------------------------------------------------------ */

static bool verdict_begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Where a library only carries out what it was asked for. */
static bool verdict_is_messenger(const struct recorder_frame *frame)
{
    static const char *const modules[] = {"libc.",      "libc-",      "libpthread",     "ld-",
                                          "libstdc++.", "libgcc_s",   "libasan",        "libtsan",
                                          "libubsan",   "linux-vdso", "cartrita-worker"};

    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++)
        if (verdict_begins(frame->module, modules[i]))
            return true;
    return false;
}

/* The innermost frame that somebody can do something about; NULL: there is no backtrace. */
static const struct recorder_frame *verdict_culprit(const struct recorder_crash *crash)
{
    for (uint32_t i = 0; i < crash->frame_count; i++)
        if (crash->frames[i].module[0] && !verdict_is_messenger(&crash->frames[i]))
            return &crash->frames[i];
    return crash->frame_count && crash->kind == RECORDER_CRASH_SIGNAL ? &crash->frames[0] : NULL;
}

/* "resize_row (image.so+0x1f30)", as much of it as is known. */
static void verdict_frame(const struct recorder_frame *frame, struct ct_buf *out)
{
    if (!frame->module[0])
        ct_buf_printf(out, "0x%" PRIx64, frame->address);
    else if (!frame->symbol[0])
        ct_buf_printf(out, "%s+0x%" PRIx64, frame->module, frame->offset);
    else
        ct_buf_printf(out, "%s (%s+0x%" PRIx64 ")", frame->symbol, frame->module, frame->offset);
}

static void verdict_signal(int number, struct ct_buf *out)
{
    const char *name = sigabbrev_np(number);

    ct_buf_printf(out, "killed by signal %d (SIG%s: %s)", number, name ? name : "?",
                  sigdescr_np(number) ? sigdescr_np(number) : "unknown");
}

static void verdict_place(const struct recorder_crash *crash, struct ct_buf *out)
{
    const struct recorder_frame *culprit = verdict_culprit(crash);

    if (crash->system_call >= 0)
        ct_buf_printf(out, " at system call %d", (int)crash->system_call);
    if (crash->is_overflow)
        ct_buf_printf(out, ", stack overflow");
    if (crash->has_address)
        ct_buf_printf(out, " at 0x%" PRIx64, crash->address);
    if (!culprit)
        return;
    ct_buf_printf(out, " in ");
    verdict_frame(culprit, out);
}

void verdict_late(const struct recorder_job *job, char *out, size_t size)
{
    snprintf(out, size, "Promise timed out after %" PRIu64 " milliseconds, and it did not stop",
             job->deadline_ms - job->since_ms);
}

static void verdict_end(const struct verdict_death *death, const struct recorder_job *job,
                        struct ct_buf *out)
{
    char late[128];
    bool has_crash = verdict_trusts_crash(death);

    if (has_crash && death->crash.kind == RECORDER_CRASH_SIGNAL)
        verdict_signal(death->crash.number, out);
    else if (death->late_before_ms && job) {
        verdict_late(job, late, sizeof late);
        ct_buf_printf(out, "%s", late);
    } else if (death->kill_reason[0])
        ct_buf_printf(out, "%s", death->kill_reason);
    else if (death->number)
        verdict_signal(death->number, out);
    else
        ct_buf_printf(out, "exited with status %d", (int)death->status);
    if (has_crash)
        verdict_place(&death->crash, out);
}

/* At the end of a character. */
static void verdict_cut(struct ct_buf *out, size_t max)
{
    struct ct_str text = ct_buf_str(out);

    if (text.len <= max)
        return;
    while (max > 0 && ((unsigned char)text.data[max] & 0xc0) == 0x80)
        max--;
    out->len -= text.len - max;
}

void verdict_reason(const struct verdict_death *death, const struct recorder_job *job,
                    const struct recorder_notes *notes, struct ct_buf *out)
{
    bool was_ended = death->kill_reason[0] && !verdict_trusts_crash(death);

    ct_buf_printf(out, "runner %s while %s: ", was_ended ? "was ended" : "died", death->doing);
    verdict_end(death, job, out);
    if (death->plugin[0])
        ct_buf_printf(out, ", plugin %s", death->plugin);
    if (job)
        ct_buf_printf(out, ", attempt %" PRIu32, job->attempt);
    if (notes && notes->phase[0])
        ct_buf_printf(out, ", phase %s", notes->phase);
    verdict_cut(out, VERDICT_REASON_MAX);
}

void verdict_stack(const struct verdict_death *death, struct ct_str reason,
                   const struct recorder_notes *notes, struct ct_buf *out)
{
    ct_buf_append_str(out, CT_STR_LIT("Error: "));
    ct_buf_append_str(out, reason);
    for (uint32_t i = 0; verdict_trusts_crash(death) && i < death->crash.frame_count; i++) {
        ct_buf_append_str(out, CT_STR_LIT("\n    at "));
        verdict_frame(&death->crash.frames[i], out);
    }
    if (notes->progress[0])
        ct_buf_printf(out, "\nlast progress: %s", notes->progress);
    if (notes->line_count)
        ct_buf_append_str(out, CT_STR_LIT("\nlast log lines:"));
    for (uint32_t i = 0; i < notes->line_count; i++)
        ct_buf_printf(out, "\n    %s", notes->lines[i]);
    verdict_cut(out, VERDICT_STACK_MAX);
}
