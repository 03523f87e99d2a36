/* Where the HTTP client lets itself be led: redirects, keys and other origins, private addresses.
 */
#include "cartrita/sdk/http.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "tests/unit/sdk_http_bench.h"

START_TEST(test_redirects_are_followed_so_far)
{
    http_bench_open((struct sdk_http_options){.redirects = 3});
    ck_assert(http_bench_get("/to?/echo"));
    ck_assert_int_eq(bench.response.status, 200);
    ck_assert(strncmp(bench.response.body, "GET /echo ", 10) == 0);
    ck_assert(!http_bench_get("/loop"));
    http_bench_check_text("/loop: more than 3 redirects");
    ck_assert(!http_bench_get("/to?file:///etc/passwd"));
    ck_assert(bench.error.is_permanent);
    /* What is no GET is not sent elsewhere. */
    ck_assert(http_bench_ask(
        (struct sdk_http_request){.method = "PUT", .url = http_bench_at("/to?/echo")}));
    ck_assert_int_eq(bench.response.status, 302);
    ck_assert_str_eq(bench.response.body, "gone");
    http_bench_close();
}
END_TEST

START_TEST(test_keys_stay_with_their_origin)
{
    const char *headers[] = {"X-Api-Key: secret", "Range: bytes=0-", NULL};
    struct http_server *other = http_server_start();
    char path[128];

    http_bench_open((struct sdk_http_options){0});
    snprintf(path, sizeof path, "/to?%s/echo", http_server_url(other));
    ck_assert(
        http_bench_ask((struct sdk_http_request){.url = http_bench_at(path), .headers = headers}));
    ck_assert_int_eq(http_server_requests(other), 1);
    ck_assert_ptr_null(strstr(bench.response.body, "secret"));
    ck_assert_ptr_nonnull(strstr(bench.response.body, "\r\nRange: bytes=0-\r\n"));
    ck_assert(http_bench_ask(
        (struct sdk_http_request){.url = http_bench_at("/to?/echo"), .headers = headers}));
    ck_assert_ptr_nonnull(strstr(bench.response.body, "X-Api-Key: secret"));
    http_bench_close();
    http_server_stop(other);
}
END_TEST

START_TEST(test_private_addresses_are_not_connected_to)
{
    http_bench_open((struct sdk_http_options){.refuses_private = true});
    ck_assert(!http_bench_get("/echo"));
    http_bench_check_text("/echo: leads to 127.0.0.1, an address of a private network");
    ck_assert(bench.error.is_permanent);
    ck_assert(!http_bench_ask((struct sdk_http_request){.url = "http://localhost:1/"}));
    ck_assert(bench.error.is_permanent);
    ck_assert_int_eq(http_server_connections(bench.server), 0);
    http_bench_close();
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_redirects_are_followed_so_far);
    tcase_add_test(tcase, test_keys_stay_with_their_origin);
    tcase_add_test(tcase, test_private_addresses_are_not_connected_to);
}

int main(void)
{
    return unit_run("sdk_http_redirect", add_tests);
}
