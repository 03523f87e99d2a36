/* Both ends of a runner's dialling, over a control socket as slot.c and runner.c make it, against
 * real listeners. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "common/buf.h"
#include "tests/lib/unit.h"
#include "worker/runner/remote_dial.h"
#include "worker/shared/control.h"
#include "worker/supervisor/dialler.h"

#define DEADLINE_MS 10000

union socket {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

/* One asked for, as the client's link does. */
struct call {
    struct proto_dial dial;
    struct ct_address address;
    bool is_connected, is_refused, is_closed;
    char why[CT_ERROR_DETAIL_MAX];
};

static struct bench {
    uv_loop_t loop;
    uv_timer_t deadline;
    char dir[64], where[128];
    union socket listener, peer;
    unsigned accepts, peer_ends;
    size_t peer_got;
    /* the supervisor's end */
    uv_pipe_t upper;
    struct dialler dialler;
    unsigned asked;
    bool is_dialler_closed;
    bool is_holding; /* what the runner asks is not heard yet */
    struct ct_buf held;
    /* the runner's end */
    uv_pipe_t lower;
    struct ct_buf heard;
    struct remote_dial remote;
} bench;

static void late(uv_timer_t *timer)
{
    ck_abort_msg("deadline passed");
}

#define UNTIL(condition)                      \
    do {                                      \
        while (!(condition))                  \
            uv_run(&bench.loop, UV_RUN_ONCE); \
    } while (0)

static void alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char bytes[4096];

    *buf = uv_buf_init(bytes, sizeof bytes);
}

static bool take_line(struct ct_buf *in, char *out, size_t size)
{
    const char *end = in->len ? memchr(ct_buf_data(in), '\n', in->len) : NULL;

    if (!end)
        return false;
    size_t len = (size_t)(end - ct_buf_data(in));
    snprintf(out, size, "%.*s", (int)len, ct_buf_data(in));
    ct_buf_consume(in, len + 1);
    return true;
}

/* --- the supervisor --- */

static void hear_asks(void)
{
    char line[256];

    while (!bench.is_holding && take_line(&bench.held, line, sizeof line)) {
        struct ct_str number = ct_str_of(line);

        ck_assert(ct_str_skip(&number, CONTROL_DIAL));
        bench.asked++;
        dialler_ask(&bench.dialler, number);
    }
}

static void upper_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    if (count < 0) {
        uv_read_stop(stream);
        return;
    }
    ck_assert_int_eq(uv_pipe_pending_count(&bench.upper), 0);
    ct_buf_append(&bench.held, buf->base, (size_t)count);
    hear_asks();
}

/* --- the runner --- */

static void say(const char *word, const char *text)
{
    char line[128];
    int len = snprintf(line, sizeof line, "%s%s\n", word, text);
    uv_os_fd_t fd;

    ck_assert_int_eq(uv_fileno((uv_handle_t *)&bench.lower, &fd), 0);
    ck_assert_int_eq(write(fd, line, (size_t)len), len);
}

static void lower_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    char line[CONTROL_LINE_MAX];

    if (count < 0) {
        uv_read_stop(stream);
        return;
    }
    ct_buf_append(&bench.heard, buf->base, (size_t)count);
    while (take_line(&bench.heard, line, sizeof line))
        ck_assert(remote_dial_told(&bench.remote, ct_str_of(line)) == (strcmp(line, "drain") != 0));
}

static void call_done(struct proto_dial *dial, const struct ct_error *why)
{
    struct call *call = (struct call *)((char *)dial - offsetof(struct call, dial));

    if (why) {
        call->is_refused = true;
        snprintf(call->why, sizeof call->why, "%s", why->detail);
    } else {
        call->is_connected = true;
    }
}

static void call_closed(struct proto_dial *dial)
{
    struct call *call = (struct call *)((char *)dial - offsetof(struct call, dial));

    call->is_closed = true;
    ct_address_free(&call->address);
}

