/* What a killed supervisor leaves behind. See sweeper.h. */
#include "worker/watch/sweeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"

/* --- the supervisor's end ------------------------------------------------------------------------
 */

static void sweeper_exited(uv_process_t *process, int64_t status, int number)
{
    struct sweeper *sweeper = process->data;

    if (sweeper->is_running)
        ct_log_warn("the sweeper has ended: should this process be killed, what jobs started may "
                    "live on",
                    CT_INT("status", status), CT_INT("signal", number));
    sweeper->is_running = false;
    if (!uv_is_closing((uv_handle_t *)&sweeper->life))
        uv_close((uv_handle_t *)&sweeper->life, NULL);
    uv_close((uv_handle_t *)process, NULL);
}

void sweeper_open(struct sweeper *sweeper, uv_loop_t *loop, const char *worker)
{
    char *args[] = {"cartrita-worker", "--sweeper", (char *)worker, NULL};
    char *environment[] = {NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&sweeper->life},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    uv_process_options_t options = {
        .exit_cb = sweeper_exited,
        .file = "/proc/self/exe",
        .args = args,
        .env = environment,
        .flags = UV_PROCESS_DETACHED, /* what ends our group must not end it */
        .stdio = stdio,
        .stdio_count = sizeof stdio / sizeof stdio[0],
    };
    int rc;

    uv_pipe_init(loop, &sweeper->life, 0);
    rc = uv_spawn(loop, &sweeper->process, &options);
    sweeper->process.data = sweeper;
    sweeper->is_running = rc == 0;
    if (rc == 0)
        return;
    ct_log_warn("no sweeper: should this process be killed, what jobs started may live on",
                CT_STR("error", uv_strerror(rc)));
    uv_close((uv_handle_t *)&sweeper->life, NULL);
    uv_close((uv_handle_t *)&sweeper->process, NULL);
}

bool sweeper_is(const struct sweeper *sweeper, pid_t pid)
{
    return sweeper->is_running && sweeper->process.pid == pid;
}

void sweeper_close(struct sweeper *sweeper)
{
    if (!sweeper->is_running)
        return;
    sweeper->is_running = false;
    uv_close((uv_handle_t *)&sweeper->life, NULL);
    uv_process_kill(&sweeper->process, SIGKILL); /* there is nothing for it to do */
}

/* --- the process ---------------------------------------------------------------------------------
 */

static bool sweeper_is_marked(const char *pid, const char *mark, size_t mark_len)
{
    static char text[SWEEPER_ENVIRON_MAX];
    size_t len = 1;
    ssize_t count;
    char path[64];
    int fd;

    snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    text[0] = '\0'; /* each entry is found between two of these */
    while (len < sizeof text && (count = read(fd, text + len, sizeof text - len)) > 0)
        len += (size_t)count;
    close(fd);
    return memmem(text, len, mark, mark_len) != NULL;
}

/* Returns how many it found. */
static size_t sweeper_round(const char *mark, size_t mark_len)
{
    DIR *all = opendir("/proc");
    struct dirent *entry;
    size_t found = 0;

    while (all && (entry = readdir(all))) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
            !sweeper_is_marked(entry->d_name, mark, mark_len))
            continue;
        found++;
        (void)kill((pid_t)atol(entry->d_name), SIGKILL);
    }
    if (all)
        closedir(all);
    return found;
}

static void sweeper_sweep(const char *worker)
{
    const struct timespec pause = {.tv_nsec = SWEEPER_ROUND_MS * 1000000};
    char mark[128];
    size_t len = (size_t)snprintf(mark, sizeof mark, "%c" SWEEPER_MARK "=%.80s", '\0', worker);
    size_t killed = 0;

    /* With the NUL before and behind it. A process that was just killed is still found. */
    for (unsigned i = 0, clean = 0; i < SWEEPER_ROUNDS_MAX && clean < 2; i++) {
        size_t found = sweeper_round(mark, len + 1);

        killed = found > killed ? found : killed;
        clean = found ? 0 : clean + 1;
        nanosleep(&pause, NULL);
    }
    if (killed)
        ct_log_warn("ended what a killed worker had left behind", CT_INT("processes", killed));
}

int sweeper_main(const char *worker)
{
    char byte;
    ssize_t count;

    prctl(PR_SET_NAME, "cartrita-sweep");
    ct_log_setup(CT_LOG_INFO, "sweeper");
    /* Those are for the supervisor, which may take its time. */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    do {
        count = read(STDIN_FILENO, &byte, 1);
    } while (count > 0 || (count < 0 && errno == EINTR));
    sweeper_sweep(worker);
    return EXIT_SUCCESS;
}
