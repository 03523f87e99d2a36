/* See the header. The child is in a process group of its own: what a terminal sends on Ctrl-C goes
 * to us alone, and we end the child when we are done with it. */
#include "q/worker_child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"

#define LOOK_MS 20 /* between two looks whether it has ended */

/* In the child; does not return. Only what may be called behind a fork. */
static void become(char *const *args, pid_t parent)
{
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent) /* it may have ended before the line above */
        execvp(args[0], args);
    _exit(127);
}

enum ct_code worker_child_start(struct worker_child *child, char *const *args,
                                const char *redis_url, struct ct_error *err)
{
    pid_t parent = getpid(), pid;

    setenv("CARTRITA_REDIS_URL", redis_url, 1);
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        return ct_error_set(err, CT_E_SYSTEM, "starting %s: %s", args[0], strerror(errno));
    if (pid == 0)
        become(args, parent);
    child->pid = pid;
    return CT_E_OK;
}

static bool has_ended(struct worker_child *child, int *status)
{
    if (waitpid(child->pid, status, WNOHANG) != child->pid)
        return false;
    child->pid = 0;
    return true;
}

enum ct_code worker_child_check(struct worker_child *child, struct ct_error *err)
{
    int status;

    if (child->pid == 0 || !has_ended(child, &status))
        return CT_E_OK;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return ct_error_set(err, CT_E_SYSTEM,
                            WORKER_PROGRAM " cannot be started; install it beside cartrita-q or "
                                           "in PATH");
    if (WIFEXITED(status))
        return ct_error_set(err, CT_E_SYSTEM, WORKER_PROGRAM " has ended with status %d",
                            WEXITSTATUS(status));
    return ct_error_set(err, CT_E_SYSTEM, WORKER_PROGRAM " was ended by signal %d",
                        WTERMSIG(status));
}

void worker_child_stop(struct worker_child *child, struct session *session, int64_t patience_ms)
{
    int64_t deadline_ms = ct_monotonic_ms(&ct_clock_system) + patience_ms;
    int status;

    if (child->pid == 0)
        return;
    kill(child->pid, SIGTERM);
    while (!has_ended(child, &status)) {
        session_sleep(session, LOOK_MS, NULL);
        if (ct_monotonic_ms(&ct_clock_system) >= deadline_ms) {
            kill(child->pid, SIGKILL);
            deadline_ms = INT64_MAX;
        }
    }
}