static void call_start(struct call *call)
{
    *call = (struct call){0};
    ck_assert_int_eq(ct_address_parse(bench.where, &call->address, NULL), CT_E_OK);
    call->dial = (struct proto_dial){.loop = &bench.loop,
                                     .address = &call->address,
                                     .dialler = &bench.remote.dialler,
                                     .on_done = call_done,
                                     .on_closed = call_closed};
    proto_dial_start(&call->dial);
}

static void call_end(struct call *call)
{
    proto_dial_close(&call->dial);
    UNTIL(call->is_closed);
}

/* --- the daemon --- */

static void peer_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    if (count >= 0) {
        bench.peer_got += (size_t)count;
        return;
    }
    bench.peer_ends++;
    uv_close((uv_handle_t *)stream, NULL);
}

static void accepted(uv_stream_t *server, int status)
{
    ck_assert_int_eq(status, 0);
    if (server->type == UV_TCP)
        uv_tcp_init(&bench.loop, &bench.peer.tcp);
    else
        uv_pipe_init(&bench.loop, &bench.peer.pipe, 0);
    ck_assert_int_eq(uv_accept(server, &bench.peer.stream), 0);
    uv_read_start(&bench.peer.stream, alloc, peer_read);
    bench.accepts++;
}

static void listen_unix(void)
{
    snprintf(bench.where, sizeof bench.where, "unix:%s/d.sock", bench.dir);
    uv_pipe_init(&bench.loop, &bench.listener.pipe, 0);
    ck_assert_int_eq(uv_pipe_bind(&bench.listener.pipe, bench.where + 5), 0);
    ck_assert_int_eq(uv_listen(&bench.listener.stream, 8, accepted), 0);
}

static void listen_tcp(void)
{
    struct sockaddr_in name;
    int len = sizeof name;

    uv_tcp_init(&bench.loop, &bench.listener.tcp);
    uv_ip4_addr("127.0.0.1", 0, &name);
    ck_assert_int_eq(uv_tcp_bind(&bench.listener.tcp, (struct sockaddr *)&name, 0), 0);
    ck_assert_int_eq(uv_listen(&bench.listener.stream, 8, accepted), 0);
    uv_tcp_getsockname(&bench.listener.tcp, (struct sockaddr *)&name, &len);
    snprintf(bench.where, sizeof bench.where, "127.0.0.1:%u", ntohs(name.sin_port));
}

/* --- */

static void open_ends(void)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    uv_pipe_init(&bench.loop, &bench.upper, 1);
    uv_pipe_init(&bench.loop, &bench.lower, 1);
    ck_assert_int_eq(uv_pipe_open(&bench.upper, pair[0]), 0);
    ck_assert_int_eq(uv_pipe_open(&bench.lower, pair[1]), 0);
    uv_read_start((uv_stream_t *)&bench.upper, alloc, upper_read);
    uv_read_start((uv_stream_t *)&bench.lower, alloc, lower_read);
    dialler_open(&bench.dialler, &bench.loop, bench.where, &bench.upper);
    remote_dial_init(&bench.remote, &bench.lower, say);
}

static void setup(void)
{
    memset(&bench, 0, sizeof bench);
    uv_loop_init(&bench.loop);
    uv_timer_init(&bench.loop, &bench.deadline);
    uv_timer_start(&bench.deadline, late, DEADLINE_MS, 0);
    snprintf(bench.dir, sizeof bench.dir, "/tmp/cartrita-dial-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(bench.dir));
}

static void dialler_gone(struct dialler *dialler)
{
    bench.is_dialler_closed = true;
}

static void end_walk(uv_handle_t *handle, void *ctx)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void teardown(void)
{
    char path[96];

    if (!bench.dialler.is_closing)
        dialler_close(&bench.dialler, dialler_gone);
    UNTIL(bench.is_dialler_closed);
    uv_walk(&bench.loop, end_walk, NULL);
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&bench.loop), 0);
    ct_buf_free(&bench.held);
    ct_buf_free(&bench.heard);
    snprintf(path, sizeof path, "%s/d.sock", bench.dir);
    unlink(path);
    rmdir(bench.dir);
}

