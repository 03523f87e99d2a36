/* What a supervisor tells of itself: the JSON of a report, as PROTOCOL.md has it. Called by
 * fleet.c; only reads. */
#ifndef WORKER_REPORT_H
#define WORKER_REPORT_H

#include "common/buf.h"
#include "worker/supervisor/generation.h"

/* Bytes of a report, by the protocol. A fleet that is too large for it (some 4000 runners) leaves
 * out its runners, and then its queues, and says so in `leftOut`. */
#define REPORT_MAX        (1u << 20)
#define REPORT_REASON_MAX 512u /* bytes of the reason of a death */

struct report_head {
    const char *worker, *host;
    int pid;
    int64_t started_ms; /* wall time, as all times in it */
    bool is_draining;
};

/* Appends it to `out`. `now_ms` is the loop's time, `wall_ms` the same moment on the wall. */
void report_print(const struct report_head *head, const struct generation *generation,
                  uint64_t now_ms, int64_t wall_ms, struct ct_buf *out);

#endif
