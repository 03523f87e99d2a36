/* What a dead runner leaves behind: reads its flight recorder, has verdict.c say who pays and in
 * which words, and tells the undertaker. Called by slot.c when the process is gone. */
#include "worker/supervisor/slot.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/supervisor/verdict.h"

#define SLOT_STACKS_MAX 64u /* of one death: charged jobs beyond have a reason only */

static const char *slot_doing(const struct slot *slot, size_t job_count)
{
    if (slot->ready_ms == 0)
        return "opening its plugin";
    return job_count > 0 ? "running this job" : "it had no job";
}

/* False: the recorder names no job of ours. */
static bool slot_accuse(const struct slot *slot, const struct verdict_death *death,
                        const struct recorder_job *job, bool has_stack,
                        struct undertaker_casualty *out)
{
    const struct pool_config *pool = slot->pool;
    struct recorder_notes notes;
    struct ct_buf reason, stack;

    if (job->queue >= pool->queue_count || !job->id[0]) {
        ct_log_warn("flight recorder names no job", CT_STR("runner", slot->runner),
                    CT_INT("queue", job->queue));
        return false;
    }
    ct_buf_init(&reason);
    ct_buf_init(&stack);
    recorder_read_notes(slot->recorder_fd, job->entry, &notes);
    verdict_reason(death, job, &notes, &reason);
    if (has_stack)
        verdict_stack(death, ct_buf_str(&reason), &notes, &stack);
    ct_log_error("job lost its runner", CT_STR("queue", pool->queues[job->queue]),
                 CT_STR("job", job->id), CT_BYTES("reason", ct_buf_str(&reason)));
    *out = (struct undertaker_casualty){.queue = ct_strdup(pool->queues[job->queue]),
                                        .id = ct_strdup(job->id),
                                        .reason = ct_buf_take(&reason, NULL),
                                        .stack = has_stack ? ct_buf_take(&stack, NULL) : NULL};
    return true;
}

/* Those that pay, as fresh memory. */
static struct undertaker_casualty *slot_judge(const struct slot *slot,
                                              const struct verdict_death *death,
                                              const struct recorder_job *jobs, size_t job_count,
                                              size_t *count)
{
    struct undertaker_casualty *casualties = ct_zalloc((job_count + 1) * sizeof *casualties);

    *count = 0;
    for (size_t i = 0; i < job_count; i++)
        if (verdict_is_guilty(death, &jobs[i]) &&
            slot_accuse(slot, death, &jobs[i], *count < SLOT_STACKS_MAX, &casualties[*count]))
            ++*count;
    return casualties;
}

const char *slot_cause_text(enum slot_cause cause)
{
    static const char *const texts[] = {
#define SLOT_CAUSE_TEXT(name, text) text,
        SLOT_CAUSES(SLOT_CAUSE_TEXT)
#undef SLOT_CAUSE_TEXT
    };

    return texts[cause];
}

static enum slot_cause slot_cause(const struct slot *slot)
{
    if (slot->ready_ms == 0)
        return SLOT_CAUSE_START;
    return slot->kill_reason[0] ? SLOT_CAUSE_LIMIT : SLOT_CAUSE_CRASH;
}

void slot_note_death(struct slot *slot, const char *why)
{
    slot->deaths++;
    slot->deaths_by[slot_cause(slot)]++;
    slot->died_ms = ct_wall_ms(&ct_clock_system);
    snprintf(slot->death, sizeof slot->death, "%s", why);
}

static uint64_t slot_uptime_ms(const struct slot *slot)
{
    return slot->ready_ms ? uv_now(slot->context->loop) - slot->ready_ms : 0;
}

static void slot_tell_end(const struct slot *slot, const char *why)
{
    ct_log_info("runner ended", CT_STR("pool", slot->pool->name), CT_INT("slot", slot->index),
                CT_INT("pid", slot->process.pid), CT_INT("up_ms", slot_uptime_ms(slot)),
                CT_STR("reason", why));
}

/* It held no job: there is nothing to charge, and the daemon needs no word. */
static void slot_report_harmless(struct slot *slot)
{
    if (slot->has_said_why && slot->ready_ms == 0)
        slot_note_death(slot, slot->complaint);
    slot_tell_end(slot, slot->is_handed_back ? "nothing left to do" : "it could not start");
}

/* The last of it that a line of the log can hold: an abort says there why ("double free"). */
static struct ct_str slot_last_output(const struct slot *slot)
{
    struct ct_str tail = slot->has_output ? output_tail(&slot->output) : CT_STR_LIT("");

    if (tail.len > CT_LOG_VALUE_MAX) {
        tail.data += tail.len - CT_LOG_VALUE_MAX;
        tail.len = CT_LOG_VALUE_MAX;
    }
    return tail;
}

static void slot_tell_death(struct slot *slot, const char *reason, size_t running, size_t charged)
{
    if (slot->kill_reason[0] && !slot->is_wanted && slot->ready_ms == 0 && running == 0) {
        slot_tell_end(slot, slot->kill_reason); /* it was not needed any more */
        return;
    }
    slot_note_death(slot, reason);
    ct_log_warn("runner died", CT_STR("pool", slot->pool->name), CT_INT("slot", slot->index),
                CT_INT("pid", slot->process.pid), CT_INT("up_ms", slot_uptime_ms(slot)),
                CT_INT("running", running), CT_INT("charged", charged), CT_STR("reason", reason),
                CT_BYTES("output", slot_last_output(slot)));
}

void slot_report(struct slot *slot, int64_t status, int number)
{
    struct verdict_death death = {.status = status,
                                  .number = number,
                                  .kill_reason = slot->kill_reason,
                                  .late_before_ms = slot->late_before_ms,
                                  .plugin = slot->plugin};
    struct undertaker_casualty *casualties;
    struct recorder_job *jobs = NULL;
    size_t job_count = 0, guilty_count;
    struct ct_buf text;
    struct ct_error err;
    bool is_readable;
    char *reason;

    slot->was_charged = false;
    if (slot->is_handed_back || (slot->has_said_why && slot->ready_ms == 0)) {
        slot_report_harmless(slot);
        return;
    }
    is_readable = recorder_read(slot->recorder_fd, &jobs, &job_count, &err) == CT_E_OK;
    if (!is_readable)
        ct_log_error("flight recorder not readable", CT_STR("pool", slot->pool->name),
                     CT_INT("slot", slot->index), CT_ERR(&err));
    recorder_read_crash(slot->recorder_fd, &death.crash);
    death.doing = slot_doing(slot, job_count);
    ct_buf_init(&text);
    verdict_reason(&death, NULL, NULL, &text);
    reason = ct_buf_take(&text, NULL);
    casualties = slot_judge(slot, &death, jobs, job_count, &guilty_count);
    slot->was_charged = guilty_count > 0;
    slot_tell_death(slot, reason, job_count, guilty_count);
    /* Without it to the daemon they have stalled, and do so only so often: else what damages its
     * recorder would never be charged, and run for ever. */
    if (is_readable)
        undertaker_report(slot->context->undertaker, slot->runner, reason, casualties,
                          guilty_count);
    else
        free(casualties);
    free(reason);
    free(jobs);
}
