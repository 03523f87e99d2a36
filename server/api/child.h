/* Child processes that answer requests: a bounded number runs, a bounded number waits. Owned by the
 * API; each runs the cartrita-q beside the daemon with Redis in its environment, never on its
 * command line. Nothing of it can hold up the loop or outlive the daemon. */
#ifndef CT_SERVER_HTTP_CHILD_H
#define CT_SERVER_HTTP_CHILD_H

#include <stdbool.h>
#include <uv.h>

#include "common/error.h"
#include "common/str.h"

#define CHILD_MAX       4     /* that run at a time */
#define CHILD_QUEUE_MAX 64    /* that wait for one of these places */
#define CHILD_TIME_MS   30000 /* from its start; then it is killed */
#define CHILD_ENDLESS   UINT64_MAX
#define CHILD_OUT_MAX   (16u << 20) /* bytes of its answer; more: it is killed */
#define CHILD_ERR_MAX   4096        /* bytes of what it complains; the rest is dropped */

struct children;
struct child;

enum child_end { CHILD_EXITED, CHILD_LATE, CHILD_TOO_LARGE, CHILD_BROKEN };

/* Lent until `done` returns. */
struct child_result {
    enum child_end end;
    int status;        /* of CHILD_EXITED */
    struct ct_str out; /* what it wrote */
    struct ct_str err;
};

/* `argv`: words after the program's name, ends with NULL. All of it is copied. */
struct child_order {
    const char *const *argv;
    struct ct_str input; /* for its standard input */
    /* What it writes, as it comes: its result has no output then, and CHILD_OUT_MAX does not count.
     * NULL: it is collected for the result. */
    void (*hear)(void *ctx, struct ct_str bytes);
    void (*done)(void *ctx, const struct child_result *result);
    void *ctx;
    uint64_t time_ms; /* 0: CHILD_TIME_MS; CHILD_ENDLESS: it ends by itself or is cancelled */
};

/* `environment` ends with NULL; both are copied. */
struct children *children_open(uv_loop_t *loop, const char *program,
                               const char *const *environment);
/* NULL: too many wait. `done` comes exactly once, never from inside, unless it is cancelled. */
struct child *children_run(struct children *children, const struct child_order *order);
/* Ends it; nothing of it comes any more. */
void child_cancel(struct child *child);
/* What it writes is left where it is, so that in the end it waits; and taken again. */
void child_hold(struct child *child);
void child_go_on(struct child *child);
/* The last line that it complained, without the program's name. Lent. */
struct ct_str child_complaint(const struct child_result *result);
/* Cancels all of them, and frees when the last is gone. */
void children_close(struct children *children);

#endif
