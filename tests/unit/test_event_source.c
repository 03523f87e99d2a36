/* A source with a program that plays tail: heard once for all, and given up when nobody listens. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/api/event_source.h"
#include "tests/lib/unit.h"

#define TEXT_MAX 4096

struct bench {
    uv_loop_t loop;
    struct http_server *server;
    struct children *children;
    struct event_source *source;
    char program[64];
    int gone, idle;
};

static void on_gone(void *ctx)
{
    ((struct bench *)ctx)->gone++;
}

static void on_idle(void *ctx, struct event_source *source)
{
    struct bench *bench = ctx;

    bench->idle++;
    bench->source = NULL;
    event_source_close(source);
}

static struct event_source *source_open(struct bench *bench)
{
    return event_source_open(&(struct event_source_options){.loop = &bench->loop,
                                                            .children = bench->children,
                                                            .prefix = "p",
                                                            .linger_ms = 1,
                                                            .idle = on_idle,
                                                            .ctx = bench});
}

static void on_request(void *ctx, struct http_request *request)
{
    struct bench *bench = ctx;

    if (!bench->source)
        bench->source = source_open(bench);
    event_source_listen(
        bench->source, &(struct event_listener){.request = request, .gone = on_gone, .ctx = bench});
}

static void bench_write_program(struct bench *bench, const char *script)
{
    snprintf(bench->program, sizeof bench->program, "/tmp/cartrita-tail-XXXXXX");
    int fd = mkstemp(bench->program);
    FILE *file = fdopen(fd, "w");

    fprintf(file, "#!/bin/sh\n%s\n", script);
    fchmod(fd, 0700);
    fclose(file);
}

static void bench_open(struct bench *bench, const char *script)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    struct ct_error err;

    *bench = (struct bench){0};
    bench_write_program(bench, script);
    uv_loop_init(&bench->loop);
    const struct http_options options = {
        .loop = &bench->loop, .address = "127.0.0.1:0", .on_request = on_request, .ctx = bench};
    ck_assert_msg(http_open(&options, &bench->server, &err) == CT_E_OK, "%s", err.detail);
    bench->children = children_open(&bench->loop, bench->program, environment);
}

static void bench_close(struct bench *bench)
{
    http_close(bench->server, NULL, NULL);
    if (bench->source)
        event_source_close(bench->source);
    children_close(bench->children);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&bench->loop), 0);
    unlink(bench->program);
}

static int bench_listen(const struct bench *bench)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(strrchr(http_address(bench->server), ':') + 1)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(send(fd, text, sizeof text - 1, MSG_NOSIGNAL), sizeof text - 1);
    return fd;
}

static void turn_until(struct bench *bench, int fd, const char *pattern, char text[TEXT_MAX])
{
    size_t len = 0;

    text[0] = '\0';
    while (!strstr(text, pattern)) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        ssize_t got = recv(fd, text + len, TEXT_MAX - 1 - len, MSG_DONTWAIT);
        ck_assert_msg(got > 0 || errno == EAGAIN, "closed after: %s", text);
        if (got > 0)
            text[len += (size_t)got] = '\0';
    }
}

#define SAYS_ONE                                   \
    "echo '{\"at\":1,\"notice\":\"listening\"}'\n" \
    "echo '{\"at\":1,\"queue\":\"q\",\"event\":\"waiting\",\"id\":\"7\",\"value\":null}'\n"

START_TEST(test_one_process_for_all_that_listen)
{
    struct bench bench;
    char text[TEXT_MAX];

    bench_open(&bench, SAYS_ONE "exec sleep 1000");
    int one = bench_listen(&bench);
    turn_until(&bench, one, "\"id\":\"7\"", text);
    int two = bench_listen(&bench); /* later: it hears what comes from now on */
    turn_until(&bench, two, "event: listening", text);
    close(one);
    while (bench.gone < 1)
        uv_run(&bench.loop, UV_RUN_ONCE);
    ck_assert_int_eq(bench.idle, 0);
    close(two);
    while (bench.idle < 1)
        uv_run(&bench.loop, UV_RUN_ONCE);
    ck_assert_int_eq(bench.gone, 2);
    bench_close(&bench);
}
END_TEST

START_TEST(test_one_that_nobody_ever_listened_to_is_given_up)
{
    struct bench bench;

    bench_open(&bench, "exec sleep 1000");
    bench.source = source_open(&bench);
    while (bench.idle < 1)
        uv_run(&bench.loop, UV_RUN_ONCE);
    bench_close(&bench);
}
END_TEST

START_TEST(test_it_is_started_again_and_what_it_complained_is_told)
{
    struct bench bench;

    char text[TEXT_MAX];

    bench_open(&bench, "if mkdir $0.1 2>/dev/null || mkdir $0.2 2>/dev/null; then\n"
                       "echo 'cartrita-q: no such Redis' >&2; exit 5\n"
                       "fi\n"
                       "rmdir $0.1 $0.2\n" SAYS_ONE "exec sleep 1000");
    int fd = bench_listen(&bench);
    turn_until(&bench, fd, "\"id\":\"7\"", text);
    const char *reason = strstr(text, "{\"reason\":\"no such Redis\"}");
    ck_assert_ptr_nonnull(reason);
    ck_assert_msg(!strstr(reason + 3, "{\"reason"), "told once, not each time: %s", text);
    close(fd);
    bench_close(&bench);
}
END_TEST

/* Junk, a line without an end: nothing is told, nothing breaks. */
START_TEST(test_what_is_no_event_is_passed_over)
{
    struct bench bench;
    char text[TEXT_MAX];

    bench_open(&bench, "echo junk; echo; echo '[1]'\n" SAYS_ONE "printf half; exec sleep 1000");
    int fd = bench_listen(&bench);
    turn_until(&bench, fd, "\"id\":\"7\"", text);
    close(fd);
    bench_close(&bench);
}
END_TEST

/* Events that do not end: no turn wakes more than it may, and those it leaves are next. */
START_TEST(test_more_listeners_than_a_turn_wakes)
{
    static int fds[EVENT_TURN_WAKES * 3 / 2];
    static bool is_told[sizeof fds / sizeof *fds];
    const uint32_t count = sizeof fds / sizeof *fds;
    struct bench bench;
    uint32_t told = 0;

    bench_open(&bench, "while :; do\n" SAYS_ONE "sleep 0.01\ndone");
    for (uint32_t i = 0; i < count; i++)
        fds[i] = bench_listen(&bench);
    while (told < count) {
        uint32_t before = told;

        uv_run(&bench.loop, UV_RUN_NOWAIT);
        for (uint32_t i = 0; i < count; i++) {
            char text[65536];
            ssize_t len = recv(fds[i], text, sizeof text - 1, MSG_DONTWAIT);

            text[len > 0 ? len : 0] = '\0';
            told += !is_told[i] && strstr(text, "\"id\":\"7\"");
            is_told[i] = is_told[i] || strstr(text, "\"id\":\"7\"");
        }
        ck_assert_uint_le(told - before, EVENT_TURN_WAKES);
    }
    for (uint32_t i = 0; i < count; i++)
        close(fds[i]);
    bench_close(&bench);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_more_listeners_than_a_turn_wakes);
    tcase_add_test(tcase, test_one_process_for_all_that_listen);
    tcase_add_test(tcase, test_one_that_nobody_ever_listened_to_is_given_up);
    tcase_add_test(tcase, test_it_is_started_again_and_what_it_complained_is_told);
    tcase_add_test(tcase, test_what_is_no_event_is_passed_over);
}

int main(void)
{
    return unit_run("event_source", add_tests);
}
