/* The child command of exec and the guard above it. Called by manager.c only.
 *
 *   runner ── guard ── command ── whatever it starts      guard, command and the rest: one group
 *
 * The guard is a fork that never execs. When the runner dies, however it dies, the kernel signals
 * the guard, which kills the group: a shell in between, or a command that forks, cannot leave
 * anything behind. When the command ends, the guard says how and kills what is left. */
#ifndef EXEC_CHILD_H
#define EXEC_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
    pid_t guard; /* also the group; 0: none */
    int in;      /* to its stdin; -1: closed. All non-blocking, owned */
    int out;     /* from its stdout */
    int err;     /* from its stderr */
    int status;  /* one int, as of waitpid, when it has ended */
};

/* `argv` ends with NULL. Returns 0 or an errno. The calling thread must outlive the child. */
int child_start(struct child *child, char *const *argv, const char *folder);
/* Kills the group. */
void child_kill(struct child *child);
/* Reaps the guard and closes what is open. */
void child_end(struct child *child);
#define CHILD_UNKNOWN                                                           \
    (-1) /* in place of a status: the guard was killed, and the command with it \
          */

/* The exit status that the guard wrote; false: it could not. */
bool child_read_status(struct child *child, int *status);
/* "exited with status 3", "was killed by signal 9 (Killed)" */
void child_describe(int status, char *out, size_t size);

#endif
