/* One attempt of the HTTP client: a request and its answer. See http_parts.h.
 *
 * It is driven by the calling thread, in steps of HTTP_POLL_MS at the most, so that a job that
 * should stop does. Redirects are followed by hand: what a caller's headers say (keys, cookies)
 * goes to the origin that it named, and to no other. */
#include "http_parts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cartrita/sdk/clock.h"

#define FAILURE_BODY_MAX 65536u /* bytes kept of an answer that is an error */

static size_t exchange_stop(struct http_exchange *x, enum http_stop stop)
{
    x->stop = stop;
    return CURL_WRITEFUNC_ERROR;
}

/* --- what libcurl calls --- */

static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_exchange *x = ctx;

    if (x->http->options.refuses_private && http_address_is_private(&address->addr)) {
        const struct sockaddr *name = &address->addr;

        if (name->sa_family == AF_INET)
            inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)name)->sin_addr,
                      x->refused, sizeof x->refused);
        else if (name->sa_family == AF_INET6)
            inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)name)->sin6_addr,
                      x->refused, sizeof x->refused);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool header_keep(struct sdk_http_response *response, const char *line, size_t len)
{
    char *copy = malloc(len + 1);

    if (!copy)
        return false;
    memcpy(copy, line, len);
    copy[len] = '\0';
    for (char *byte = copy; *byte && *byte != ':'; byte++)
        *byte = (char)tolower((unsigned char)*byte);
    if (!response->headers)
        response->headers = calloc(SDK_HTTP_HEADERS_MAX, sizeof *response->headers);
    if (!response->headers) {
        free(copy);
        return false;
    }
    response->headers[response->header_count++] = copy;
    return true;
}

