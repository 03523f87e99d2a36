/* How far a long command is, on standard error: one line that is written over on a terminal, a line
 * every few seconds elsewhere. And its early end: a signal is noted, and the command stops between
 * two calls. Called by commands that act in many steps. */
#ifndef Q_PROGRESS_H
#define Q_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct progress {
    const char *deed; /* borrowed: "retried" */
    int64_t total;    /* 0: unknown */
    int64_t next_ms;  /* monotonic */
    bool is_shown;
};

void progress_show(struct progress *progress, int64_t done);
/* Takes the line away again. */
void progress_end(struct progress *progress);

/* To be called behind the last question: one that waits for an answer would not notice a signal.
 * From now on SIGINT and SIGTERM are only noted, once: a second one ends the program. */
void progress_catch_signals(void);
/* Whether one came; and the same as an error, CANCELLED. */
bool progress_is_stopped(void);
enum ct_code progress_check(struct ct_error *err) CT_MUST_CHECK;
/* For tidying up after one: it is done with, and the next one is noted again. */
void progress_forget_signal(void);

#endif
