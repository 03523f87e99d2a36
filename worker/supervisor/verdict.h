/* Who pays for a dead runner, and in which words: from how the process ended and what its flight
 * recorder holds. Called by slot_report.c. Pure functions: no process, no file, no loop. */
#ifndef WORKER_VERDICT_H
#define WORKER_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "worker/shared/recorder.h"

#define VERDICT_REASON_MAX 1024u
#define VERDICT_STACK_MAX  8192u

/* How a runner ended. Texts are borrowed. */
struct verdict_death {
    int64_t status;          /* it exited with, unless */
    int number;              /* a signal killed it; 0: none */
    const char *kill_reason; /* why the supervisor ended it; empty: it did not */
    uint64_t
        late_before_ms; /* it was ended for jobs whose deadline is at or before; 0: it was not */
    const char *plugin; /* name and version; empty: it never opened */
    const char *doing;  /* "running this job" */
    struct recorder_crash crash;
};

/* Whether what the crash area says explains this death. */
bool verdict_trusts_crash(const struct verdict_death *death);

/* Whether this job, one of those that were running, is charged. Where nobody can know, all are. */
bool verdict_is_guilty(const struct verdict_death *death, const struct recorder_job *job);

/* In which words a job is told that it passed its time limit and did not stop. */
void verdict_late(const struct recorder_job *job, char *out, size_t size);

/* "runner died while running this job: killed by signal 11 (SIGSEGV: Segmentation fault) at 0x0 in
 * resize_row (image.so+0x1f30), plugin image 1.2, attempt 2, phase decode". `job` and `notes` NULL:
 * of the runner as a whole. Cut to VERDICT_REASON_MAX. */
void verdict_reason(const struct verdict_death *death, const struct recorder_job *job,
                    const struct recorder_notes *notes, struct ct_buf *out);

/* An entry for the job's stack trace, as Node writes one; then what the job said last. Cut to
 * VERDICT_STACK_MAX. */
void verdict_stack(const struct verdict_death *death, struct ct_str reason,
                   const struct recorder_notes *notes, struct ct_buf *out);

#endif
