/* What the files of the HTTP client share; nobody else includes it (but its tests).
 *
 *   http.c           open, close, and a call: its attempts and the waits between them
 *   http_exchange.c  one attempt: a request and its answer, redirects followed, by libcurl
 *   http_failure.c   what a failed attempt is called, and whether another may help
 *   http_pool.c      libcurl's handles, each with a connection of its own, and what they share
 *   http_breaker.c   endpoints that failed too often, and how long they rest
 *   http_url.c       URLs and addresses
 *   http_answer.c    the answer as its caller sees it */
#ifndef CARTRITA_SDK_HTTP_PARTS_H
#define CARTRITA_SDK_HTTP_PARTS_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "cartrita/sdk/http.h"
#include "cartrita/sdk/text.h"

#define HTTP_SHOWN_MAX    256u /* bytes of an URL in an error */
#define HTTP_ENDPOINT_MAX 300u
#define HTTP_REASON_MAX   320u
#define HTTP_POLL_MS      100 /* how late a cancel, or a free connection, is noticed at the most */

bool http_is_cancelled(const struct sdk_call *call);

/* --- http_url.c --- */
struct http_target {
    char shown[HTTP_SHOWN_MAX];       /* without user, query and fragment */
    char endpoint[HTTP_ENDPOINT_MAX]; /* "https://host:443" */
};

/* Refuses what is no http or https URL. */
bool http_target_read(const char *url, struct http_target *target, struct sdk_error *error);
/* Loopback, link, private, multicast or reserved: nothing of the public internet. */
bool http_address_is_private(const struct sockaddr *address);

/* --- http_breaker.c --- */
#define HTTP_ENDPOINTS_MAX 256u /* remembered; the one unused for longest is forgotten */

struct http_endpoint {
    char name[HTTP_ENDPOINT_MAX];
    char reason[HTTP_REASON_MAX]; /* of the last failure */
    uint32_t failures;            /* in a row */
    bool is_probed;               /* rested, and one request is trying it */
    int64_t rests_until_ms;
    int64_t used_ms;
};

struct http_breaker {
    pthread_mutex_t lock;
    int64_t failures_max; /* < 0: never rests */
    int64_t rest_ms;
    struct http_endpoint *endpoints; /* owned */
    size_t endpoint_count;
};

enum http_verdict { HTTP_WORKS, HTTP_FAILS, HTTP_UNKNOWN };

bool http_breaker_init(struct http_breaker *breaker, int64_t failures_max, int64_t rest_ms);
void http_breaker_fini(struct http_breaker *breaker);
/* True: try it, and tell http_breaker_leave how it went. False: it rests, for *wait_ms more,
 * because of `reason`. */
bool http_breaker_enter(struct http_breaker *breaker, const char *endpoint, int64_t now_ms,
                        int64_t *wait_ms, char reason[HTTP_REASON_MAX]);
void http_breaker_leave(struct http_breaker *breaker, const char *endpoint, int64_t now_ms,
                        enum http_verdict verdict, const char *reason);

/* --- http_pool.c --- */
struct http_slot {
    CURLM *multi; /* owned; keeps the connection */
    CURL *easy;   /* owned */
    bool is_used;
    char endpoint[HTTP_ENDPOINT_MAX]; /* where its connection leads */
};

struct http_pool {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    CURLSH *share; /* names and TLS sessions */
    pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST];
    struct http_slot *slots; /* owned */
    size_t slot_count, slot_max;
};

bool http_pool_init(struct http_pool *pool, size_t slot_max);
void http_pool_fini(struct http_pool *pool);
/* A handle, best one whose connection leads to `endpoint`; NULL: none is free, or memory is out. */
struct http_slot *http_pool_take(struct http_pool *pool, const char *endpoint, int64_t wait_ms);
void http_pool_give(struct http_pool *pool, struct http_slot *slot);

/* --- http.c --- */
struct sdk_http {
    struct sdk_http_options options; /* without zeros; owns its texts */
    struct http_pool pool;
    struct http_breaker breaker;
};

/* --- http_exchange.c --- */
enum http_stop {
    HTTP_STOP_NONE,
    HTTP_STOP_CANCELLED, /* the job should stop */
    HTTP_STOP_IDLE,
    HTTP_STOP_CALLER,    /* a function of the caller said no; `error` is set */
    HTTP_STOP_TOO_LARGE, /* more than response_max */
    HTTP_STOP_HEADERS,   /* more than SDK_HTTP_HEADERS_MAX */
    HTTP_STOP_MEMORY,
};

/* One attempt. */
struct http_exchange {
    struct sdk_http *http;
    struct sdk_call *call; /* may be NULL */
    const struct sdk_http_request *request;
    struct sdk_http_response *response;
    struct sdk_error *error;
    const struct http_target *target;
    struct http_slot *slot;
    char curl_text[CURL_ERROR_SIZE];
    char refused[64]; /* a private address that was not connected to */
    struct sdk_string body;
    char *location; /* of a redirect that is followed; owned by libcurl */
    int64_t started_ms, moved_ms, moved_bytes, received;
    enum http_stop stop;
    bool has_head;    /* status and headers are known */
    bool is_followed; /* the answer is a redirect on the way */
    bool has_given;   /* a piece of the body is with the caller */
    uint32_t redirects, attempts;
};

/* Makes the request, and follows redirects. CURLE_OK: `response` is the answer. */
CURLcode http_exchange_run(struct http_exchange *exchange);

/* --- http_failure.c --- */
struct http_failure {
    bool is_repeatable;     /* another attempt may work */
    bool is_unsent;         /* the server has not seen the request */
    bool is_neutral;        /* tells nothing about the endpoint */
    int64_t retry_after_ms; /* -1: not said */
};

/* Fills in the exchange's error for what libcurl said. */
void http_failure_of_curl(const struct http_exchange *exchange, CURLcode code,
                          struct http_failure *failure);

/* --- http_answer.c --- */
#define HTTP_RETRY_AFTER_MAX_MS ((int64_t)24 * 60 * 60 * 1000) /* longer is read as this */

/* 408, 425, 429 and what is above 499: no answer to hand on. */
bool http_status_is_failure(long status);
/* -1: the answer does not say. */
int64_t http_retry_after_ms(const struct sdk_http_response *response);
const char *http_method(const struct sdk_http_request *request);

#endif
