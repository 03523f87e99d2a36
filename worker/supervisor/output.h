/* What a runner writes, on its way to the supervisor's standard error. Each slot has two of these
 * pipes: one takes the runner's stdout and stderr, which are its plugin's and those of everything
 * below it, and becomes lines of our log that say whose they are; the other takes the runner's own
 * log lines, which go on as they are. So a plugin that floods its output drowns nobody else's.
 *
 * Everything is read, so that nobody waits for long, and nothing is kept but the tail: beyond a
 * rate lines are dropped and counted. Who writes more than OUTPUT_SLICE_BYTES in OUTPUT_SLICE_MS is
 * made to wait: it must not keep the supervisor busy. Owned by slot.c. */
#ifndef WORKER_OUTPUT_H
#define WORKER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/str.h"
#include "worker/shared/budget.h"

#define OUTPUT_LINE_MAX    4096u      /* bytes; a longer line becomes several */
#define OUTPUT_TAIL_MAX    2048u      /* bytes that are kept, dropped ones too */
#define OUTPUT_LOG_RATE    (1u << 20) /* bytes a second of a runner's own log */
#define OUTPUT_SLICE_BYTES (1u << 20)
#define OUTPUT_SLICE_MS    10u
#define OUTPUT_TELL_MS     1000u        /* between two lines that say what was dropped */
#define OUTPUT_REST_BYTES  (256u << 10) /* at the most, of a runner that is dead */

#define OUTPUT_HANDLES 2u /* of libuv, that output_close closes */

struct output {
    uv_pipe_t pipe;
    uv_timer_t timer; /* the end of a slice; what was dropped is told */
    int child_end;    /* the runner's, until it is started; owned */
    bool is_log;      /* the runner's own lines */
    const char *pool; /* borrowed */
    uint32_t slot;
    int pid;

    struct budget budget;
    uint64_t slice; /* bytes read in the present one */
    uint64_t dropped;
    uint64_t told_ms; /* when it was last told that some were */

    char line[OUTPUT_LINE_MAX];
    size_t line_len;
    char tail[OUTPUT_TAIL_MAX]; /* the last bytes, oldest first */
    size_t tail_len;
};

/* 0, or an errno: then nothing is open. The two handles get `data` and are the caller's to close
 * with output_close. */
int output_open(struct output *output, uv_loop_t *loop, bool is_log, uint64_t rate, void *data);
/* The runner is started, with `child_end`, and reading begins; or it could not be (pid 0). */
void output_started(struct output *output, const char *pool, uint32_t slot, int pid);
/* The runner is dead: takes what is still in the pipe. */
void output_finish(struct output *output);
void output_close(struct output *output, uv_close_cb closed);

/* The last lines that were written, for a report. Borrowed. */
struct ct_str output_tail(const struct output *output);

#endif
