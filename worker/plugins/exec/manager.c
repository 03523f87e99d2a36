/* The thread that owns the child of exec: starts it, feeds it, hears it, and starts it again with
 * backoff when it ends. See exec.h. It never waits but in poll, and holds the lock only between. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "exec.h"

#define MANAGER_READ_BYTES 65536u

enum { POLL_WAKE, POLL_IN, POLL_OUT, POLL_ERR, POLL_STATUS, POLL_COUNT };

/* --- reading -------------------------------------------------------------------------------------
 */

/* Reads what is there behind `text`; 0 at the end of the stream (or without one), -1 and EAGAIN
 * when nothing is there now. */
static ssize_t manager_read(int fd, struct text *text)
{
    char bytes[MANAGER_READ_BYTES];
    ssize_t count;

    do {
        errno = 0;
        count = read(fd, bytes, sizeof bytes);
    } while (count < 0 && errno == EINTR);
    if (count < 0 && errno != EAGAIN)
        return 0;
    if (count > 0)
        text_add(text, bytes, (size_t)count);
    return count;
}

static void manager_take_lines(struct exec *exec)
{
    struct text *in = &exec->from_child;
    char *start = in->data;
    char *fresh = in->data + exec->searched; /* a long line is not searched again and again */
    char *end_of_all = in->data + in->len;
    char *end;

    pthread_mutex_lock(&exec->lock);
    while (fresh < end_of_all && (end = memchr(fresh, '\n', (size_t)(end_of_all - fresh)))) {
        *end = '\0';
        if (!exec->is_skipping)
            tasks_heard(exec, start, (size_t)(end - start));
        exec->is_skipping = false;
        start = fresh = end + 1;
    }
    if (!exec->is_skipping && (size_t)(end_of_all - start) > EXEC_LINE_MAX) {
        tasks_heard_too_long(exec, start, (size_t)(end_of_all - start));
        exec->is_skipping = true;
    }
    if (exec->is_skipping)
        start = end_of_all;
    pthread_mutex_unlock(&exec->lock);
    text_consume(in, (size_t)(start - in->data));
    exec->searched = in->len;
}

static bool manager_hear(struct exec *exec)
{
    ssize_t count = manager_read(exec->child.out, &exec->from_child);

    if (count > 0)
        manager_take_lines(exec);
    return count != 0;
}

static void manager_log_stderr(struct exec *exec, const char *line, size_t len)
{
    if (len > EXEC_STDERR_LINE_MAX)
        len = EXEC_STDERR_LINE_MAX;
    if (len == 0)
        return;
    memcpy(exec->last_stderr, line, len);
    exec->last_stderr[len] = '\0';
    exec->host->log_process(CARTRITA_LOG_INFO, exec->last_stderr);
}

static bool manager_hear_stderr(struct exec *exec)
{
    ssize_t count = manager_read(exec->child.err, &exec->stderr_in);
    struct text *in = &exec->stderr_in;
    size_t start = 0;

    for (size_t at = 0; at < in->len; at++) {
        bool is_end = in->data[at] == '\n';

        if (!is_end && at - start < EXEC_STDERR_LINE_MAX)
            continue;
        manager_log_stderr(exec, in->data + start, at - start);
        start = is_end ? at + 1 : at;
    }
    if (count == 0) { /* the last line, without its end */
        manager_log_stderr(exec, in->data ? in->data + start : "", in->len - start);
        start = in->len;
    }
    if (start)
        text_consume(in, start);
    return count != 0;
}

static void manager_feed(struct exec *exec)
{
    pthread_mutex_lock(&exec->lock);
    if (exec->to_child.len > 0) {
        ssize_t count = write(exec->child.in, exec->to_child.data, exec->to_child.len);

        if (count > 0)
            text_consume(&exec->to_child, (size_t)count);
        else if (count < 0 && errno != EAGAIN && errno != EINTR)
            exec->to_child.len = 0; /* it has closed its input: its end comes next */
    }
    pthread_mutex_unlock(&exec->lock);
}

/* --- its life ------------------------------------------------------------------------------------
 */

static void manager_start(struct exec *exec)
{
    int error;

    exec->from_child.len = exec->stderr_in.len = exec->searched = 0;
    exec->is_skipping = false;
    exec->last_stderr[0] = '\0';
    exec->started_ms = exec_now_ms();
    error = child_start(&exec->child, exec->argv, exec->folder);
    if (error) {
        exec->failures++;
        exec_log(exec, CARTRITA_LOG_ERROR, "exec: %s cannot be started: %s", exec->argv[0],
                 strerror(error));
        return;
    }
    pthread_mutex_lock(&exec->lock);
    exec->has_child = true;
    exec->wants_finished = false;
    for (struct task *task = exec->tasks; task; task = task->next)
        if (!task->is_given && !task->is_over)
            (void)tasks_give(exec, task);
    pthread_mutex_unlock(&exec->lock);
}

