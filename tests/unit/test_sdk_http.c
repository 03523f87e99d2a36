/* The HTTP client: what is sent, what comes back, what is refused, what is bounded. */
#include "cartrita/sdk/http.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "cartrita/sdk/source.h"
#include "tests/lib/unit.h"
#include "tests/unit/sdk_http_bench.h"

START_TEST(test_a_request_is_sent_and_its_answer_read)
{
    const char *headers[] = {"X-Mine: 1", NULL};

    http_bench_open((struct sdk_http_options){0});
    ck_assert(http_bench_ask((struct sdk_http_request){.method = "POST",
                                                       .url = http_bench_at("/echo?q=1"),
                                                       .headers = headers,
                                                       .body = "abc",
                                                       .body_len = 3}));
    ck_assert_int_eq(bench.response.status, 200);
    ck_assert_str_eq(sdk_http_header(&bench.response, "x-kind"), "Echo");
    ck_assert_ptr_null(sdk_http_header(&bench.response, "x-kin"));
    ck_assert_ptr_nonnull(strstr(bench.response.body, "POST /echo?q=1 HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(bench.response.body, "\r\nX-Mine: 1\r\n"));
    ck_assert_ptr_nonnull(strstr(bench.response.body, "\r\n\r\nabc"));
    ck_assert_ptr_nonnull(strstr(bench.response.body, "User-Agent: cartrita/"));
    ck_assert_ptr_null(strcasestr(bench.response.body, "urlencoded"));
    ck_assert_uint_eq(bench.response.body_len, strlen(bench.response.body));
    ck_assert_uint_eq(bench.response.attempts, 1);
    http_bench_close();
}
END_TEST

START_TEST(test_a_connection_serves_many_requests)
{
    http_bench_open((struct sdk_http_options){0});
    for (int i = 0; i < 5; i++)
        ck_assert(http_bench_get("/echo"));
    ck_assert_int_eq(http_server_connections(bench.server), 1);
    http_bench_close();
}
END_TEST

START_TEST(test_answers_are_bounded)
{
    http_bench_open((struct sdk_http_options){.response_max = 1000});
    ck_assert(!http_bench_get("/big"));
    http_bench_check_text("/big: the answer is larger than 1000 bytes");
    ck_assert(bench.error.is_permanent);
    ck_assert(!http_bench_get("/many"));
    http_bench_check_text("/many: the answer has more than 128 headers");
    ck_assert(http_bench_ask(
        (struct sdk_http_request){.url = http_bench_at("/big"), .response_max = 1024 * 1024}));
    ck_assert_uint_eq(bench.response.body_len, 1024 * 1024);
    http_bench_close();
}
END_TEST

START_TEST(test_bad_requests_are_refused)
{
    const char *split[] = {"X: a\r\nY: b", NULL};

    http_bench_open((struct sdk_http_options){0});
    ck_assert(!http_bench_ask((struct sdk_http_request){.url = "ftp://host/x"}));
    http_bench_check_text("only http:// and https:// are requested, not \"ftp://\"");
    ck_assert(!http_bench_ask((struct sdk_http_request){.url = "no url"}));
    http_bench_check_text("this is no URL");
    ck_assert(!http_bench_ask((struct sdk_http_request){.url = NULL}));
    ck_assert(!http_bench_ask(
        (struct sdk_http_request){.url = http_bench_at("/echo"), .headers = split}));
    http_bench_check_text("header 1 of the request");
    ck_assert(!http_bench_ask(
        (struct sdk_http_request){.url = http_bench_at("/echo"), .method = "GET /x"}));
    ck_assert_int_eq(http_server_requests(bench.server), 0);
    http_bench_close();
}
END_TEST

START_TEST(test_a_refusal_shows_the_answer)
{
    struct sdk_http_request request = {0};

    http_bench_open((struct sdk_http_options){0});
    ck_assert(http_bench_get("/bad"));
    ck_assert_int_eq(bench.response.status, 422);
    request.url = bench.url;
    ck_assert(!sdk_http_refused(&request, &bench.response, &bench.error));
    http_bench_check_text("/bad: 422 Unprocessable: no such thing");
    ck_assert(bench.error.is_permanent);
    http_bench_close();
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
    ck_assert_ptr_nonnull(sdk_http_header(&bench.response, "content-length"));
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

    http_bench_open((struct sdk_http_options){.breaker_failures = -1});
    request.url = http_bench_at("/big");
    ck_assert(http_bench_ask(request));
    ck_assert_uint_eq(pieces.len, 1024 * 1024);
    ck_assert_int_eq(pieces.status, 200);
    pieces = (struct pieces){.stop_at = 5000};
    ck_assert(!http_bench_ask(request));
    http_bench_check_text("/big: enough");
    ck_assert_str_eq(bench.error.name, "Mine");
    /* Once pieces are given, only one who can begin again gets another attempt. */
    pieces = (struct pieces){0};
    request.url = http_bench_at("/cut");
    ck_assert(!http_bench_ask(request));
    ck_assert_uint_eq(bench.response.attempts, 1);
    request.rewind = rewind_pieces;
    ck_assert(!http_bench_ask(request));
    ck_assert_uint_eq(bench.response.attempts, 3);
    ck_assert_int_eq(pieces.rewinds, 2);
    ck_assert_uint_eq(pieces.len, 10);
    http_bench_close();
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

    http_bench_open((struct sdk_http_options){0});
    ck_assert(http_bench_ask((struct sdk_http_request){.method = "PUT",
                                                       .url = http_bench_at("/echo"),
                                                       .read = read_some,
                                                       .body_len = 5000,
                                                       .ctx = &left}));
    ck_assert_ptr_nonnull(strstr(bench.response.body, "Content-Length: 5000\r\n"));
    ck_assert_ptr_nonnull(strstr(bench.response.body, "\r\n\r\nxxxx"));
    ck_assert_uint_eq(left, 0);
    http_bench_close();
}
END_TEST

START_TEST(test_a_source_may_be_an_url)
{
    struct sdk_sources sources = {.max_bytes = 2000};
    struct sdk_content content;
    json_t *data;
    struct sdk_reader reader;

    http_bench_open((struct sdk_http_options){0});
    sources.http = bench.http;
    data = json_pack("{s:s}", "in", http_bench_at("/echo?secret"));
    reader = sdk_reader(data, "data", &bench.error);
    ck_assert(sdk_source_read(&sources, NULL, &reader, "in", &content));
    ck_assert(strncmp(content.bytes, "GET /echo?secret ", 17) == 0);
    ck_assert_str_eq(content.name, "echo");
    ck_assert_ptr_null(content.type);
    sdk_content_free(&content);
    json_object_set_new(data, "in", json_string(http_bench_at("/bad")));
    ck_assert(!sdk_source_read(&sources, NULL, &reader, "in", &content));
    http_bench_check_text("data.in: GET http://127.0.0.1:");
    http_bench_check_text("/bad: 422 Unprocessable: no such thing");
    json_decref(data);
    http_bench_close();
}
END_TEST

static atomic_int answered;

static void *ask_often(void *ctx)
{
    for (int i = 0; i < 20; i++) {
        struct sdk_http_response mine;
        struct sdk_error why;

        if (sdk_http_send(bench.http, NULL, &(struct sdk_http_request){.url = ctx}, &mine, &why))
            answered++;
        sdk_http_response_free(&mine);
    }
    return NULL;
}

START_TEST(test_many_threads_share_few_connections)
{
    pthread_t threads[6];

    http_bench_open((struct sdk_http_options){.connections = 3});
    http_bench_at("/echo");
    for (int i = 0; i < 6; i++)
        pthread_create(&threads[i], NULL, ask_often, bench.url);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(answered, 120);
    ck_assert_int_le(http_server_connections(bench.server), 3);
    http_bench_close();
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_a_request_is_sent_and_its_answer_read);
    tcase_add_test(tcase, test_a_connection_serves_many_requests);
    tcase_add_test(tcase, test_answers_are_bounded);
    tcase_add_test(tcase, test_bad_requests_are_refused);
    tcase_add_test(tcase, test_a_refusal_shows_the_answer);
    tcase_add_test(tcase, test_pieces_are_handed_on);
    tcase_add_test(tcase, test_a_body_is_read_from_the_caller);
    tcase_add_test(tcase, test_a_source_may_be_an_url);
    tcase_add_test(tcase, test_many_threads_share_few_connections);
}

int main(void)
{
    return unit_run("sdk_http", add_tests);
}
