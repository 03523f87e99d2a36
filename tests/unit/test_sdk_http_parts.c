/* Parts of the HTTP client that need no server: addresses, URLs, the breaker, Retry-After. */
#include "cartrita/sdk/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "worker/sdk/http_parts.h"

static bool is_private(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return http_address_is_private((struct sockaddr *)&in);
    ck_assert_int_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return http_address_is_private((struct sockaddr *)&in6);
}

START_TEST(test_private_addresses_are_known)
{
    static const char *const inside[] = {
        "127.0.0.1",
        "127.255.0.9",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::",
    };
    static const char *const outside[] = {"1.1.1.1",      "172.15.0.1",     "172.32.0.1",
                                          "100.128.0.1",  "192.167.0.1",    "223.255.255.255",
                                          "2606:4700::1", "::ffff:1.1.1.1", "2a00::1"};

    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        ck_assert_msg(is_private(inside[i]), "%s", inside[i]);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        ck_assert_msg(!is_private(outside[i]), "%s", outside[i]);
}
END_TEST

START_TEST(test_an_url_is_shown_without_secrets)
{
    struct http_target target;
    struct sdk_error error;

    ck_assert(http_target_read("https://me:pass@Host.example/a?key=1#x", &target, &error));
    ck_assert_str_eq(target.shown, "https://Host.example/a");
    ck_assert_str_eq(target.endpoint, "https://Host.example:443");
    ck_assert(http_target_read("http://[::1]:81/", &target, &error));
    ck_assert_str_eq(target.endpoint, "http://[::1]:81");
    ck_assert(!http_target_read("file:///etc/passwd", &target, &error));
    ck_assert(error.is_permanent);
}
END_TEST

static char reason[HTTP_REASON_MAX];
static int64_t wait_ms;

static bool enter(struct http_breaker *breaker, const char *endpoint, int64_t now_ms)
{
    return http_breaker_enter(breaker, endpoint, now_ms, &wait_ms, reason);
}

START_TEST(test_an_endpoint_rests_then_one_tries_it)
{
    struct http_breaker breaker;

    ck_assert(http_breaker_init(&breaker, 2, 1000));
    http_breaker_leave(&breaker, "a", 0, HTTP_FAILS, "first");
    ck_assert(enter(&breaker, "a", 1));
    http_breaker_leave(&breaker, "a", 1, HTTP_FAILS, "second");
    ck_assert(!enter(&breaker, "a", 500));
    ck_assert_int_eq(wait_ms, 501);
    ck_assert_str_eq(reason, "second");
    ck_assert(enter(&breaker, "b", 500));
    /* Rested: one goes, others wait for what it finds. */
    ck_assert(enter(&breaker, "a", 1001));
    ck_assert(!enter(&breaker, "a", 1001));
    http_breaker_leave(&breaker, "a", 1002, HTTP_FAILS, "third");
    ck_assert(!enter(&breaker, "a", 1003));
    ck_assert(enter(&breaker, "a", 2002));
    /* Nothing learnt: the next one tries. */
    http_breaker_leave(&breaker, "a", 2003, HTTP_UNKNOWN, "");
    ck_assert(enter(&breaker, "a", 2003));
    http_breaker_leave(&breaker, "a", 2004, HTTP_WORKS, "");
    ck_assert(enter(&breaker, "a", 2004));
    ck_assert(enter(&breaker, "a", 2004));
    ck_assert_uint_eq(breaker.endpoint_count, 0);
    http_breaker_fini(&breaker);
}
END_TEST

START_TEST(test_few_endpoints_are_remembered)
{
    struct http_breaker breaker;
    char name[32];

    ck_assert(http_breaker_init(&breaker, 1, 1000000));
    for (unsigned i = 0; i <= HTTP_ENDPOINTS_MAX; i++) {
        snprintf(name, sizeof name, "e%u", i);
        http_breaker_leave(&breaker, name, i, HTTP_FAILS, "down");
    }
    ck_assert_uint_eq(breaker.endpoint_count, HTTP_ENDPOINTS_MAX);
    ck_assert(enter(&breaker, "e0", 1000));
    ck_assert(!enter(&breaker, "e1", 1000));
    ck_assert(!enter(&breaker, name, 1000));
    http_breaker_fini(&breaker);
}
END_TEST

static int64_t retry_after(const char *line)
{
    char *headers[] = {(char *)(uintptr_t)line};
    struct sdk_http_response response = {.headers = headers, .header_count = 1};

    return http_retry_after_ms(&response);
}

START_TEST(test_retry_after_is_read)
{
    ck_assert_int_eq(retry_after("retry-after: 2"), 2000);
    ck_assert_int_eq(retry_after("retry-after: 0"), 0);
    ck_assert_int_eq(retry_after("retry-after: -1"), -1);
    ck_assert_int_eq(retry_after("retry-after: soon"), -1);
    ck_assert_int_eq(retry_after("retry-after:"), -1);
    ck_assert_int_eq(retry_after("other: 2"), -1);
    ck_assert_int_eq(retry_after("retry-after: Wed, 21 Oct 2015 07:28:00 GMT"), 0);
    ck_assert_int_eq(retry_after("retry-after: 99999999999999999999"), HTTP_RETRY_AFTER_MAX_MS);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_private_addresses_are_known);
    tcase_add_test(tcase, test_an_url_is_shown_without_secrets);
    tcase_add_test(tcase, test_an_endpoint_rests_then_one_tries_it);
    tcase_add_test(tcase, test_few_endpoints_are_remembered);
    tcase_add_test(tcase, test_retry_after_is_read);
}

int main(void)
{
    return unit_run("sdk_http_parts", add_tests);
}
