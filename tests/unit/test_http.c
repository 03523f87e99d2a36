/* The HTTP server with real sockets: answers now and later, feeds, and clients that misbehave. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http.h"
#include "tests/lib/unit.h"

#define MANY 1500

struct bench {
    uv_loop_t loop;
    struct http_server *server;
    uint16_t port;
    struct http_request *held; /* not answered yet */
    struct http_feed *feed;
    const char *more; /* for the feed */
    bool is_endless;
    int gone, asked, feeds_gone, fills;
    char seen[256];
    size_t body_len;
};

static void on_gone(void *arg)
{
    struct bench *bench = arg;

    bench->gone++;
    bench->held = NULL;
}

static void on_fill(void *arg, struct ct_buf *out)
{
    struct bench *bench = arg;

    bench->fills++;
    if (bench->more)
        ct_buf_append(out, bench->more, strlen(bench->more));
    if (!bench->is_endless)
        bench->more = NULL;
}

static void on_feed_gone(void *arg)
{
    struct bench *bench = arg;

    bench->feeds_gone++;
    bench->feed = NULL;
}

static void note_query(void *arg, const char *name, const char *value)
{
    struct bench *bench = arg;
    size_t at = strlen(bench->seen);

    snprintf(bench->seen + at, sizeof bench->seen - at, "[%s=%s]", name, value);
}

static void on_request(void *ctx, struct http_request *request)
{
    struct bench *bench = ctx;

    bench->asked++;
    bench->body_len = http_body(request).len;
    snprintf(bench->seen, sizeof bench->seen, "%s %s %s", http_method(request), http_path(request),
             http_raw_path(request));
    http_each_query(request, note_query, bench);
    if (strcmp(http_path(request), "/later") == 0) {
        bench->held = request;
        http_on_gone(request, on_gone, bench);
    } else if (strcmp(http_path(request), "/feed") == 0) {
        bench->more = ": hello\n\n";
        bench->feed = http_feed_begin(request, "text/event-stream",
                                      &(struct http_feed_calls){on_fill, on_feed_gone, bench});
    } else {
        http_set_header(request, "X-Test", "yes");
        http_answer(request, 200, "text/plain", CT_STR_LIT("fine\n"));
    }
}

static void bench_open_with(struct bench *bench, const struct http_options *options)
{
    struct ct_error err;

    *bench = (struct bench){0};
    uv_loop_init(&bench->loop);
    ck_assert_msg(http_open(options, &bench->server, &err) == CT_E_OK, "%s", err.detail);
    bench->port = (uint16_t)atoi(strrchr(http_address(bench->server), ':') + 1);
}

static void bench_open(struct bench *bench, const char *address)
{
    bench_open_with(bench, &(struct http_options){.loop = &bench->loop,
                                                  .address = address,
                                                  .on_request = on_request,
                                                  .ctx = bench});
}

static void bench_close(struct bench *bench)
{
    http_close(bench->server, NULL, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&bench->loop), 0);
}

static int bench_dial(const struct bench *bench)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(bench->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Runs the loop until `fd` has sent `pattern`, or its end (pattern NULL). */
static char *turn_until(struct bench *bench, int fd, const char *pattern, char *text, size_t max)
{
    size_t len = 0;

    text[0] = '\0';
    for (;;) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        ssize_t got = recv(fd, text + len, max - 1 - len, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            ck_assert_msg(!pattern, "closed; it sent: %s", text);
            return text;
        }
        if (got > 0)
            text[len += (size_t)got] = '\0';
        if (pattern && strstr(text, pattern))
            return text;
    }
}

#define TURN_WHILE(bench, condition) \
    while (condition)                \
    uv_run(&(bench)->loop, UV_RUN_ONCE)

