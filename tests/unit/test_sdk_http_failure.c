/* The HTTP client when the other side is away, busy, silent or dead: what is asked again, what is
 * said, and how a job that should stop ends the waiting. */
#include "cartrita/sdk/http.h"

#include <stdatomic.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "tests/unit/sdk_http_bench.h"

START_TEST(test_a_busy_server_is_asked_again)
{
    http_bench_open((struct sdk_http_options){0});
    ck_assert(http_bench_get("/flaky"));
    ck_assert_uint_eq(bench.response.attempts, 3);
    ck_assert_str_eq(bench.response.body, "text");
    ck_assert(http_bench_get("/soon"));
    ck_assert_uint_eq(bench.response.attempts, 2);
    http_bench_close();
}
END_TEST

START_TEST(test_a_post_is_not_sent_twice_unless_it_may)
{
    http_bench_open((struct sdk_http_options){0});
    ck_assert(!http_bench_ask(
        (struct sdk_http_request){.method = "POST", .url = http_bench_at("/flaky")}));
    ck_assert_int_eq(http_server_requests(bench.server), 1);
    http_bench_check_text("/flaky: 503 Service Unavailable: text");
    ck_assert_int_eq(bench.response.status, 503);
    ck_assert(http_bench_ask((struct sdk_http_request){
        .method = "POST", .url = http_bench_at("/flaky"), .is_repeatable = true}));
    ck_assert_uint_eq(bench.response.attempts, 2);
    http_bench_close();
}
END_TEST

START_TEST(test_a_long_retry_after_ends_the_call)
{
    http_bench_open((struct sdk_http_options){0});
    ck_assert(!http_bench_get("/later"));
    ck_assert_int_eq(bench.error.delay_ms, 7200 * 1000);
    ck_assert(!bench.error.is_permanent);
    ck_assert_int_eq(http_server_requests(bench.server), 1);
    http_bench_check_text("429 Too Many Requests: slower");
    ck_assert(!http_bench_get("/date"));
    ck_assert_int_gt(bench.error.delay_ms, 7100 * 1000);
    ck_assert_int_le(bench.error.delay_ms, 7200 * 1000);
    http_bench_close();
}
END_TEST

START_TEST(test_nobody_there)
{
    http_bench_open((struct sdk_http_options){0});
    ck_assert(!http_bench_ask((struct sdk_http_request){
        .method = "POST", .url = "http://user:secret@127.0.0.1:1/a/b?key=secret#secret"}));
    ck_assert_str_eq(bench.error.text,
                     "POST http://127.0.0.1:1/a/b: connection refused (3 attempts)");
    ck_assert_str_eq(bench.error.name, "ConnectionError");
    ck_assert(!bench.error.is_permanent);
    http_bench_close();
}
END_TEST

START_TEST(test_what_is_cut_or_silent_is_said)
{
    http_bench_open(
        (struct sdk_http_options){.attempts = 2, .timeout_ms = 100, .breaker_failures = -1});
    ck_assert(!http_bench_get("/drop"));
    http_bench_check_text("/drop: closed without an answer (2 attempts)");
    ck_assert(!http_bench_get("/cut"));
    http_bench_check_text("/cut: cut after ");
    ck_assert_int_eq(http_server_requests(bench.server), 4);
    ck_assert(!http_bench_get("/silent"));
    http_bench_check_text("/silent: not finished within 100 ms (timeout) (2 attempts)");
    ck_assert_str_eq(bench.error.name, "TimeoutError");
    http_bench_close();
}
END_TEST

START_TEST(test_a_stalled_answer_is_given_up)
{
    http_bench_open((struct sdk_http_options){.attempts = 1, .idle_timeout_ms = 50});
    ck_assert(!http_bench_get("/stall"));
    http_bench_check_text("/stall: not a byte for 50 ms (idle timeout)");
    ck_assert_int_eq(bench.response.status, 0);
    ck_assert_ptr_null(bench.response.body);
    http_bench_close();
}
END_TEST

START_TEST(test_a_dead_endpoint_rests)
{
    http_bench_open((struct sdk_http_options){.breaker_failures = 2, .attempts = 1});
    ck_assert(!http_bench_get("/dead"));
    ck_assert(!http_bench_get("/dead"));
    ck_assert(!http_bench_get("/echo"));
    ck_assert_str_eq(bench.error.name, "BreakerError");
    http_bench_check_text("after 2 failures in a row; the last: GET");
    http_bench_check_text("500 Internal Server Error");
    ck_assert_int_gt(bench.error.delay_ms, 0);
    ck_assert_int_eq(http_server_requests(bench.server), 2);
    http_bench_close();
}
END_TEST

static atomic_int cancel_asked;

static int32_t cancelled_soon(const struct cartrita_job *job)
{
    return ++cancel_asked > 2;
}

static int64_t no_limit(const struct cartrita_job *job)
{
    return -1;
}

START_TEST(test_a_cancel_ends_every_wait)
{
    struct cartrita_host host = {.is_cancelled = cancelled_soon, .job_time_left_ms = no_limit};
    struct sdk_call call = {.host = &host};
    struct sdk_http_request request = {0};

    /* Each of these would last for the minute that the test may take. */
    http_bench_open((struct sdk_http_options){.backoff_ms = 300000,
                                              .backoff_max_ms = 300000,
                                              .idle_timeout_ms = 300000,
                                              .timeout_ms = -1});
    request.url = http_bench_at("/silent");
    ck_assert(!sdk_http_send(bench.http, &call, &request, &bench.response, &bench.error));
    ck_assert_str_eq(bench.error.name, "Cancelled");
    cancel_asked = 0;
    request.url = http_bench_at("/dead");
    sdk_http_response_free(&bench.response);
    ck_assert(!sdk_http_send(bench.http, &call, &request, &bench.response, &bench.error));
    ck_assert_str_eq(bench.error.name, "Cancelled");
    http_bench_close();
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_a_busy_server_is_asked_again);
    tcase_add_test(tcase, test_a_post_is_not_sent_twice_unless_it_may);
    tcase_add_test(tcase, test_a_long_retry_after_ends_the_call);
    tcase_add_test(tcase, test_nobody_there);
    tcase_add_test(tcase, test_what_is_cut_or_silent_is_said);
    tcase_add_test(tcase, test_a_stalled_answer_is_given_up);
    tcase_add_test(tcase, test_a_dead_endpoint_rests);
    tcase_add_test(tcase, test_a_cancel_ends_every_wait);
}

int main(void)
{
    return unit_run("sdk_http_failure", add_tests);
}
