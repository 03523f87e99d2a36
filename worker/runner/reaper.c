/* Adopted processes of a runner. See reaper.h. */
#include "worker/runner/reaper.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REAPER_TEXT_MAX 4096u /* bytes of the list of children; the rest has its turn later */

/* The children of the calling thread. */
static size_t reaper_children(pid_t *out, size_t max)
{
    char text[REAPER_TEXT_MAX + 1];
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, REAPER_TEXT_MAX) : -1;
    size_t count = 0;
    char *at = text, *end;

    if (fd >= 0)
        close(fd);
    text[len > 0 ? len : 0] = '\0';
    while (count < max && (end = strchr(at, ' '))) {
        out[count++] = (pid_t)strtol(at, NULL, 10);
        at = end + 1;
    }
    return count;
}

static bool reaper_is_own(const struct reaper *reaper, pid_t pid)
{
    for (size_t i = 0; i < reaper->own_count; i++)
        if (reaper->own[i] == pid)
            return true;
    return false;
}

/* Only this thread's children: those that job threads started are not ours to wait for. */
static void reaper_look(uv_timer_t *timer)
{
    const struct reaper *reaper = timer->data;
    pid_t pids[REAPER_OWN_MAX];
    size_t count = reaper_children(pids, REAPER_OWN_MAX);

    for (size_t i = 0; i < count; i++)
        if (!reaper_is_own(reaper, pids[i]))
            (void)waitpid(pids[i], NULL, WNOHANG | __WNOTHREAD);
}

void reaper_adopt(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void reaper_open(struct reaper *reaper, uv_loop_t *loop)
{
    reaper->own_count = reaper_children(reaper->own, REAPER_OWN_MAX);
    uv_timer_init(loop, &reaper->timer);
    reaper->timer.data = reaper;
    uv_timer_start(&reaper->timer, reaper_look, REAPER_LOOK_MS, REAPER_LOOK_MS);
}

void reaper_close(struct reaper *reaper)
{
    uv_close((uv_handle_t *)&reaper->timer, NULL);
}