static void check_is_usable(struct call *call)
{
    uv_buf_t hello = uv_buf_init("hello", 5);

    UNTIL(call->is_connected && bench.accepts == 1);
    ck_assert_int_eq(uv_try_write(&call->dial.socket.stream, &hello, 1), 5);
    UNTIL(bench.peer_got == 5);
    /* The supervisor keeps no copy: the daemon sees the end as soon as the runner closes. */
    call_end(call);
    UNTIL(bench.peer_ends == 1);
}

START_TEST(test_unix)
{
    struct call call;

    listen_unix();
    open_ends();
    call_start(&call);
    check_is_usable(&call);
}
END_TEST

START_TEST(test_tcp)
{
    struct call call;

    listen_tcp();
    open_ends();
    call_start(&call);
    check_is_usable(&call);
}
END_TEST

START_TEST(test_refused_is_told_and_can_be_asked_again)
{
    struct call call;

    listen_unix();
    uv_close(&bench.listener.handle, NULL); /* with libuv its path goes, too */
    open_ends();
    call_start(&call);
    UNTIL(call.is_refused);
    ck_assert_msg(strstr(call.why, "connecting to /tmp/"), "%s", call.why);
    ck_assert_ptr_nonnull(strstr(call.why, "no such file"));
    call_end(&call);
    listen_unix();
    call_start(&call);
    check_is_usable(&call);
}
END_TEST

START_TEST(test_answer_that_comes_too_late_is_closed)
{
    struct call early, late_call;

    listen_unix();
    open_ends();
    bench.is_holding = true;
    call_start(&early);
    call_end(&early); /* the client's deadline has passed */
    bench.is_holding = false;
    UNTIL(bench.asked == 1);
    UNTIL(bench.peer_ends == 1); /* it came, and nobody kept it */
    ck_assert(!early.is_connected);
    bench.accepts = bench.peer_ends = 0;
    call_start(&late_call);
    check_is_usable(&late_call);
}
END_TEST

START_TEST(test_newest_of_many_requests_is_answered)
{
    struct call call;

    listen_unix();
    open_ends();
    bench.is_holding = true;
    for (int i = 0; i < 200; i++) {
        call_start(&call);
        if (i < 199)
            call_end(&call);
    }
    UNTIL(bench.held.len >= 200 * strlen("dial 1\n"));
    bench.is_holding = false;
    hear_asks();
    UNTIL(call.is_connected);
    UNTIL(bench.accepts >= 1);
    ck_assert_uint_le(bench.accepts, 3); /* not one for each */
    call_end(&call);
}
END_TEST

START_TEST(test_closed_at_any_moment)
{
    struct call call;

    listen_unix();
    open_ends();
    call_start(&call);
    /* After _i turns: before it is asked, while it dials, writes, hangs up, rests. */
    for (int i = 0; i < _i; i++)
        uv_run(&bench.loop, UV_RUN_NOWAIT);
    dialler_close(&bench.dialler, dialler_gone);
    uv_close((uv_handle_t *)&bench.upper, NULL);
    call_end(&call);
}
END_TEST

START_TEST(test_noise_is_no_request)
{
    listen_unix();
    open_ends();
    dialler_ask(&bench.dialler, ct_str_of(""));
    dialler_ask(&bench.dialler, ct_str_of("0"));
    dialler_ask(&bench.dialler, ct_str_of("-1"));
    dialler_ask(&bench.dialler, ct_str_of("1 2"));
    ck_assert(!bench.dialler.is_dialling);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_unix);
    tcase_add_test(tcase, test_tcp);
    tcase_add_test(tcase, test_refused_is_told_and_can_be_asked_again);
    tcase_add_test(tcase, test_answer_that_comes_too_late_is_closed);
    tcase_add_test(tcase, test_newest_of_many_requests_is_answered);
    tcase_add_loop_test(tcase, test_closed_at_any_moment, 0, 8);
    tcase_add_test(tcase, test_noise_is_no_request);
}

int main(void)
{
    return unit_run("dialler", add_tests);
}
