/* What a failed attempt is called, and whether another may help. See http_parts.h. */
#include "http_parts.h"

#include <errno.h>
#include <string.h>

/* The job fails with the reason of its cancel, not with this text. */
static void failure_of_stop(const struct http_exchange *x, struct http_failure *failure)
{
    struct sdk_error *error = x->error;

    switch (x->stop) {
    case HTTP_STOP_CANCELLED:
        failure->is_neutral = true;
        sdk_retry_later(error, "Cancelled", "the job was told to stop");
        return;
    case HTTP_STOP_IDLE:
        failure->is_repeatable = true;
        sdk_retry_later(error, "TimeoutError", "not a byte for %lld ms (idle timeout)",
                        (long long)x->http->options.idle_timeout_ms);
        return;
    case HTTP_STOP_TOO_LARGE:
        failure->is_neutral = true;
        sdk_refuse(error, "TooLargeError", "the answer is larger than %lld bytes",
                   (long long)(x->request->response_max > 0 ? x->request->response_max
                                                            : x->http->options.response_max));
        return;
    case HTTP_STOP_HEADERS:
        sdk_refuse(error, "HttpError", "the answer has more than %u headers", SDK_HTTP_HEADERS_MAX);
        return;
    case HTTP_STOP_MEMORY:
        failure->is_neutral = true;
        sdk_retry_later(error, "MemoryError", "out of memory");
        return;
    case HTTP_STOP_CALLER: /* has said it */
    case HTTP_STOP_NONE:
        failure->is_neutral = true;
        return;
    }
}

static void failure_of_timeout(const struct http_exchange *x, struct http_failure *failure)
{
    curl_off_t connected_us = 0;
    int64_t limit_ms =
        x->request->timeout_ms ? x->request->timeout_ms : x->http->options.timeout_ms;

    failure->is_repeatable = true;
    curl_easy_getinfo(x->slot->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    failure->is_unsent = connected_us == 0;
    if (failure->is_unsent && (limit_ms < 0 || x->http->options.connect_timeout_ms < limit_ms))
        sdk_retry_later(x->error, "TimeoutError", "no connection within %lld ms (connect timeout)",
                        (long long)x->http->options.connect_timeout_ms);
    else
        sdk_retry_later(x->error, "TimeoutError", "not finished within %lld ms (timeout)",
                        (long long)limit_ms);
}

static void failure_of_connect(const struct http_exchange *x, struct http_failure *failure)
{
    long number = 0;

    if (x->refused[0]) {
        failure->is_neutral = true;
        sdk_refuse(x->error, "UrlError",
                   "leads to %s, an address of a private network, which is not allowed",
                   x->refused);
        return;
    }
    failure->is_repeatable = failure->is_unsent = true;
    curl_easy_getinfo(x->slot->easy, CURLINFO_OS_ERRNO, &number);
    sdk_retry_later(x->error, "ConnectionError", "%s",
                    number == ECONNREFUSED ? "connection refused"
                    : number != 0          ? strerrordesc_np((int)number)
                                           : "no connection");
}

void http_failure_of_curl(const struct http_exchange *x, CURLcode code,
                          struct http_failure *failure)
{
    const char *text = x->curl_text[0] ? x->curl_text : curl_easy_strerror(code);

    if (x->stop != HTTP_STOP_NONE) {
        failure_of_stop(x, failure);
        return;
    }
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        failure_of_connect(x, failure);
        return;
    case CURLE_OPERATION_TIMEDOUT:
        failure_of_timeout(x, failure);
        return;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        failure->is_repeatable = failure->is_unsent = true;
        sdk_retry_later(x->error, "ConnectionError", "host not found");
        return;
    case CURLE_SSL_CONNECT_ERROR:
        failure->is_repeatable = failure->is_unsent = true;
        sdk_retry_later(x->error, "ConnectionError", "no TLS: %.200s", text);
        return;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        failure->is_neutral = true;
        sdk_refuse(x->error, "CertificateError", "certificate not trusted: %.200s", text);
        return;
    case CURLE_GOT_NOTHING:
        failure->is_repeatable = true;
        sdk_retry_later(x->error, "ConnectionError", "closed without an answer");
        return;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        failure->is_repeatable = true;
        sdk_retry_later(x->error, "ConnectionError", "cut after %lld bytes",
                        (long long)x->received);
        return;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        failure->is_neutral = true;
        sdk_refuse(x->error, "UrlError", "%.200s", text);
        return;
    case CURLE_OUT_OF_MEMORY:
        failure->is_neutral = true;
        sdk_retry_later(x->error, "MemoryError", "out of memory");
        return;
    default:
        failure->is_repeatable = true;
        sdk_retry_later(x->error, "ConnectionError", "%.200s", text);
        return;
    }
}
