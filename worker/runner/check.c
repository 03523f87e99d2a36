/* --check-plugin: a trial load in a throw-away process, because loading runs the plugin's own
 * constructors, which may crash or hang. Called by main.c; see loader.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/runner/loader.h"

/* In the throw-away process: never returns. */
static void check_in_child(const char *path)
{
    const struct cartrita_plugin *plugin;
    struct ct_error err;

    if (loader_load(path, -1, &plugin, &err) != CT_E_OK) {
        fprintf(stderr, "cartrita-worker: %s\n", err.detail);
        _exit(EXIT_FAILURE);
    }
    printf("%s: %s %s, plugin ABI %u.%u, jobs in a run: %u\n", path, plugin->name, plugin->version,
           plugin->abi_major, plugin->abi_minor, plugin->batch_max ? plugin->batch_max : 1);
    fflush(stdout);
    _exit(EXIT_SUCCESS);
}

int loader_check_main(const char *path, unsigned timeout_ms)
{
    struct pollfd alive;
    int pipe_fds[2], status = 0, polled;
    pid_t child;

    if (pipe(pipe_fds) != 0 || (child = fork()) < 0) {
        fprintf(stderr, "cartrita-worker: checking %s: %s\n", path, strerror(errno));
        return EXIT_FAILURE;
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pipe_fds[0]);
        check_in_child(path);
    }
    /* The other end closes when the process is gone, however it went. */
    close(pipe_fds[1]);
    alive = (struct pollfd){.fd = pipe_fds[0], .events = POLLIN};
    do {
        polled = poll(&alive, 1, (int)timeout_ms);
    } while (polled < 0 && errno == EINTR);
    if (polled == 0)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    close(pipe_fds[0]);
    if (polled == 0)
        fprintf(stderr,
                "cartrita-worker: plugin %s did not load within %u ms: its constructors, or those "
                "of a library it needs, hang\n",
                path, timeout_ms);
    else if (WIFSIGNALED(status))
        fprintf(stderr, "cartrita-worker: loading plugin %s was killed by signal %d (%s)\n", path,
                WTERMSIG(status), strsignal(WTERMSIG(status)));
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
