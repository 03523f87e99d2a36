/* proto/client while all is well: messages, pings, writes that are gathered, bounds. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "tests/lib/unit.h"
#include "tests/unit/client_bench.h"

/* Stands before libuv's function of that name, to count the writes. */
static unsigned try_writes;

int uv_try_write(uv_stream_t *stream, const uv_buf_t bufs[], unsigned count)
{
    int (*real)(uv_stream_t *, const uv_buf_t[], unsigned);

    *(void **)&real = dlsym(RTLD_NEXT, "uv_try_write");
    try_writes++;
    return real(stream, bufs, count);
}

START_TEST(test_up_and_messages)
{
    struct bench bench;
    struct proto_message job = {.type = PROTO_CANCEL};

    bench_init(&bench, _i == 1);
    bench_listen(&bench);
    bench.sends_in_up = true;
    bench_open(&bench);
    ck_assert_int_eq(bench_send_window(&bench, 1, NULL), CT_E_CLOSED);
    BENCH_UNTIL(&bench, bench.windows == 1);
    ck_assert_uint_eq(bench.window_sum, 5);
    ck_assert_str_eq(bench.last_software, "unit/1");
    ck_assert_str_eq(bench.last_runner, "r-1");
    ck_assert_uint_eq(bench.downs, 0);

    job.as.cancel.lease = 4;
    job.as.cancel.reason = CT_STR_LIT("x");
    peer_send(&bench, &job);
    BENCH_UNTIL(&bench, bench.messages == 1);
    ck_assert_int_eq(bench.last_type, PROTO_CANCEL);
    bench_fini(&bench);
    ck_assert_uint_eq(bench.closes, 1);
}
END_TEST

START_TEST(test_ping_is_answered_inside)
{
    struct bench bench;
    struct proto_message ping = {.type = PROTO_PING, .as.ping.nonce = 77};

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    peer_send(&bench, &ping);
    BENCH_UNTIL(&bench, bench.pongs == 1);
    ck_assert_uint_eq(bench.last_nonce, 77);
    ck_assert_uint_eq(bench.messages, 0);
    bench_fini(&bench);
}
END_TEST

/* Silence is asked about; an answer keeps the connection, none ends it. */
START_TEST(test_silence)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.ping_interval_ms = 30;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.pings == 4);
    ck_assert_uint_eq(bench.downs, 0);
    ck_assert_uint_eq(bench.messages, 0);
    bench.is_silent = true;
    BENCH_UNTIL(&bench, bench.downs == 1);
    ck_assert_int_eq(bench.why.code, CT_E_TIMEOUT);
    ck_assert_msg(strstr(bench.why.detail, "60 ms") != NULL, "%s", bench.why.detail);
    bench.is_silent = false;
    BENCH_UNTIL(&bench, bench.ups == 2);
    bench_fini(&bench);
}
END_TEST

/* A loop that slept itself must not blame the daemon, whose answer lies unread. */
START_TEST(test_own_sleep_is_not_silence)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.ping_interval_ms = 30;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.pings == 1);
    uint64_t start = uv_hrtime();
    while (uv_hrtime() - start < 100 * 1000000ull)
        usleep(1000);
    BENCH_UNTIL(&bench, bench.pings == 3);
    ck_assert_uint_eq(bench.downs, 0);
    bench_fini(&bench);
}
END_TEST

/* A thousand messages of one turn are one write, and it comes before the loop sleeps. */
START_TEST(test_writes_are_gathered)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    unsigned before = try_writes;
    for (unsigned i = 0; i < 1000; i++)
        ck_assert_int_eq(bench_send_window(&bench, 1, NULL), CT_E_OK);
    ck_assert_uint_eq(try_writes, before);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(try_writes, before + 1);
    BENCH_UNTIL(&bench, bench.windows == 1000);
    bench_fini(&bench);
}
END_TEST

/* Answers to messages of one read leave in the loop's same pass, together. */
START_TEST(test_answers_leave_at_once)
{
    struct bench bench;
    struct proto_message cancel = {.type = PROTO_CANCEL};

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    unsigned before = try_writes;
    bench.sends_in_message = true;
    for (unsigned i = 0; i < 50; i++)
        peer_send(&bench, &cancel);
    BENCH_UNTIL(&bench, bench.messages > 0);
    ck_assert_uint_eq(bench.messages, 50);
    ck_assert_uint_eq(try_writes, before + 1);
    BENCH_UNTIL(&bench, bench.windows == 50);
    bench_fini(&bench);
}
END_TEST

/* An idle client must not keep the loop turning. */
START_TEST(test_idle_does_not_spin)
{
    struct bench bench;
    unsigned turns = 0;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    bool is_late = false;
    bench.deadline.data = &is_late;
    uv_update_time(&bench.loop);
    uv_timer_start(&bench.deadline, bench_late, 100, 0);
    while (!is_late) {
        uv_run(&bench.loop, UV_RUN_ONCE);
        turns++;
    }
    ck_assert_uint_le(turns, 5);
    bench_fini(&bench);
}
END_TEST

