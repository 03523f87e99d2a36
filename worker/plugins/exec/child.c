/* Starting and ending the child command. See child.h. Between fork and exec only calls that are
 * safe in the fork of a process with threads. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_EXIT_NO_EXEC 127 /* as a shell says it */

/* Signals as a fresh program expects them: the runner ignores some, and threads block others. */
static void child_reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_close_from(int first)
{
    if (syscall(SYS_close_range, first, ~0u, 0) == 0)
        return;
    for (int fd = first; fd < 65536; fd++)
        close(fd);
}

static void child_exec(char *const *argv, const char *folder)
{
    static const char no_folder[] = "exec: the folder in cwd cannot be entered\n";
    static const char no_command[] = "exec: the command cannot be started\n";
    ssize_t ignored;

    if (folder && chdir(folder) != 0) {
        ignored = write(STDERR_FILENO, no_folder, sizeof no_folder - 1);
    } else {
        execvp(argv[0], argv);
        ignored = write(STDERR_FILENO, no_command, sizeof no_command - 1);
    }
    (void)ignored;
    _exit(CHILD_EXIT_NO_EXEC);
}

/* Until the command has ended (true, with its status) or the runner has (false). */
static bool guard_wait(pid_t command, const sigset_t *signals, int *status)
{
    for (;;) {
        int number = sigwaitinfo(signals, NULL);

        if (number == SIGTERM)
            return false;
        if (waitpid(command, status, WNOHANG) == command)
            return true;
    }
}

/* In the guard; never returns. */
static void guard_main(pid_t runner, int in, int out, int err, int status_fd, char *const *argv,
                       const char *folder)
{
    sigset_t signals;
    pid_t command;
    int status = 0;
    ssize_t ignored;

    child_reset_signals();
    setpgid(0, 0);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM); /* the runner's death; taken in guard_wait, not in a handler */
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != runner)
        _exit(0);
    /* To places of their own first: the pipes may sit on each other's targets. */
    in = fcntl(in, F_DUPFD, 16);
    out = fcntl(out, F_DUPFD, 16);
    err = fcntl(err, F_DUPFD, 16);
    status_fd = fcntl(status_fd, F_DUPFD, 16);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    dup2(status_fd, 3);
    child_close_from(4);
    command = fork();
    if (command == 0) {
        close(3);
        child_reset_signals();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        child_exec(argv, folder);
    }
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
    if (command < 0 || guard_wait(command, &signals, &status)) {
        ignored = write(3, &status, sizeof status);
        (void)ignored;
    }
    kill(0, SIGKILL); /* what is left of the group, ourselves included */
    _exit(0);
}

int child_start(struct child *child, char *const *argv, const char *folder)
{
    int pipes[4][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    pid_t runner = getpid();
    int error = 0;
    pid_t guard = -1;

    for (int i = 0; i < 4 && !error; i++)
        if (pipe2(pipes[i], O_CLOEXEC) != 0)
            error = errno;
    if (!error) {
        guard = fork();
        if (guard == 0)
            guard_main(runner, pipes[0][0], pipes[1][1], pipes[2][1], pipes[3][1], argv, folder);
        error = guard < 0 ? errno : 0;
    }
    for (int i = 0; i < 4; i++) {
        int theirs = i == 0 ? 0 : 1;

        if (pipes[i][theirs] >= 0)
            close(pipes[i][theirs]);
        if (error && pipes[i][!theirs] >= 0)
            close(pipes[i][!theirs]);
        else if (!error)
            fcntl(pipes[i][!theirs], F_SETFL, O_NONBLOCK);
    }
    if (error)
        return error;
    /* Here too: kill(-guard) must work before the guard has come to it. */
    setpgid(guard, guard);
    *child = (struct child){guard, pipes[0][1], pipes[1][0], pipes[2][0], pipes[3][0]};
    return 0;
}

void child_kill(struct child *child)
{
    if (child->guard > 0)
        kill(-child->guard, SIGKILL);
}

static void child_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void child_end(struct child *child)
{
    if (child->guard > 0)
        while (waitpid(child->guard, NULL, 0) < 0 && errno == EINTR)
            ;
    child->guard = 0;
    child_close(&child->in);
    child_close(&child->out);
    child_close(&child->err);
    child_close(&child->status);
}

bool child_read_status(struct child *child, int *status)
{
    return read(child->status, status, sizeof *status) == (ssize_t)sizeof *status;
}

void child_describe(int status, char *out, size_t size)
{
    if (status == CHILD_UNKNOWN)
        snprintf(out, size, "ended with the process that guards it, which was killed");
    else if (WIFSIGNALED(status))
        snprintf(out, size, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out, size, "exited with status %d", WEXITSTATUS(status));
}
