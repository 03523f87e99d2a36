/* What runners write. See output.h. */
#include "worker/supervisor/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

/* --- what passes ---------------------------------------------------------------------------------
 */

static void output_tell_dropped(struct output *output, bool is_end)
{
    uint64_t now_ms = uv_now(output->pipe.loop);

    if (output->dropped == 0 || (!is_end && now_ms - output->told_ms < OUTPUT_TELL_MS))
        return;
    output->told_ms = now_ms;
    ct_log_warn(output->is_log ? "lines of a runner's log dropped" : "runner output dropped",
                CT_STR("pool", output->pool), CT_INT("slot", output->slot),
                CT_INT("pid", output->pid), CT_INT("lines", output->dropped));
    output->dropped = 0;
}

/* Our own lines are clean; but a plugin may write there as well as the runner. */
static void output_clean(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7F)
            line[i] = '?';
}

static void output_line(struct output *output)
{
    struct ct_str line = {output->line, output->line_len};

    output->line_len = 0;
    if (line.len == 0)
        return;
    if (!budget_take(&output->budget, line.len, uv_now(output->pipe.loop))) {
        output->dropped++;
        return;
    }
    if (output->is_log) {
        output_clean(output->line, line.len);
        ct_log_pass(line);
        return;
    }
    ct_log_info("runner output", CT_STR("pool", output->pool), CT_INT("slot", output->slot),
                CT_INT("pid", output->pid), CT_BYTES("text", line));
}

static void output_keep(struct output *output, const char *bytes, size_t len)
{
    size_t old;

    if (len > OUTPUT_TAIL_MAX) {
        bytes += len - OUTPUT_TAIL_MAX;
        len = OUTPUT_TAIL_MAX;
    }
    old = output->tail_len < OUTPUT_TAIL_MAX - len ? output->tail_len : OUTPUT_TAIL_MAX - len;
    memmove(output->tail, output->tail + output->tail_len - old, old);
    memcpy(output->tail + old, bytes, len);
    output->tail_len = old + len;
}

struct ct_str output_tail(const struct output *output)
{
    struct ct_str tail = {output->tail, output->tail_len};
    const char *end;

    while (tail.len && (tail.data[tail.len - 1] == '\n' || tail.data[tail.len - 1] == '\0'))
        tail.len--;
    /* From the beginning of a line, when the first one was cut. */
    if (output->tail_len == OUTPUT_TAIL_MAX && (end = memchr(tail.data, '\n', tail.len))) {
        tail.len -= (size_t)(end + 1 - tail.data);
        tail.data = end + 1;
    }
    return tail;
}

static void output_take(struct output *output, const char *bytes, size_t len)
{
    output_keep(output, bytes, len);
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t part = end ? (size_t)(end - bytes) : len;
        size_t room = OUTPUT_LINE_MAX - output->line_len;
        size_t fits = part < room ? part : room;

        memcpy(output->line + output->line_len, bytes, fits);
        output->line_len += fits;
        bytes += fits;
        len -= fits;
        if (end && fits == part) { /* the line break */
            bytes++;
            len--;
            output_line(output);
        } else if (output->line_len == OUTPUT_LINE_MAX) {
            output_line(output);
        }
    }
}

/* --- the pipe ------------------------------------------------------------------------------------
 */

static char output_room[64u << 10]; /* of whoever reads just now */

static void output_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    *buf = uv_buf_init(output_room, sizeof output_room);
}

static void output_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf);

static void output_slice_over(uv_timer_t *timer)
{
    struct output *output = (struct output *)((char *)timer - offsetof(struct output, timer));

    output_tell_dropped(output, false);
    if (output->slice < OUTPUT_SLICE_BYTES) {
        output->slice = 0;
        if (output->dropped == 0)
            uv_timer_stop(timer);
        return;
    }
    output->slice = 0;
    uv_read_start((uv_stream_t *)&output->pipe, output_alloc, output_read);
}

static void output_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct output *output = (struct output *)((char *)stream - offsetof(struct output, pipe));

    if (count < 0) { /* all writers are gone; the slot tells the rest */
        uv_read_stop(stream);
        return;
    }
    output_take(output, buf->base, (size_t)count);
    output->slice += (uint64_t)count;
    if (!uv_is_active((uv_handle_t *)&output->timer))
        uv_timer_start(&output->timer, output_slice_over, OUTPUT_SLICE_MS, OUTPUT_SLICE_MS);
    if (output->slice >= OUTPUT_SLICE_BYTES)
        uv_read_stop(stream);
}

int output_open(struct output *output, uv_loop_t *loop, bool is_log, uint64_t rate, void *data)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    memset(output, 0, offsetof(struct output, line));
    output->line_len = output->tail_len = 0;
    output->is_log = is_log;
    budget_init(&output->budget, rate, uv_now(loop));
    output->child_end = ends[1];
    uv_pipe_init(loop, &output->pipe, 0);
    uv_timer_init(loop, &output->timer);
    output->pipe.data = output->timer.data = data;
    uv_pipe_open(&output->pipe, ends[0]);
    return 0;
}

void output_started(struct output *output, const char *pool, uint32_t slot, int pid)
{
    close(output->child_end);
    output->child_end = -1;
    output->pool = pool;
    output->slot = slot;
    output->pid = pid;
    if (pid)
        uv_read_start((uv_stream_t *)&output->pipe, output_alloc, output_read);
}

void output_finish(struct output *output)
{
    uv_os_fd_t fd;
    size_t sum = 0;
    ssize_t count;

    uv_read_stop((uv_stream_t *)&output->pipe);
    uv_timer_stop(&output->timer);
    if (uv_fileno((uv_handle_t *)&output->pipe, &fd) != 0)
        return;
    while (sum < OUTPUT_REST_BYTES && (count = read(fd, output_room, sizeof output_room)) > 0) {
        output_take(output, output_room, (size_t)count);
        sum += (size_t)count;
    }
    output_line(output); /* one without an end */
    output_tell_dropped(output, true);
}

void output_close(struct output *output, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&output->pipe, closed);
    uv_close((uv_handle_t *)&output->timer, closed);
}
