/* What a dead runner leaves behind: the jobs it was running, by its flight recorder, and in which
 * words they are charged. Called by slot.c when the process is gone. */
#include "worker/slot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "worker/recorder.h"

static const char *slot_doing(const struct slot *slot, size_t job_count)
{
    if (slot->ready_ms == 0)
        return "opening its plugin";
    return job_count > 0 ? "running this job" : "it had no job";
}

/* "runner died while running this job: killed by signal 11 (SIGSEGV: Segmentation fault) in plugin
 * resize 1.2" */
static void slot_death_reason(const struct slot *slot, int64_t status, int number,
                              const char *doing, char *out, size_t size)
{
    const char *in = slot->plugin[0] ? " in plugin " : "";

    if (slot->kill_reason[0])
        snprintf(out, size, "runner was ended while %s: %s%s%s", doing, slot->kill_reason, in,
                 slot->plugin);
    else if (number)
        snprintf(out, size, "runner died while %s: killed by signal %d (SIG%s: %s)%s%s", doing,
                 number, sigabbrev_np(number) ? sigabbrev_np(number) : "?", strsignal(number), in,
                 slot->plugin);
    else
        snprintf(out, size, "runner died while %s: exited with status %d%s%s", doing, (int)status,
                 in, slot->plugin);
}

void slot_report(struct slot *slot, int64_t status, int number)
{
    struct recorder_job *jobs = NULL;
    size_t job_count = 0;
    char reason[UNDERTAKER_REASON_MAX + 256];
    struct ct_error err;

    if (slot->is_handed_back || (slot->has_said_why && slot->ready_ms == 0))
        return; /* it held no job */
    if (recorder_read(slot->recorder_fd, &jobs, &job_count, &err) != CT_E_OK)
        ct_log_error("flight recorder not readable", CT_STR("pool", slot->pool->name),
                     CT_INT("slot", slot->index), CT_ERR(&err));
    slot_death_reason(slot, status, number, slot_doing(slot, job_count), reason, sizeof reason);
    ct_log_warn("runner died", CT_STR("pool", slot->pool->name), CT_INT("slot", slot->index),
                CT_INT("pid", slot->process.pid), CT_INT("running", job_count),
                CT_STR("reason", reason));
    undertaker_report(slot->context->undertaker, slot->runner, reason, jobs, job_count,
                      slot->pool->queues, slot->pool->queue_count);
    free(jobs);
}
