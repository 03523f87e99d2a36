/* A client and a server for the tests of the HTTP client: what the server does is in the path that
 * is asked for.
 *
 *   /echo       200: the request itself
 *   /drop       closes without an answer
 *   /cut        promises 100 bytes, sends 10, closes
 *   /stall      sends a head and 5 bytes, then nothing
 *   /silent     reads, and never answers
 *   /flaky      503, 503, then 200
 *   /soon       429 with "Retry-After: 0", then 200
 *   /later      429 with "Retry-After: 7200"
 *   /date       503 with a Retry-After that is a date, two hours from now
 *   /loop       302 to itself
 *   /to?URL     302 to URL
 *   /big        200, 1 MiB
 *   /many       200 with more headers than the client takes
 *   /bad        422 with a body of two lines
 *   /dead       500 */
#ifndef TESTS_UNIT_SDK_HTTP_BENCH_H
#define TESTS_UNIT_SDK_HTTP_BENCH_H

#include <stdbool.h>

#include "cartrita/sdk/http.h"

struct http_server;

struct http_server *http_server_start(void);
void http_server_stop(struct http_server *server);
/* "http://127.0.0.1:PORT" */
const char *http_server_url(const struct http_server *server);
int http_server_requests(struct http_server *server);
int http_server_connections(struct http_server *server);

/* What a test has; one at a time. */
struct http_bench {
    struct http_server *server;
    struct sdk_http *http;
    struct sdk_http_response response; /* the last one */
    struct sdk_error error;
    char url[512]; /* the last one of http_bench_at */
};
extern struct http_bench bench;

/* A server and a client, which waits 2 ms before a second attempt unless `options` say more. */
void http_bench_open(struct sdk_http_options options);
void http_bench_close(void);
/* The URL of a path of the server. */
const char *http_bench_at(const char *path);
bool http_bench_ask(struct sdk_http_request request);
bool http_bench_get(const char *path);
/* `part` is in the error's text. */
void http_bench_check_text(const char *part);

#endif