/* The daemon stops reading: queueing has an end, and it is an outage with a reason. */
START_TEST(test_write_queue_is_bounded)
{
    struct bench bench;
    struct proto_client_options options;
    static char data[64 * 1024];
    struct proto_message message = {.type = PROTO_UPDATE};
    struct ct_error err = {CT_E_OK, ""};
    enum ct_code rc = CT_E_OK;
    size_t sent = 0;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.is_deaf = true;
    options = bench_options(&bench);
    options.write_queue_max = 4 * 1024 * 1024;
    ck_assert_int_eq(proto_client_open(&options, &bench.client, NULL), CT_E_OK);
    BENCH_UNTIL(&bench, bench.ups == 1);
    memset(data, 'x', sizeof data);
    message.as.update.data = (struct ct_str){data, sizeof data};
    while (rc == CT_E_OK && sent < 1000) {
        rc = proto_client_send(bench.client, &message, &err);
        sent++;
        if (sent % 8 == 0)
            uv_run(&bench.loop, UV_RUN_NOWAIT);
    }
    ck_assert_int_eq(rc, CT_E_CLOSED);
    ck_assert_msg(strstr(err.detail, "write queue") != NULL, "%s", err.detail);
    ck_assert_uint_ge(sent, 64);
    ck_assert(!proto_client_is_up(bench.client));
    ck_assert_uint_eq(bench.downs, 0); /* never from inside a call */
    BENCH_UNTIL(&bench, bench.downs == 1);
    ck_assert_int_eq(bench.why.code, CT_E_TOO_LARGE);
    bench.is_deaf = false;
    BENCH_UNTIL(&bench, bench.ups == 2);
    bench_fini(&bench);
}
END_TEST

/* More than the socket takes at once still arrives, whole and in order. */
START_TEST(test_flood_arrives)
{
    struct bench bench;
    static char data[256 * 1024];
    struct proto_message message = {.type = PROTO_UPDATE};

    bench_init(&bench, _i == 1);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    memset(data, 'x', sizeof data);
    message.as.update.data = (struct ct_str){data, sizeof data};
    for (unsigned i = 0; i < 40; i++) {
        ck_assert_int_eq(proto_client_send(bench.client, &message, NULL), CT_E_OK);
        ck_assert_int_eq(bench_send_window(&bench, i, NULL), CT_E_OK);
        if (i % 4 == 0)
            uv_run(&bench.loop, UV_RUN_NOWAIT);
    }
    BENCH_UNTIL(&bench, bench.windows == 40 && bench.unknown == 40);
    ck_assert_uint_eq(bench.window_sum, 39 * 40 / 2);
    bench_fini(&bench);
}
END_TEST

START_TEST(test_frame_limit_of_the_daemon)
{
    struct bench bench;
    static char data[8192];
    struct proto_message message = {.type = PROTO_UPDATE, .as.update.data = {data, sizeof data}};

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.welcome_frame_max = 4096;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    ck_assert_int_eq(proto_client_send(bench.client, &message, NULL), CT_E_TOO_LARGE);
    ck_assert_int_eq(bench_send_window(&bench, 3, NULL), CT_E_OK);
    BENCH_UNTIL(&bench, bench.windows == 1);
    ck_assert_uint_eq(bench.downs, 0);
    bench_fini(&bench);
}
END_TEST

START_TEST(test_bad_addresses)
{
    static const char *const addresses[] = {"", "nowhere", "host:", "host:99999"};
    struct bench bench;
    struct proto_client_options options;
    struct ct_error err;
    char path[400];

    bench_init(&bench, false);
    options = bench_options(&bench);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        options.address = addresses[i];
        ck_assert_int_eq(proto_client_open(&options, &bench.client, &err), CT_E_INVALID);
    }
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    options.address = path;
    ck_assert_int_eq(proto_client_open(&options, &bench.client, &err), CT_E_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "107"));
    bench_fini(&bench);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_up_and_messages, 0, 2);
    tcase_add_test(tcase, test_ping_is_answered_inside);
    tcase_add_test(tcase, test_silence);
    tcase_add_test(tcase, test_own_sleep_is_not_silence);
    tcase_add_test(tcase, test_writes_are_gathered);
    tcase_add_test(tcase, test_answers_leave_at_once);
    tcase_add_test(tcase, test_idle_does_not_spin);
    tcase_add_test(tcase, test_write_queue_is_bounded);
    tcase_add_loop_test(tcase, test_flood_arrives, 0, 2);
    tcase_add_test(tcase, test_frame_limit_of_the_daemon);
    tcase_add_test(tcase, test_bad_addresses);
}

int main(void)
{
    return unit_run("client", add_tests);
}
