/* A server for the tests of the HTTP client: what it does is in the path that is asked for.
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

struct http_server;

struct http_server *http_server_start(void);
void http_server_stop(struct http_server *server);
/* "http://127.0.0.1:PORT" */
const char *http_server_url(const struct http_server *server);
int http_server_requests(struct http_server *server);
int http_server_connections(struct http_server *server);

#endif
