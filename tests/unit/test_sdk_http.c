/* The HTTP client against a server that answers, stalls, cuts, limits and redirects. */
#include "cartrita/sdk/http.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cartrita/sdk/source.h"
#include "tests/lib/unit.h"
#include "tests/unit/sdk_http_bench.h"

static struct http_server *server;
static struct sdk_http *http;
static struct sdk_http_response response;
static struct sdk_error error;
static char url[512];

static void open_client(struct sdk_http_options options)
{
    options.backoff_ms = options.backoff_ms ? options.backoff_ms : 2;
    server = http_server_start();
    ck_assert(sdk_http_open(&options, &http, &error));
}

static void close_all(void)
{
    sdk_http_response_free(&response);
    sdk_http_close(http);
    http_server_stop(server);
}

static const char *at(const char *path)
{
    snprintf(url, sizeof url, "%s%s", http_server_url(server), path);
    return url;
}

static bool ask(struct sdk_http_request request)
{
    sdk_http_response_free(&response);
    return sdk_http_send(http, NULL, &request, &response, &error);
}

static bool get(const char *path)
{
    return ask((struct sdk_http_request){.url = at(path)});
}

static void check_text(const char *part)
{
    ck_assert_msg(strstr(error.text, part) != NULL, "\"%s\" is not in \"%s\"", part, error.text);
}

