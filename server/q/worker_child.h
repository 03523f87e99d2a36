/* cartrita-worker as a program that cartrita-q starts. Called by `job replay` and `bench`. */
#ifndef Q_WORKER_CHILD_H
#define Q_WORKER_CHILD_H

#include <sys/types.h>

#include "q/session.h"

#define WORKER_PROGRAM "cartrita-worker"

struct worker_child {
    pid_t pid; /* 0: none */
};

/* Starts it with these arguments (NULL ends them; the first is the program) and this Redis, which
 * its environment names and not its command line. It gets SIGTERM when we end. */
enum ct_code worker_child_start(struct worker_child *child, char *const *args,
                                const char *redis_url, struct ct_error *err) CT_MUST_CHECK;
/* SYSTEM when it has ended. */
enum ct_code worker_child_check(struct worker_child *child, struct ct_error *err) CT_MUST_CHECK;
/* Ends it, with SIGTERM and, when it takes longer than that, SIGKILL. */
void worker_child_stop(struct worker_child *child, struct session *session, int64_t patience_ms);

#endif
