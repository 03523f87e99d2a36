/* One child: waits for a place, is started, gets its input, is heard, and is reaped; its memory
 * goes when the process is gone and all its handles have closed. See child.h. */
#include "server/api/child.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"

#define CHILD_READ_BYTES 16384

struct children {
    uv_loop_t *loop;
    char *program;
    char **environment;
    struct ct_list running, waiting;
    uint32_t running_count, waiting_count;
    bool is_closing;
};

struct child {
    struct ct_list link;
    struct children *children;
    char **argv;
    struct ct_buf input, out, err;
    void (*hear)(void *ctx, struct ct_str bytes);
    void (*done)(void *ctx, const struct child_result *result);
    void *ctx;
    uint64_t time_ms;
    bool is_started, is_over, is_held;
    enum child_end end;
    int status;
    uv_process_t process;
    uv_pipe_t in, from_out, from_err;
    uv_timer_t timer;
    uv_write_t write;
    uint32_t handles;      /* not closed yet */
    uint32_t outputs_open; /* that it may still write to */
    char block[CHILD_READ_BYTES];
};

static void children_start(struct children *children);

static char **copy_words(const char *first, const char *const *words)
{
    size_t count = 0, at = 0;

    while (words[count])
        count++;
    char **copy = ct_zalloc((count + 2) * sizeof *copy);
    if (first)
        copy[at++] = ct_strdup(first);
    for (size_t i = 0; i < count; i++)
        copy[at++] = ct_strdup(words[i]);
    return copy;
}

static void free_words(char **words)
{
    for (size_t i = 0; words[i]; i++)
        free(words[i]);
    free(words);
}

static void children_free_if_gone(struct children *children)
{
    if (!children->is_closing || children->running_count + children->waiting_count > 0)
        return;
    free(children->program);
    free_words(children->environment);
    free(children);
}

static void child_free(struct child *child)
{
    free_words(child->argv);
    ct_buf_free(&child->input);
    ct_buf_free(&child->out);
    ct_buf_free(&child->err);
    free(child);
}

/* --- the end of one --- */

static void child_tell(struct child *child)
{
    const struct child_result result = {
        .end = child->end,
        .status = child->status,
        .out = ct_buf_str(&child->out),
        .err = ct_buf_str(&child->err),
    };
    void (*done)(void *ctx, const struct child_result *result) = child->done;

    child->done = NULL;
    if (done)
        done(child->ctx, &result);
}

static void child_on_closed(uv_handle_t *handle)
{
    struct child *child = handle->data;
    struct children *children = child->children;

    if (--child->handles > 0)
        return;
    ct_list_remove(&child->link);
    children->running_count--;
    child_tell(child);
    child_free(child);
    if (!children->is_closing)
        children_start(children);
    children_free_if_gone(children);
}

static void child_close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, child_on_closed);
}

/* The process is gone and has said all that it will. */
static void child_check_over(struct child *child)
{
    if (!child->is_over || child->outputs_open > 0)
        return;
    child_close_handle((uv_handle_t *)&child->process);
    child_close_handle((uv_handle_t *)&child->in);
    child_close_handle((uv_handle_t *)&child->timer);
}

static void child_kill(struct child *child, enum child_end end)
{
    if (child->end == CHILD_EXITED)
        child->end = end;
    if (!child->is_over)
        uv_process_kill(&child->process, SIGKILL);
    child_go_on(child); /* to its end */
}

static void child_on_exit(uv_process_t *process, int64_t status, int number)
{
    struct child *child = process->data;

    child->is_over = true;
    child->status = (int)status;
    if (number != 0 && child->end == CHILD_EXITED)
        child->end = CHILD_BROKEN;
    uv_timer_stop(&child->timer);
    child_check_over(child);
}

static void child_on_time(uv_timer_t *timer)
{
    child_kill(timer->data, CHILD_LATE);
}

/* --- what it says --- */

static void child_on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *room)
{
    struct child *child = handle->data;

    *room = uv_buf_init(child->block, sizeof child->block);
}

static void child_take(struct child *child, bool is_out, const char *bytes, size_t len)
{
    if (!child->done)
        return; /* cancelled */
    if (is_out && child->hear)
        child->hear(child->ctx, (struct ct_str){bytes, len});
    else if (is_out && child->out.len + len > CHILD_OUT_MAX)
        child_kill(child, CHILD_TOO_LARGE);
    else if (is_out)
        ct_buf_append(&child->out, bytes, len);
    else if (child->err.len < CHILD_ERR_MAX)
        ct_buf_append(&child->err, bytes,
                      len < CHILD_ERR_MAX - child->err.len ? len : CHILD_ERR_MAX - child->err.len);
}

static void child_on_bytes(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct child *child = stream->data;

    if (len > 0)
        child_take(child, stream == (uv_stream_t *)&child->from_out, buf->base, (size_t)len);
    if (len >= 0)
        return;
    child->outputs_open--;
    child_close_handle((uv_handle_t *)stream);
    child_check_over(child);
}

void child_hold(struct child *child)
{
    if (!child->is_started || child->is_held || uv_is_closing((uv_handle_t *)&child->from_out))
        return;
    child->is_held = true;
    uv_read_stop((uv_stream_t *)&child->from_out);
}

