/* A supervisor that is killed outright ends nothing any more: the kernel kills its runners with it,
 * but what those had started belongs to nobody then. So beside each supervisor sits a small process
 * that does nothing but wait for its death, and then kills everything whose environment says that a
 * runner of that supervisor started it (SWEEPER_MARK), again and again until nothing is found. A
 * supervisor that ends in order has done that itself (orphans.h), and ends its sweeper.
 *
 * It needs no privilege. What it cannot find: a process that has replaced its environment; and,
 * when the supervisor is not root, a fork of a runner that has not started another program. Where
 * runners have control groups, their service's or container's manager ends those as well. */
#ifndef WORKER_SWEEPER_H
#define WORKER_SWEEPER_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#define SWEEPER_MARK        "CARTRITA_RUNNER_OF" /* =UUID of the supervisor, in a runner's environment */
#define SWEEPER_ROUND_MS    5u
#define SWEEPER_ROUNDS_MAX  600u       /* then it gives up */
#define SWEEPER_ENVIRON_MAX (1u << 20) /* bytes of an environment that are searched */

/* The supervisor's end. */
struct sweeper {
    uv_process_t process;
    uv_pipe_t life; /* closes with us, whatever becomes of us */
    bool is_running;
};

/* Without it all else works: a failure is logged. */
void sweeper_open(struct sweeper *sweeper, uv_loop_t *loop, const char *worker);
bool sweeper_is(const struct sweeper *sweeper, pid_t pid);
void sweeper_close(struct sweeper *sweeper);

/* Its own main: `cartrita-worker --sweeper UUID`, with the supervisor's pipe as standard input. */
int sweeper_main(const char *worker);

#endif
