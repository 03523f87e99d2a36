/* Closing a proto/client, in every state that it can be in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/lib/unit.h"
#include "tests/unit/client_bench.h"

/* What was queued before the close arrives, even when the daemon keeps sending. */
START_TEST(test_close_flushes)
{
    struct bench bench;
    static char data[256 * 1024];
    struct proto_message message = {.type = PROTO_UPDATE};
    struct proto_message bye = {.type = PROTO_BYE};

    bench_init(&bench, _i == 1);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    memset(data, 'x', sizeof data);
    message.as.update.data = (struct ct_str){data, sizeof data};
    peer_send(&bench, &message);
    for (unsigned i = 0; i < 16; i++)
        ck_assert_int_eq(proto_client_send(bench.client, &message, NULL), CT_E_OK);
    ck_assert_int_eq(proto_client_send(bench.client, &bye, NULL), CT_E_OK);
    uint64_t start = uv_hrtime();
    bench_close_client(&bench, 9000);
    BENCH_UNTIL(&bench, bench.closes == 1);
    ck_assert_uint_lt((uv_hrtime() - start) / 1000000, 8000); /* done, not given up */
    BENCH_UNTIL(&bench, bench.ends == 1);
    ck_assert_uint_eq(bench.unknown, 16);
    ck_assert_uint_eq(bench.byes, 1);
    bench_fini(&bench);
    ck_assert_uint_eq(bench.closes, 1);
}
END_TEST

/* A daemon that does not read holds the close up for no longer than allowed. */
START_TEST(test_close_gives_up_flushing)
{
    struct bench bench;
    static char data[1024 * 1024];
    struct proto_message message = {.type = PROTO_UPDATE, .as.update.data = {data, sizeof data}};

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.is_deaf = true;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_int_eq(proto_client_send(bench.client, &message, NULL), CT_E_OK);
    uint64_t start = uv_hrtime();
    bench_close_client(&bench, 50);
    BENCH_UNTIL(&bench, bench.closes == 1);
    ck_assert_uint_ge((uv_hrtime() - start) / 1000000, 40);
    bench_fini(&bench);
}
END_TEST

enum close_when {
    CLOSE_AT_ONCE,
    CLOSE_GREETING,
    CLOSE_WAITING,
    CLOSE_IN_DOWN,
    CLOSE_IN_MESSAGE,
    CLOSE_REFUSED,
    CLOSE_RESOLVING,
    CLOSE_COUNT
};

/* In whatever state it is closed: one `closed`, no other callback (saw_* assert it), no leak. */
START_TEST(test_close_in_every_state)
{
    struct bench bench;
    struct proto_message bye = {.type = PROTO_BYE};

    bench_init(&bench, _i == CLOSE_RESOLVING);
    if (_i != CLOSE_WAITING && _i != CLOSE_IN_DOWN)
        bench_listen(&bench);
    bench.is_mute = _i == CLOSE_GREETING;
    bench.closes_in_down = _i == CLOSE_IN_DOWN;
    bench.closes_in_message = _i == CLOSE_IN_MESSAGE;
    if (_i == CLOSE_REFUSED)
        ct_error_set(&bench.refusal, CT_E_INVALID, "no");
    bench_open(&bench);
    if (_i == CLOSE_GREETING)
        BENCH_UNTIL(&bench, bench.hellos == 1);
    if (_i == CLOSE_WAITING)
        BENCH_UNTIL(&bench, bench.downs == 1);
    if (_i == CLOSE_REFUSED)
        BENCH_UNTIL(&bench, bench.refusals == 1);
    if (_i == CLOSE_IN_MESSAGE) {
        BENCH_UNTIL(&bench, bench.ups == 1);
        for (unsigned i = 0; i < 3; i++)
            peer_send(&bench, &bye);
    }
    if (_i != CLOSE_IN_DOWN && _i != CLOSE_IN_MESSAGE)
        bench_close_client(&bench, 1000);
    BENCH_UNTIL(&bench, bench.closes == 1);
    bench_fini(&bench);
    ck_assert_uint_eq(bench.closes, 1);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_close_flushes, 0, 2);
    tcase_add_test(tcase, test_close_gives_up_flushing);
    tcase_add_loop_test(tcase, test_close_in_every_state, 0, CLOSE_COUNT);
}

int main(void)
{
    return unit_run("client_close", add_tests);
}