static void manager_child_ended(struct exec *exec, int status)
{
    char how[128], denied[EXEC_DENIED_MAX], reason[EXEC_STDERR_LINE_MAX + EXEC_DENIED_MAX + 256];
    bool is_wanted, is_denied;

    /* What it wrote before its end still counts. */
    while (manager_read(exec->child.out, &exec->from_child) > 0)
        manager_take_lines(exec);
    while (manager_hear_stderr(exec) && errno != EAGAIN)
        ;
    child_describe(status, how, sizeof how);
    is_denied = status != 0 && access_explain(exec->argv, exec->folder, denied, sizeof denied);
    snprintf(reason, sizeof reason, "the command %s%s%s%s%s", how, exec->last_stderr[0] ? ": " : "",
             exec->last_stderr, is_denied ? "; " : "", is_denied ? denied : "");
    child_kill(&exec->child);
    child_end(&exec->child);
    if (exec_now_ms() - exec->started_ms >= EXEC_HEALTHY_MS)
        exec->failures = 0;
    exec->failures++;
    pthread_mutex_lock(&exec->lock);
    exec->has_child = false;
    tasks_child_gone(exec, reason);
    exec->to_child.len = 0;
    is_wanted = !exec->is_closing;
    pthread_mutex_unlock(&exec->lock);
    if (is_wanted)
        exec_log(exec, CARTRITA_LOG_ERROR, "exec: %s; it will be started again", reason);
}

/* How long to wait before the next start; 0 the first time. */
static int64_t manager_restart_delay(const struct exec *exec)
{
    int64_t delay_ms = EXEC_RESTART_MIN_MS;

    if (exec->failures == 0)
        return 0;
    for (unsigned i = 1; i < exec->failures && delay_ms < EXEC_RESTART_MAX_MS; i++)
        delay_ms *= 2;
    return delay_ms < EXEC_RESTART_MAX_MS ? delay_ms : EXEC_RESTART_MAX_MS;
}

static void manager_drain_wake(struct exec *exec)
{
    uint64_t ignored;
    ssize_t count = read(exec->wake, &ignored, sizeof ignored);

    (void)count;
}

/* One wait for something to happen while the child lives. */
static void manager_turn(struct exec *exec, int timeout_ms)
{
    struct pollfd fds[POLL_COUNT] = {
        [POLL_WAKE] = {.fd = exec->wake, .events = POLLIN},
        [POLL_IN] = {.fd = -1, .events = POLLOUT},
        [POLL_OUT] = {.fd = exec->child.out, .events = POLLIN},
        [POLL_ERR] = {.fd = exec->child.err, .events = POLLIN},
        [POLL_STATUS] = {.fd = exec->child.status, .events = POLLIN},
    };
    int status;

    pthread_mutex_lock(&exec->lock);
    if (exec->to_child.len > 0)
        fds[POLL_IN].fd = exec->child.in;
    pthread_mutex_unlock(&exec->lock);
    if (poll(fds, POLL_COUNT, timeout_ms) <= 0)
        return;
    if (fds[POLL_WAKE].revents)
        manager_drain_wake(exec);
    if (fds[POLL_IN].revents)
        manager_feed(exec);
    if (fds[POLL_OUT].revents && !manager_hear(exec)) {
        close(exec->child.out);
        exec->child.out = -1; /* it has closed its output; poll ignores -1 */
    }
    if (fds[POLL_ERR].revents && !manager_hear_stderr(exec)) {
        close(exec->child.err);
        exec->child.err = -1;
    }
    if (fds[POLL_STATUS].revents)
        manager_child_ended(exec,
                            child_read_status(&exec->child, &status) ? status : CHILD_UNKNOWN);
}

/* The runner ends: end of input is the child's sign to go. */
static void manager_close(struct exec *exec)
{
    int64_t until_ms = exec_now_ms() + EXEC_CLOSE_MS;

    if (!exec->has_child)
        return;
    close(exec->child.in);
    exec->child.in = -1;
    pthread_mutex_lock(&exec->lock);
    exec->to_child.len = 0;
    pthread_mutex_unlock(&exec->lock);
    while (exec->has_child && exec_now_ms() < until_ms)
        manager_turn(exec, (int)(until_ms - exec_now_ms()) + 1);
    if (exec->has_child) {
        child_kill(&exec->child);
        child_end(&exec->child);
    }
}

void *manager_main(void *arg)
{
    struct exec *exec = arg;
    bool is_closing = false;

    while (!is_closing) {
        if (exec->has_child) {
            manager_turn(exec, -1);
        } else {
            int64_t wait_ms = exec->started_ms + manager_restart_delay(exec) - exec_now_ms();
            struct pollfd wake = {.fd = exec->wake, .events = POLLIN};

            if (exec->failures == 0 || wait_ms <= 0)
                manager_start(exec);
            else if (poll(&wake, 1, (int)wait_ms) > 0)
                manager_drain_wake(exec);
        }
        pthread_mutex_lock(&exec->lock);
        is_closing = exec->is_closing;
        pthread_mutex_unlock(&exec->lock);
    }
    manager_close(exec);
    return NULL;
}