START_TEST(test_a_request_is_sent_and_its_answer_read)
{
    const char *headers[] = {"X-Mine: 1", NULL};

    open_client((struct sdk_http_options){0});
    ck_assert(ask((struct sdk_http_request){.method = "POST",
                                            .url = at("/echo?q=1"),
                                            .headers = headers,
                                            .body = "abc",
                                            .body_len = 3}));
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(sdk_http_header(&response, "x-kind"), "Echo");
    ck_assert_ptr_null(sdk_http_header(&response, "x-kin"));
    ck_assert_ptr_nonnull(strstr(response.body, "POST /echo?q=1 HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(response.body, "\r\nX-Mine: 1\r\n"));
    ck_assert_ptr_nonnull(strstr(response.body, "\r\n\r\nabc"));
    ck_assert_ptr_nonnull(strstr(response.body, "User-Agent: cartrita/"));
    ck_assert_ptr_null(strcasestr(response.body, "urlencoded"));
    ck_assert_uint_eq(response.body_len, strlen(response.body));
    ck_assert_uint_eq(response.attempts, 1);
    close_all();
}
END_TEST

START_TEST(test_a_connection_serves_many_requests)
{
    open_client((struct sdk_http_options){0});
    for (int i = 0; i < 5; i++)
        ck_assert(get("/echo"));
    ck_assert_int_eq(http_server_connections(server), 1);
    close_all();
}
END_TEST

START_TEST(test_a_busy_server_is_asked_again)
{
    open_client((struct sdk_http_options){0});
    ck_assert(get("/flaky"));
    ck_assert_uint_eq(response.attempts, 3);
    ck_assert_str_eq(response.body, "text");
    ck_assert(get("/soon"));
    ck_assert_uint_eq(response.attempts, 2);
    close_all();
}
END_TEST

START_TEST(test_a_post_is_not_sent_twice_unless_it_may)
{
    open_client((struct sdk_http_options){0});
    ck_assert(!ask((struct sdk_http_request){.method = "POST", .url = at("/flaky")}));
    ck_assert_int_eq(http_server_requests(server), 1);
    check_text("/flaky: 503 Service Unavailable: text");
    ck_assert_int_eq(response.status, 503);
    ck_assert(ask(
        (struct sdk_http_request){.method = "POST", .url = at("/flaky"), .is_repeatable = true}));
    ck_assert_uint_eq(response.attempts, 2);
    close_all();
}
END_TEST

START_TEST(test_a_long_retry_after_ends_the_call)
{
    open_client((struct sdk_http_options){0});
    ck_assert(!get("/later"));
    ck_assert_int_eq(error.delay_ms, 7200 * 1000);
    ck_assert(!error.is_permanent);
    ck_assert_int_eq(http_server_requests(server), 1);
    check_text("429 Too Many Requests: slower");
    ck_assert(!get("/date"));
    ck_assert_int_gt(error.delay_ms, 7100 * 1000);
    ck_assert_int_le(error.delay_ms, 7200 * 1000);
    close_all();
}
END_TEST

START_TEST(test_nobody_there)
{
    open_client((struct sdk_http_options){0});
    ck_assert(!ask((struct sdk_http_request){
        .method = "POST", .url = "http://user:secret@127.0.0.1:1/a/b?key=secret#secret"}));
    ck_assert_str_eq(error.text, "POST http://127.0.0.1:1/a/b: connection refused (3 attempts)");
    ck_assert_str_eq(error.name, "ConnectionError");
    ck_assert(!error.is_permanent);
    close_all();
}
END_TEST

START_TEST(test_what_is_cut_or_silent_is_said)
{
    open_client(
        (struct sdk_http_options){.attempts = 2, .timeout_ms = 100, .breaker_failures = -1});
    ck_assert(!get("/drop"));
    check_text("/drop: closed without an answer (2 attempts)");
    ck_assert(!get("/cut"));
    check_text("/cut: cut after ");
    ck_assert_int_eq(http_server_requests(server), 4);
    ck_assert(!get("/silent"));
    check_text("/silent: not finished within 100 ms (timeout) (2 attempts)");
    ck_assert_str_eq(error.name, "TimeoutError");
    close_all();
}
END_TEST

START_TEST(test_a_stalled_answer_is_given_up)
{
    open_client((struct sdk_http_options){.attempts = 1, .idle_timeout_ms = 50});
    ck_assert(!get("/stall"));
    check_text("/stall: not a byte for 50 ms (idle timeout)");
    ck_assert_int_eq(response.status, 0);
    ck_assert_ptr_null(response.body);
    close_all();
}
END_TEST

START_TEST(test_answers_are_bounded)
{
    open_client((struct sdk_http_options){.response_max = 1000});
    ck_assert(!get("/big"));
    check_text("/big: the answer is larger than 1000 bytes");
    ck_assert(error.is_permanent);
    ck_assert(!get("/many"));
    check_text("/many: the answer has more than 128 headers");
    ck_assert(ask((struct sdk_http_request){.url = at("/big"), .response_max = 1024 * 1024}));
    ck_assert_uint_eq(response.body_len, 1024 * 1024);
    close_all();
}
END_TEST

START_TEST(test_redirects_are_followed_so_far)
{
    open_client((struct sdk_http_options){.redirects = 3});
    ck_assert(get("/to?/echo"));
    ck_assert_int_eq(response.status, 200);
    ck_assert(strncmp(response.body, "GET /echo ", 10) == 0);
    ck_assert(!get("/loop"));
    check_text("/loop: more than 3 redirects");
    ck_assert(!get("/to?file:///etc/passwd"));
    ck_assert(error.is_permanent);
    /* What is no GET is not sent elsewhere. */
    ck_assert(ask((struct sdk_http_request){.method = "PUT", .url = at("/to?/echo")}));
    ck_assert_int_eq(response.status, 302);
    ck_assert_str_eq(response.body, "gone");
    close_all();
}
END_TEST

START_TEST(test_keys_stay_with_their_origin)
{
    const char *headers[] = {"X-Api-Key: secret", "Range: bytes=0-", NULL};
    struct http_server *other = http_server_start();
    char path[128];

    open_client((struct sdk_http_options){0});
    snprintf(path, sizeof path, "/to?%s/echo", http_server_url(other));
    ck_assert(ask((struct sdk_http_request){.url = at(path), .headers = headers}));
    ck_assert_int_eq(http_server_requests(other), 1);
    ck_assert_ptr_null(strstr(response.body, "secret"));
    ck_assert_ptr_nonnull(strstr(response.body, "\r\nRange: bytes=0-\r\n"));
    ck_assert(ask((struct sdk_http_request){.url = at("/to?/echo"), .headers = headers}));
    ck_assert_ptr_nonnull(strstr(response.body, "X-Api-Key: secret"));
    close_all();
    http_server_stop(other);
}
END_TEST

START_TEST(test_private_addresses_are_not_connected_to)
{
    open_client((struct sdk_http_options){.refuses_private = true});
    ck_assert(!get("/echo"));
    check_text("/echo: leads to 127.0.0.1, an address of a private network");
    ck_assert(error.is_permanent);
    ck_assert(!ask((struct sdk_http_request){.url = "http://localhost:1/"}));
    ck_assert(error.is_permanent);
    ck_assert_int_eq(http_server_connections(server), 0);
    close_all();
}
END_TEST

START_TEST(test_a_dead_endpoint_rests)
{
    open_client((struct sdk_http_options){.breaker_failures = 2, .attempts = 1});
    ck_assert(!get("/dead"));
    ck_assert(!get("/dead"));
    ck_assert(!get("/echo"));
    ck_assert_str_eq(error.name, "BreakerError");
    check_text("after 2 failures in a row; the last: GET");
    check_text("500 Internal Server Error");
    ck_assert_int_gt(error.delay_ms, 0);
    ck_assert_int_eq(http_server_requests(server), 2);
    close_all();
}
END_TEST

START_TEST(test_bad_requests_are_refused)
{
    const char *split[] = {"X: a\r\nY: b", NULL};

    open_client((struct sdk_http_options){0});
    ck_assert(!ask((struct sdk_http_request){.url = "ftp://host/x"}));
    check_text("only http:// and https:// are requested, not \"ftp://\"");
    ck_assert(!ask((struct sdk_http_request){.url = "no url"}));
    check_text("this is no URL");
    ck_assert(!ask((struct sdk_http_request){.url = NULL}));
    ck_assert(!ask((struct sdk_http_request){.url = at("/echo"), .headers = split}));
    check_text("header 1 of the request");
    ck_assert(!ask((struct sdk_http_request){.url = at("/echo"), .method = "GET /x"}));
    ck_assert_int_eq(http_server_requests(server), 0);
    close_all();
}
END_TEST

START_TEST(test_a_refusal_shows_the_answer)
{
    struct sdk_http_request request = {0};

    open_client((struct sdk_http_options){0});
    ck_assert(get("/bad"));
    ck_assert_int_eq(response.status, 422);
    request.url = url;
    ck_assert(!sdk_http_refused(&request, &response, &error));
    check_text("/bad: 422 Unprocessable: no such thing");
    ck_assert(error.is_permanent);
    close_all();
}
END_TEST

struct pieces {
    size_t len, stop_at;
    long status;
    int rewinds;
};

static bool take_piece(void *ctx, const char *bytes, size_t len, struct sdk_error *why)
{
    struct pieces *pieces = ctx;

    pieces->len += len;
    if (pieces->stop_at && pieces->len >= pieces->stop_at)
        return sdk_refuse(why, "Mine", "enough");
    return true;
}

static bool take_head(void *ctx, long status, struct sdk_error *why)
{
    struct pieces *pieces = ctx;

    pieces->status = status;
    ck_assert_ptr_nonnull(sdk_http_header(&response, "content-length"));
    return true;
}

static bool rewind_pieces(void *ctx)
{
    struct pieces *pieces = ctx;

    pieces->len = 0;
    pieces->rewinds++;
    return true;
}

START_TEST(test_pieces_are_handed_on)
{
    struct pieces pieces = {0};
    struct sdk_http_request request = {
        .on_piece = take_piece, .on_head = take_head, .ctx = &pieces};

    open_client((struct sdk_http_options){.breaker_failures = -1});
    request.url = at("/big");
    ck_assert(ask(request));
    ck_assert_uint_eq(pieces.len, 1024 * 1024);
    ck_assert_int_eq(pieces.status, 200);
    pieces = (struct pieces){.stop_at = 5000};
    ck_assert(!ask(request));
    check_text("/big: enough");
    ck_assert_str_eq(error.name, "Mine");
    /* Once pieces are given, only one who can begin again gets another attempt. */
    pieces = (struct pieces){0};
    request.url = at("/cut");
    ck_assert(!ask(request));
    ck_assert_uint_eq(response.attempts, 1);
    request.rewind = rewind_pieces;
    ck_assert(!ask(request));
    ck_assert_uint_eq(response.attempts, 3);
    ck_assert_int_eq(pieces.rewinds, 2);
    ck_assert_uint_eq(pieces.len, 10);
    close_all();
}
END_TEST

static int64_t read_some(void *ctx, char *out, size_t size)
{
    size_t *left = ctx, len = *left < size ? *left : size;

    memset(out, 'x', len);
    *left -= len;
    return (int64_t)len;
}

START_TEST(test_a_body_is_read_from_the_caller)
{
    size_t left = 5000;

    open_client((struct sdk_http_options){0});
    ck_assert(ask((struct sdk_http_request){
        .method = "PUT", .url = at("/echo"), .read = read_some, .body_len = 5000, .ctx = &left}));
    ck_assert_ptr_nonnull(strstr(response.body, "Content-Length: 5000\r\n"));
    ck_assert_ptr_nonnull(strstr(response.body, "\r\n\r\nxxxx"));
    ck_assert_uint_eq(left, 0);
    close_all();
}
END_TEST

START_TEST(test_a_source_may_be_an_url)
{
    struct sdk_sources sources = {.max_bytes = 2000};
    struct sdk_content content;
    json_t *data;
    struct sdk_reader reader;

    open_client((struct sdk_http_options){0});
    sources.http = http;
    data = json_pack("{s:s}", "in", at("/echo?secret"));
    reader = sdk_reader(data, "data", &error);
    ck_assert(sdk_source_read(&sources, NULL, &reader, "in", &content));
    ck_assert(strncmp(content.bytes, "GET /echo?secret ", 17) == 0);
    ck_assert_str_eq(content.name, "echo");
    ck_assert_ptr_null(content.type);
    sdk_content_free(&content);
    json_object_set_new(data, "in", json_string(at("/bad")));
    ck_assert(!sdk_source_read(&sources, NULL, &reader, "in", &content));
    check_text("data.in: GET http://127.0.0.1:");
    check_text("/bad: 422 Unprocessable: no such thing");
    json_decref(data);
    close_all();
}
END_TEST

static atomic_int answered;

static void *ask_often(void *ctx)
{
    for (int i = 0; i < 20; i++) {
        struct sdk_http_response mine;
        struct sdk_error why;

        if (sdk_http_send(http, NULL, &(struct sdk_http_request){.url = ctx}, &mine, &why))
            answered++;
        sdk_http_response_free(&mine);
    }
    return NULL;
}

START_TEST(test_many_threads_share_few_connections)
{
    pthread_t threads[6];

    open_client((struct sdk_http_options){.connections = 3});
    at("/echo");
    for (int i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, ask_often, url);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(answered, 120);
    ck_assert_int_le(http_server_connections(server), 3);
    close_all();
}
END_TEST

/* --- a job that should stop --- */

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
    open_client((struct sdk_http_options){.backoff_ms = 300000,
                                          .backoff_max_ms = 300000,
                                          .idle_timeout_ms = 300000,
                                          .timeout_ms = -1});
    request.url = at("/silent");
    ck_assert(!sdk_http_send(http, &call, &request, &response, &error));
    ck_assert_str_eq(error.name, "Cancelled");
    cancel_asked = 0;
    request.url = at("/dead");
    sdk_http_response_free(&response);
    ck_assert(!sdk_http_send(http, &call, &request, &response, &error));
    ck_assert_str_eq(error.name, "Cancelled");
    close_all();
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_a_request_is_sent_and_its_answer_read);
    tcase_add_test(tcase, test_a_connection_serves_many_requests);
    tcase_add_test(tcase, test_a_busy_server_is_asked_again);
    tcase_add_test(tcase, test_a_post_is_not_sent_twice_unless_it_may);
    tcase_add_test(tcase, test_a_long_retry_after_ends_the_call);
    tcase_add_test(tcase, test_nobody_there);
    tcase_add_test(tcase, test_what_is_cut_or_silent_is_said);
    tcase_add_test(tcase, test_a_stalled_answer_is_given_up);
    tcase_add_test(tcase, test_answers_are_bounded);
    tcase_add_test(tcase, test_redirects_are_followed_so_far);
    tcase_add_test(tcase, test_keys_stay_with_their_origin);
    tcase_add_test(tcase, test_private_addresses_are_not_connected_to);
    tcase_add_test(tcase, test_a_dead_endpoint_rests);
    tcase_add_test(tcase, test_bad_requests_are_refused);
    tcase_add_test(tcase, test_a_refusal_shows_the_answer);
    tcase_add_test(tcase, test_pieces_are_handed_on);
    tcase_add_test(tcase, test_a_body_is_read_from_the_caller);
    tcase_add_test(tcase, test_a_source_may_be_an_url);
    tcase_add_test(tcase, test_many_threads_share_few_connections);
    tcase_add_test(tcase, test_a_cancel_ends_every_wait);
}

int main(void)
{
    return unit_run("sdk_http", add_tests);
}
