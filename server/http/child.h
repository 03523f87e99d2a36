/* Child processes that answer requests: a bounded number runs, a bounded number waits. Owned by the
 * API; each runs the cartrita-q beside the daemon with Redis in its environment, never on its
 * command line. Nothing of it can hold up the loop or outlive the daemon. */
#ifndef CT_SERVER_HTTP_CHILD_H
#define CT_SERVER_HTTP_CHILD_H

#include <stdbool.h>
#include <uv.h>

#include "common/error.h"
#include "common/str.h"

#define CHILD_MAX       4           /* that run at a time */
#define CHILD_QUEUE_MAX 64          /* that wait for one of these places */
#define CHILD_TIME_MS   30000       /* from its start; then it is killed */
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
    void (*done)(void *ctx, const struct child_result *result);
    void *ctx;
};

/* `environment` ends with NULL; both are copied. */
struct children *children_open(uv_loop_t *loop, const char *program,
                               const char *const *environment);
/* NULL: too many wait. `done` comes exactly once, never from inside, unless it is cancelled. */
struct child *children_run(struct children *children, const struct child_order *order);
/* Ends it; `done` does not come any more. */
void child_cancel(struct child *child);
/* Cancels all of them, and frees when the last is gone. */
void children_close(struct children *children);

#endif