void child_go_on(struct child *child)
{
    if (!child->is_held)
        return;
    child->is_held = false;
    uv_read_start((uv_stream_t *)&child->from_out, child_on_room, child_on_bytes);
}

static void child_on_written(uv_write_t *write, int status)
{
    child_close_handle((uv_handle_t *)write->handle);
}

struct ct_str child_complaint(const struct child_result *result)
{
    struct ct_str text = result->err;

    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    for (size_t i = text.len; i > 0; i--) {
        if (text.data[i - 1] == '\n') {
            text = (struct ct_str){text.data + i, text.len - i};
            break;
        }
    }
    ct_str_skip(&text, "cartrita-q: ");
    return text;
}

/* --- the beginning of one --- */

static void child_open_handle(struct child *child, uv_handle_t *handle)
{
    handle->data = child;
    child->handles++;
}

static void child_begin_talk(struct child *child)
{
    uv_buf_t input = uv_buf_init(ct_buf_data(&child->input), (unsigned)child->input.len);

    uv_read_start((uv_stream_t *)&child->from_out, child_on_room, child_on_bytes);
    uv_read_start((uv_stream_t *)&child->from_err, child_on_room, child_on_bytes);
    child->outputs_open = 2;
    if (child->input.len == 0 ||
        uv_write(&child->write, (uv_stream_t *)&child->in, &input, 1, child_on_written) != 0)
        child_close_handle((uv_handle_t *)&child->in);
    if (child->time_ms != CHILD_ENDLESS)
        uv_timer_start(&child->timer, child_on_time, child->time_ms, 0);
}

static void child_spawn(struct child *child)
{
    struct children *children = child->children;
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&child->in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&child->from_out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&child->from_err},
    };
    const uv_process_options_t options = {
        .exit_cb = child_on_exit,
        .file = children->program,
        .args = child->argv,
        .env = children->environment,
        .stdio = stdio,
        .stdio_count = 3,
    };

    uv_pipe_init(children->loop, &child->in, 0);
    uv_pipe_init(children->loop, &child->from_out, 0);
    uv_pipe_init(children->loop, &child->from_err, 0);
    uv_timer_init(children->loop, &child->timer);
    child_open_handle(child, (uv_handle_t *)&child->in);
    child_open_handle(child, (uv_handle_t *)&child->from_out);
    child_open_handle(child, (uv_handle_t *)&child->from_err);
    child_open_handle(child, (uv_handle_t *)&child->timer);
    child_open_handle(child, (uv_handle_t *)&child->process);
    child->is_started = true;
    int status = uv_spawn(children->loop, &child->process, &options);
    if (status == 0) {
        child_begin_talk(child);
        return;
    }
    ct_log_error("cannot start a process for the API", CT_STR("program", children->program),
                 CT_STR("error", uv_strerror(status)));
    child->end = CHILD_BROKEN;
    child->is_over = true;
    child_close_handle((uv_handle_t *)&child->from_out);
    child_close_handle((uv_handle_t *)&child->from_err);
    child_check_over(child);
}

static void children_start(struct children *children)
{
    while (children->running_count < CHILD_MAX && !ct_list_is_empty(&children->waiting)) {
        struct child *child = CT_CONTAINER(children->waiting.next, struct child, link);

        ct_list_remove(&child->link);
        children->waiting_count--;
        ct_list_push_back(&children->running, &child->link);
        children->running_count++;
        child_spawn(child);
    }
}

/* --- all of them --- */

struct children *children_open(uv_loop_t *loop, const char *program, const char *const *environment)
{
    struct children *children = ct_zalloc(sizeof *children);

    children->loop = loop;
    children->program = ct_strdup(program);
    children->environment = copy_words(NULL, environment);
    ct_list_init(&children->running);
    ct_list_init(&children->waiting);
    return children;
}

struct child *children_run(struct children *children, const struct child_order *order)
{
    if (children->waiting_count >= CHILD_QUEUE_MAX)
        return NULL;
    struct child *child = ct_zalloc(sizeof *child);
    child->children = children;
    child->argv = copy_words(children->program, order->argv);
    if (order->input.len > 0)
        ct_buf_append_str(&child->input, order->input);
    child->hear = order->hear;
    child->done = order->done;
    child->ctx = order->ctx;
    child->time_ms = order->time_ms > 0 ? order->time_ms : CHILD_TIME_MS;
    ct_list_push_back(&children->waiting, &child->link);
    children->waiting_count++;
    children_start(children);
    return child;
}

void child_cancel(struct child *child)
{
    struct children *children = child->children;

    child->done = NULL;
    if (child->is_started) {
        child_kill(child, CHILD_BROKEN);
        return;
    }
    ct_list_remove(&child->link);
    children->waiting_count--;
    child_free(child);
    children_free_if_gone(children);
}

void children_close(struct children *children)
{
    children->is_closing = true;
    children->running_count++; /* held up to the last line */
    CT_LIST_FOREACH_SAFE (node, following, &children->waiting)
        child_cancel(CT_CONTAINER(node, struct child, link));
    CT_LIST_FOREACH_SAFE (node, following, &children->running)
        child_cancel(CT_CONTAINER(node, struct child, link));
    children->running_count--;
    children_free_if_gone(children);
}