START_TEST(test_answers_at_once_and_keeps_the_connection)
{
    struct bench bench;
    char text[1024];

    bench_open(&bench, "127.0.0.1:0");
    int fd = bench_dial(&bench);
    send_text(fd, "GET /a%2Fb?x=1&y=a%20b&z HTTP/1.1\r\nHost: h\r\n\r\n");
    turn_until(&bench, fd, "fine\n", text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 200"));
    ck_assert_ptr_nonnull(strstr(text, "X-Test: yes"));
    ck_assert_ptr_nonnull(strstr(text, "Cache-Control: no-store"));
    ck_assert_str_eq(bench.seen, "GET /a/b /a%2Fb[x=1][y=a b][z=]");
    send_text(fd, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    turn_until(&bench, fd, "fine\n", text, sizeof text);
    ck_assert_uint_eq(bench.body_len, 3);
    close(fd);
    bench_close(&bench);
}
END_TEST

START_TEST(test_answers_later)
{
    struct bench bench;
    char text[1024];

    bench_open(&bench, "127.0.0.1:0");
    int fd = bench_dial(&bench);
    send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    TURN_WHILE(&bench, !bench.held);
    http_answer(bench.held, 503, "text/plain", CT_STR_LIT("not now\n"));
    turn_until(&bench, fd, "not now\n", text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 503"));
    ck_assert_int_eq(bench.gone, 0);
    close(fd);
    bench_close(&bench);
    ck_assert_int_eq(bench.gone, 0);
}
END_TEST

START_TEST(test_a_client_that_leaves_is_noticed)
{
    struct bench bench;

    bench_open(&bench, "127.0.0.1:0");
    int fd = bench_dial(&bench);
    send_text(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    TURN_WHILE(&bench, !bench.held);
    close(fd);
    TURN_WHILE(&bench, bench.gone == 0);
    ck_assert_int_eq(bench.gone, 1);
    bench_close(&bench);
    ck_assert_int_eq(bench.gone, 1);
}
END_TEST

START_TEST(test_close_ends_what_is_held)
{
    struct bench bench;

    bench_open(&bench, "127.0.0.1:0");
    int one = bench_dial(&bench), two = bench_dial(&bench), half = bench_dial(&bench);
    send_text(one, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    send_text(two, "GET /feed HTTP/1.1\r\nHost: h\r\n\r\n");
    send_text(half, "GET /x HTTP/1.1\r\nHo");
    TURN_WHILE(&bench, !bench.held || !bench.feed);
    bench_close(&bench);
    ck_assert_int_eq(bench.gone, 1);
    ck_assert_int_eq(bench.feeds_gone, 1);
    close(one);
    close(two);
    close(half);
}
END_TEST

START_TEST(test_feed)
{
    struct bench bench;
    char text[4096];

    bench_open(&bench, "127.0.0.1:0");
    int fd = bench_dial(&bench);
    send_text(fd, "GET /feed HTTP/1.1\r\nHost: h\r\n\r\n");
    turn_until(&bench, fd, ": hello\n\n", text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "Content-Type: text/event-stream"));
    bench.more = "data: 1\n\n";
    http_feed_wake(bench.feed);
    turn_until(&bench, fd, "data: 1\n\n", text, sizeof text);
    bench.more = "data: 2\n\n";
    http_feed_wake(bench.feed);
    turn_until(&bench, fd, "data: 2\n\n", text, sizeof text);
    http_feed_end(bench.feed);
    turn_until(&bench, fd, "0\r\n\r\n", text, sizeof text);
    TURN_WHILE(&bench, bench.feeds_gone == 0);
    close(fd);
    bench_close(&bench);
    ck_assert_int_eq(bench.feeds_gone, 1);
}
END_TEST

START_TEST(test_a_listener_that_leaves_is_noticed)
{
    struct bench bench;
    char text[1024];

    bench_open(&bench, "127.0.0.1:0");
    int fd = bench_dial(&bench);
    send_text(fd, "GET /feed HTTP/1.1\r\nHost: h\r\n\r\n");
    turn_until(&bench, fd, ": hello\n\n", text, sizeof text);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    close(fd);
    TURN_WHILE(&bench, bench.feeds_gone == 0);
    bench_close(&bench);
}
END_TEST

/* It keeps one filling in memory, and is cut when it has taken nothing for the idle time. */
START_TEST(test_a_slow_listener_is_cut)
{
    static char block[32 << 10];
    struct bench bench;
    const struct http_options options = {.loop = &bench.loop,
                                         .address = "127.0.0.1:0",
                                         .on_request = on_request,
                                         .ctx = &bench,
                                         .idle_s = 1};
    char text[1024];

    bench_open_with(&bench, &options);
    int fd = bench_dial(&bench);
    send_text(fd, "GET /feed HTTP/1.1\r\nHost: h\r\n\r\n");
    turn_until(&bench, fd, ": hello\n\n", text, sizeof text);
    memset(block, 'x', sizeof block - 1);
    bench.more = block;
    bench.is_endless = true;
    http_feed_wake(bench.feed);
    TURN_WHILE(&bench, bench.feeds_gone == 0);
    ck_assert_int_gt(bench.fills, 2);
    ck_assert_int_lt(bench.fills, (64 << 20) / (int)sizeof block); /* what sockets hold */
    close(fd);
    bench_close(&bench);
    ck_assert_int_eq(bench.feeds_gone, 1);
}
END_TEST

START_TEST(test_a_large_body_is_refused)
{
    static char block[64 << 10];
    struct bench bench;
    char text[1024];

    bench_open(&bench, "127.0.0.1:0");
    int fd = bench_dial(&bench);
    snprintf(text, sizeof text, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n\r\n",
             HTTP_BODY_MAX + 1);
    send_text(fd, text);
    turn_until(&bench, fd, "HTTP_BODY_MAX", text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "HTTP/1.1 413"));
    close(fd);

    /* One that does not say its length is refused as it grows, and ends with the connection. */
    fd = bench_dial(&bench);
    send_text(fd, "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (bool is_open = true; is_open;) {
        is_open = send(fd, "10000\r\n", 7, MSG_NOSIGNAL) > 0;
        for (size_t sent = 0; is_open && sent < sizeof block;) {
            ssize_t some = send(fd, block + sent, sizeof block - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            uv_run(&bench.loop, UV_RUN_NOWAIT);
            is_open = some > 0 || errno == EAGAIN;
            sent += some > 0 ? (size_t)some : 0;
        }
        is_open = is_open && send(fd, "\r\n", 2, MSG_NOSIGNAL) > 0;
    }
    close(fd);
    ck_assert_int_eq(bench.asked, 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_many_connections)
{
    static int fds[MANY];
    struct bench bench;
    char text[1024];

    bench_open(&bench, "127.0.0.1:0");
    for (int i = 0; i < MANY; i++) {
        fds[i] = bench_dial(&bench);
        send_text(fds[i], "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
        uv_run(&bench.loop, UV_RUN_NOWAIT);
    }
    for (int i = 0; i < MANY; i++)
        turn_until(&bench, fds[i], "fine\n", text, sizeof text);
    ck_assert_int_eq(bench.asked, MANY);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    bench_close(&bench);
}
END_TEST

START_TEST(test_says_why_it_cannot_listen)
{
    struct bench bench;
    struct http_server *second;
    struct ct_error err;
    char address[32];

    bench_open(&bench, "127.0.0.1:0");
    snprintf(address, sizeof address, "127.0.0.1:%u", bench.port);
    struct http_options options = {
        .loop = &bench.loop, .address = address, .on_request = on_request, .ctx = &bench};
    ck_assert_msg(http_open(&options, &second, &err) == CT_E_SYSTEM, "%s", err.detail);
    ck_assert_ptr_nonnull(strstr(err.detail, "another program listens there"));
    options.address = "127.0.0.1:0";
    options.key_file = "/nonexistent/key.pem";
    ck_assert_int_eq(http_open(&options, &second, &err), CT_E_USAGE);
    options.cert_file = "/nonexistent/cert.pem";
    ck_assert_int_eq(http_open(&options, &second, &err), CT_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.detail, "cannot read /nonexistent/cert.pem"));
    bench_close(&bench);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_answers_at_once_and_keeps_the_connection);
    tcase_add_test(tcase, test_answers_later);
    tcase_add_test(tcase, test_a_client_that_leaves_is_noticed);
    tcase_add_test(tcase, test_close_ends_what_is_held);
    tcase_add_test(tcase, test_feed);
    tcase_add_test(tcase, test_a_listener_that_leaves_is_noticed);
    tcase_add_test(tcase, test_a_slow_listener_is_cut);
    tcase_add_test(tcase, test_a_large_body_is_refused);
    tcase_add_test(tcase, test_many_connections);
    tcase_add_test(tcase, test_says_why_it_cannot_listen);
}

int main(void)
{
    return unit_run("http", add_tests);
}