/* Redirects that keep the method, which is all there are for GET and HEAD. */
static bool is_redirect(const struct http_exchange *x)
{
    long status = x->response->status;
    const char *method = http_method(x->request);

    return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
           x->http->options.redirects >= 0 && sdk_http_header(x->response, "location") &&
           (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
}

static size_t head_end(struct http_exchange *x)
{
    if (x->response->status < 200) /* "100 Continue" and the like: the answer follows */
        return 0;
    x->has_head = true;
    x->is_followed = is_redirect(x);
    if (x->response->status < 300 && x->request->on_head &&
        !x->request->on_head(x->request->ctx, x->response->status, x->error))
        return exchange_stop(x, HTTP_STOP_CALLER);
    return 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
    struct http_exchange *x = ctx;
    size_t len = size * count, whole = len;

    x->received += (int64_t)len;
    while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
        len--;
    if (x->has_head) /* a trailer */
        return whole;
    if (len == 0)
        return head_end(x) == 0 ? whole : CURL_WRITEFUNC_ERROR;
    if (len >= 10 && strncasecmp(line, "HTTP/", 5) == 0) {
        const char *status = memchr(line, ' ', len);

        sdk_http_response_free(x->response);
        x->response->status = status ? strtol(status, NULL, 10) : 0; /* a line end stops it */
        return whole;
    }
    if (x->response->header_count == SDK_HTTP_HEADERS_MAX)
        return exchange_stop(x, HTTP_STOP_HEADERS);
    return header_keep(x->response, line, len) ? whole : exchange_stop(x, HTTP_STOP_MEMORY);
}

static int64_t body_max(const struct http_exchange *x)
{
    int64_t max = x->request->response_max;

    if (max > 0)
        return max;
    return x->request->on_piece ? INT64_MAX : x->http->options.response_max;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct http_exchange *x = ctx;
    size_t len = size * count;

    x->received += (int64_t)len;
    if (x->is_followed)
        return len;
    if (x->response->status >= 300) { /* of an error the beginning tells enough */
        if (x->body.len < FAILURE_BODY_MAX)
            sdk_string_add(&x->body, bytes,
                           len < FAILURE_BODY_MAX - x->body.len ? len
                                                                : FAILURE_BODY_MAX - x->body.len);
        return len;
    }
    x->response->body_len += len;
    if ((int64_t)x->response->body_len > body_max(x))
        return exchange_stop(x, HTTP_STOP_TOO_LARGE);
    if (!x->request->on_piece) {
        sdk_string_add(&x->body, bytes, len);
        return x->body.is_full ? exchange_stop(x, HTTP_STOP_MEMORY) : len;
    }
    x->has_given = true;
    return x->request->on_piece(x->request->ctx, bytes, len, x->error)
               ? len
               : exchange_stop(x, HTTP_STOP_CALLER);
}

static size_t on_read(char *out, size_t size, size_t count, void *ctx)
{
    struct http_exchange *x = ctx;
    int64_t len = x->request->read(x->request->ctx, out, size * count);

    if (len >= 0)
        return (size_t)len;
    if (x->error && !x->error->text[0])
        sdk_retry_later(x->error, "ReadError", "the body of the request could not be read");
    x->stop = HTTP_STOP_CALLER;
    return CURL_READFUNC_ABORT;
}

/* --- the request --- */

/* What may go to another origin than the one the caller has named. */
static bool header_travels(const char *line)
{
    static const char *const names[] = {
        "accept:", "accept-language:", "range:", "if-range:", "user-agent:"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncasecmp(line, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

static bool headers_have(const struct sdk_http_request *request, const char *name)
{
    for (const char *const *line = request->headers; line && *line; line++) {
        if (strncasecmp(*line, name, strlen(name)) == 0)
            return true;
    }
    return false;
}

/* NULL: out of memory (there is one header at least). */
static struct curl_slist *headers_build(const struct http_exchange *x, bool is_elsewhere)
{
    /* No wait for "100 Continue", and no guess at the type of the body. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"), *longer;

    if (list && !headers_have(x->request, "content-type:") &&
        (longer = curl_slist_append(list, "Content-Type:")))
        list = longer;
    for (const char *const *line = x->request->headers; list && line && *line; line++) {
        if (is_elsewhere && !header_travels(*line))
            continue;
        longer = curl_slist_append(list, *line);
        if (!longer) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

static void set_body(const struct http_exchange *x)
{
    const struct sdk_http_request *request = x->request;
    const char *method = http_method(request);
    CURL *easy = x->slot->easy;

    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (request->read) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, x);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_len);
    } else if (request->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void set_limits(const struct http_exchange *x)
{
    const struct sdk_http_options *options = &x->http->options;
    int64_t timeout_ms = x->request->timeout_ms ? x->request->timeout_ms : options->timeout_ms;
    int64_t left_ms = x->started_ms + timeout_ms - sdk_now_ms();
    CURL *easy = x->slot->easy;

    if (timeout_ms > 0)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(left_ms > 0 ? left_ms : 1));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancel does not wait for a name server */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy ? options->proxy : "");
    if (options->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
}

static void exchange_set_up(struct http_exchange *x, const char *url, struct curl_slist *headers)
{
    CURL *easy = x->slot->easy;

    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, x->http->options.user_agent);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->curl_text);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    set_limits(x);
    set_body(x);
}

/* --- the drive --- */

/* The idle clock runs from when the connection stands; before, the connect timeout counts. */
static bool exchange_is_idle(struct http_exchange *x)
{
    int64_t now_ms = sdk_now_ms(), bytes = x->received;
    curl_off_t sent = 0, connected_us = 0;

    curl_easy_getinfo(x->slot->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(x->slot->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    bytes += sent;
    if (connected_us == 0 || bytes != x->moved_bytes) {
        x->moved_bytes = bytes;
        x->moved_ms = now_ms;
    }
    return now_ms - x->moved_ms > x->http->options.idle_timeout_ms;
}

static CURLcode exchange_drive(struct http_exchange *x)
{
    CURLM *multi = x->slot->multi;
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    CURLMsg *message;
    int running = 1, waiting;

    if (curl_multi_add_handle(multi, x->slot->easy) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    x->moved_ms = sdk_now_ms();
    x->moved_bytes = 0;
    while (curl_multi_perform(multi, &running) == CURLM_OK && running > 0) {
        if (http_is_cancelled(x->call))
            x->stop = HTTP_STOP_CANCELLED;
        else if (exchange_is_idle(x))
            x->stop = HTTP_STOP_IDLE;
        if (x->stop != HTTP_STOP_NONE)
            break;
        curl_multi_poll(multi, NULL, 0, HTTP_POLL_MS, NULL);
    }
    while ((message = curl_multi_info_read(multi, &waiting))) {
        if (message->msg == CURLMSG_DONE)
            code = message->data.result;
    }
    return code;
}

/* `location` is known after the drive; it is fresh memory. */
static CURLcode exchange_once(struct http_exchange *x, const char *url, bool is_elsewhere,
                              char **location)
{
    struct curl_slist *headers = headers_build(x, is_elsewhere);
    char *next = NULL;
    CURLcode code;

    if (!headers)
        return CURLE_OUT_OF_MEMORY;
    x->has_head = false;
    x->is_followed = false;
    x->body.max = (size_t)-1 >> 1;
    sdk_http_response_free(x->response);
    exchange_set_up(x, url, headers);
    code = exchange_drive(x);
    if (code == CURLE_OK && x->is_followed) {
        curl_easy_getinfo(x->slot->easy, CURLINFO_REDIRECT_URL, &next);
        *location = next ? strdup(next) : NULL;
    }
    curl_multi_remove_handle(x->slot->multi, x->slot->easy);
    curl_slist_free_all(headers);
    return code;
}

/* Another place to go to: false when there is none, with the exchange stopped. */
static bool redirect_take(struct http_exchange *x, const char *location, bool *is_elsewhere)
{
    struct http_target target;

    x->stop = HTTP_STOP_CALLER;
    if (++x->redirects > x->http->options.redirects)
        return sdk_refuse(x->error, "HttpError", "more than %lld redirects",
                          (long long)x->http->options.redirects);
    if (!http_target_read(location, &target, x->error))
        return sdk_error_wrap(x->error, "redirected");
    x->stop = HTTP_STOP_NONE;
    if (strcmp(target.endpoint, x->target->endpoint) != 0)
        *is_elsewhere = true;
    return true;
}

CURLcode http_exchange_run(struct http_exchange *x)
{
    char *url = NULL, *next = NULL;
    bool is_elsewhere = false;
    CURLcode code;

    x->started_ms = sdk_now_ms();
    for (;;) {
        code = exchange_once(x, url ? url : x->request->url, is_elsewhere, &next);
        if (code != CURLE_OK || !x->is_followed)
            break;
        if (!redirect_take(x, next, &is_elsewhere)) {
            code = CURLE_ABORTED_BY_CALLBACK;
            break;
        }
        free(url);
        url = next;
        next = NULL;
    }
    free(next);
    free(url);
    if (code == CURLE_OK)
        x->response->body = sdk_string_take(&x->body, &x->response->body_len);
    else
        sdk_http_response_free(x->response);
    sdk_string_free(&x->body);
    return code;
}
