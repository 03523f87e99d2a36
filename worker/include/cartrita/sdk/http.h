/* An HTTP client for plugins: connections kept between jobs, bounded answers, retries that respect
 * Retry-After, and a breaker for each endpoint so that a dead server costs jobs nothing.
 *
 * Retried within one call: what cannot be connected to (nothing was sent: any request), and, when
 * the request may be repeated (GET, HEAD, PUT, DELETE, or is_repeatable), what is cut or times out
 * and answers 408, 425, 429 and 5xx; as long as attempts, the job's time and the waiting times
 * allow. Any other answer is handed to the caller as it is. A job that should stop ends every wait
 * within a tenth of a second.
 *
 * Errors by name: ConnectionError, TimeoutError, BreakerError, HttpError with 408, 425, 429 or 5xx
 * (to be retried); UrlError, CertificateError, TooLargeError, other HttpError (for good). */
#ifndef CARTRITA_SDK_HTTP_H
#define CARTRITA_SDK_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cartrita/sdk/call.h"
#include "cartrita/sdk/error.h"

#define SDK_HTTP_HEADERS_MAX 128u /* of a request, and of an answer */

/* Zeros take the defaults, which stand behind. Texts are copied. */
struct sdk_http_options {
    int64_t connect_timeout_ms; /* 10 s */
    int64_t timeout_ms;         /* of one attempt, all in all; 60 s; -1: none */
    int64_t idle_timeout_ms;    /* without a byte; 30 s */
    int64_t attempts;           /* of one call; 3 */
    int64_t backoff_ms;         /* before the second, then doubled, with jitter; 250 ms */
    int64_t backoff_max_ms;     /* also of Retry-After: a longer one ends the call; 30 s */
    int64_t breaker_failures;   /* in a row until an endpoint rests; 5; -1: never */
    int64_t breaker_rest_ms;    /* 30 s, then one request tries it */
    int64_t response_max;       /* bytes of an answer that is kept; 16 MiB */
    int64_t connections;        /* open at once, to all endpoints; 64 */
    int64_t redirects;          /* followed, for GET and HEAD; 5; -1: none. Another origin gets
                                   none of the caller's headers but Accept, Range and the like */
    bool refuses_private;       /* addresses of loopback, link and private networks, looked at when
                                   connecting; not with a proxy */
    const char *user_agent;     /* "cartrita/VERSION" */
    const char *ca_file;        /* NULL: the system's */
    const char *proxy;          /* NULL: none (environment variables are not read) */
};

struct sdk_http; /* one per plugin instance; any thread */

bool sdk_http_open(const struct sdk_http_options *options, struct sdk_http **out,
                   struct sdk_error *error);
void sdk_http_close(struct sdk_http *http);

/* A piece of an answer's body (only of answers below 300). false: stop, `error` says why. */
typedef bool (*sdk_http_piece_fn)(void *ctx, const char *bytes, size_t len,
                                  struct sdk_error *error);
/* Up to `size` bytes of a request's body into `out`; 0: end; -1: failed. */
typedef int64_t (*sdk_http_read_fn)(void *ctx, char *out, size_t size);
/* The status line (below 300) and all headers are here, the latter in `response` already. false:
 * stop, `error` says why. */
typedef bool (*sdk_http_head_fn)(void *ctx, long status, struct sdk_error *error);

struct sdk_http_request {
    const char *method;         /* NULL: GET */
    const char *url;            /* http or https; else it is refused */
    const char *const *headers; /* "Name: value" lines, ends with NULL; may be NULL */
    const char *body;           /* NULL: none, or `read` */
    size_t body_len;
    sdk_http_read_fn read; /* instead of body; body_len is its length */
    bool (*rewind)(
        void *ctx);             /* before another attempt that reads the body again, or gives its
                                   pieces from the first one again; NULL, or false: no such attempt */
    sdk_http_piece_fn on_piece; /* NULL: the body is kept in the response */
    sdk_http_head_fn on_head;   /* NULL: no interest */
    void *ctx;                  /* of all four */
    bool is_repeatable;         /* a POST that may be sent twice */
    int64_t timeout_ms;         /* of one attempt; 0: the client's */
    int64_t response_max;       /* 0: the client's, or none with on_piece */
    int64_t attempts;           /* 0: the client's */
};

struct sdk_http_response {
    long status;
    char *body; /* owned, NUL behind; also of an answer above 299 when on_piece is given */
    size_t body_len;
    char **headers; /* owned: "name: value", names in lower case */
    size_t header_count;
    uint32_t attempts; /* made */
};

/* true: an answer is there, whatever its status (see above which are not handed on). false: `error`
 * says what happened, with method, URL (without its query and password), and attempts; a breaker
 * that is open and a Retry-After that is too long set error->delay_ms, and `response` is the last
 * answer (its status is 0 when there was none). `call` may be NULL. Free `response` in any case. */
bool sdk_http_send(struct sdk_http *http, struct sdk_call *call,
                   const struct sdk_http_request *request, struct sdk_http_response *response,
                   struct sdk_error *error);
/* Safe on a zeroed one. */
void sdk_http_response_free(struct sdk_http_response *response);
/* Value of a header (name in lower case), or NULL. */
const char *sdk_http_header(const struct sdk_http_response *response, const char *name);
/* An answer with status >= 300 as an error: "POST https://x/y: 422 Unprocessable: FIRST OF BODY";
 * 408, 425, 429 and 5xx are to be retried, all others are permanent. Returns false. */
bool sdk_http_refused(const struct sdk_http_request *request,
                      const struct sdk_http_response *response, struct sdk_error *error);

#endif
