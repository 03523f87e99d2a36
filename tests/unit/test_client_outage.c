/* proto/client and a daemon that goes, refuses, is mute or talks garbage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/lib/unit.h"
#include "tests/unit/client_bench.h"

START_TEST(test_reconnects_after_close)
{
    struct bench bench;

    bench_init(&bench, _i == 1);
    bench_listen(&bench);
    bench_open(&bench);
    for (unsigned round = 1; round <= 3; round++) {
        BENCH_UNTIL(&bench, bench.ups == round);
        peer_close(&bench);
        BENCH_UNTIL(&bench, bench.downs == round);
        ck_assert_int_eq(bench.why.code, CT_E_CLOSED);
    }
    BENCH_UNTIL(&bench, bench.ups == 4);
    ck_assert_uint_eq(bench.downs, 3);
    bench_fini(&bench);
}
END_TEST

/* Nobody there: told once, tried again, up as soon as somebody is. */
START_TEST(test_waits_for_a_daemon)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.downs == 1);
    ck_assert_msg(strstr(bench.why.detail, bench.address) != NULL, "%s", bench.why.detail);
    uint64_t start = uv_now(&bench.loop);
    BENCH_UNTIL(&bench, uv_now(&bench.loop) - start > 200);
    bench_listen(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    ck_assert_uint_eq(bench.downs, 1);
    bench_fini(&bench);
}
END_TEST

START_TEST(test_refused_for_good)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    ct_error_set(&bench.refusal, CT_E_UNSUPPORTED, "versions 7 to 9 only");
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.refusals == 1);
    ck_assert_int_eq(bench.why.code, CT_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(bench.why.detail, "versions 7 to 9 only"));
    uint64_t start = uv_now(&bench.loop);
    uv_timer_start(&bench.deadline, bench_late, 100, 0);
    bool is_late = false;
    bench.deadline.data = &is_late;
    while (uv_now(&bench.loop) - start < 100)
        uv_run(&bench.loop, UV_RUN_ONCE);
    ck_assert_uint_eq(bench.hellos, 1);
    ck_assert_uint_eq(bench.downs, 0);
    bench_fini(&bench);
}
END_TEST

/* A refusal that may pass is an outage: tried again. */
START_TEST(test_refused_for_now)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    ct_error_set(&bench.refusal, CT_E_REDIS_DOWN, "no Redis");
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.hellos == 3);
    ck_assert_uint_eq(bench.downs, 1);
    ck_assert_int_eq(bench.why.code, CT_E_REDIS_DOWN);
    bench.refusal.code = CT_E_OK;
    BENCH_UNTIL(&bench, bench.ups == 1);
    ck_assert_uint_eq(bench.refusals, 0);
    bench_fini(&bench);
}
END_TEST

START_TEST(test_wrong_version_in_welcome)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.welcome_protocol = 99;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.refusals == 1);
    ck_assert_int_eq(bench.why.code, CT_E_UNSUPPORTED);
    ck_assert_uint_eq(bench.ups, 0);
    bench_fini(&bench);
}
END_TEST

START_TEST(test_mute_daemon_times_out)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.is_mute = true;
    bench.hello_timeout_ms = 50;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.downs == 1);
    ck_assert_int_eq(bench.why.code, CT_E_TIMEOUT);
    ck_assert_msg(strstr(bench.why.detail, "no welcome") != NULL, "%s", bench.why.detail);
    bench.is_mute = false;
    BENCH_UNTIL(&bench, bench.ups == 1);
    bench_fini(&bench);
}
END_TEST

struct garbage {
    const char *bytes;
    size_t len;
    enum ct_code code; /* of the outage */
    bool is_told;      /* the daemon gets an error message */
};

#define GARBAGE(literal, code, is_told)             \
    {                                               \
        literal, sizeof(literal) - 1, code, is_told \
    }

static const struct garbage garbages[] = {
    GARBAGE("\0\0\0\0", CT_E_BAD_FRAME, false),
    GARBAGE("\xff\xff\xff\xff", CT_E_TOO_LARGE, false),
    GARBAGE("\0\0\0\1\xc1", CT_E_BAD_MESSAGE, true),
    GARBAGE("\0\0\0\3\x92\x0b\x80", CT_E_BAD_MESSAGE, true), /* an ack without its fields */
    GARBAGE("\0\0\0\x0b\x92\x02\x84\x01\x01\x02\xa0\x03\xa0\x04\x01", CT_E_BAD_MESSAGE, true),
};

START_TEST(test_garbage_is_an_outage)
{
    struct bench bench;
    const struct garbage *garbage = &garbages[_i];

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    peer_send_bytes(&bench, garbage->bytes, garbage->len);
    BENCH_UNTIL(&bench, bench.downs == 1 && bench.ups == 2);
    ck_assert_int_eq(bench.why.code, garbage->code);
    ck_assert_uint_eq(bench.errors, garbage->is_told ? 1 : 0);
    ck_assert_uint_eq(bench.messages, 0);
    bench_fini(&bench);
}
END_TEST

/* A message type of a newer daemon is answered and passed over. */
START_TEST(test_unknown_message_goes_on)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    peer_send_bytes(&bench, "\0\0\0\4\x92\xcc\xc8\x80", 8);
    BENCH_UNTIL(&bench, bench.errors == 1);
    ck_assert_uint_eq(bench.last_error_code, CT_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(bench.last_error, "200"));
    ck_assert(proto_client_is_up(bench.client));
    ck_assert_uint_eq(bench.downs, 0);
    bench_fini(&bench);
}
END_TEST

/* The daemon's parting words are the reason of the outage. */
START_TEST(test_error_then_close)
{
    struct bench bench;
    struct proto_message error = {
        .type = PROTO_ERROR, .as.error = {.code = CT_E_TIMEOUT, .detail = CT_STR_LIT("too slow")}};

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    peer_send(&bench, &error);
    peer_close(&bench);
    BENCH_UNTIL(&bench, bench.downs == 1);
    ck_assert_uint_eq(bench.messages, 1);
    ck_assert_int_eq(bench.why.code, CT_E_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(bench.why.detail, "too slow"));
    bench_fini(&bench);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_reconnects_after_close, 0, 2);
    tcase_add_test(tcase, test_waits_for_a_daemon);
    tcase_add_test(tcase, test_refused_for_good);
    tcase_add_test(tcase, test_refused_for_now);
    tcase_add_test(tcase, test_wrong_version_in_welcome);
    tcase_add_test(tcase, test_mute_daemon_times_out);
    tcase_add_loop_test(tcase, test_garbage_is_an_outage, 0,
                        (int)(sizeof garbages / sizeof garbages[0]));
    tcase_add_test(tcase, test_unknown_message_goes_on);
    tcase_add_test(tcase, test_error_then_close);
}

int main(void)
{
    return unit_run("client_outage", add_tests);
}
