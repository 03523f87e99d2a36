/* The HTTP client: a call is a row of attempts, with waits between them. See cartrita/sdk/http.h.
 *
 * An attempt asks the breaker, takes a handle of the pool, and makes one exchange. What it tells
 * about the endpoint goes to the breaker; then the call ends, or waits and tries again. */
#include "http_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cartrita/sdk/clock.h"

#ifndef CARTRITA_VERSION
#define CARTRITA_VERSION "0"
#endif

bool http_is_cancelled(const struct sdk_call *call)
{
    return call && call->host->is_cancelled(call->job);
}

/* --- the client --- */

static bool options_take(struct sdk_http_options *own, const struct sdk_http_options *given)
{
    static const struct sdk_http_options fallbacks = {
        .connect_timeout_ms = 10000,
        .timeout_ms = 60000,
        .idle_timeout_ms = 30000,
        .attempts = 3,
        .backoff_ms = 250,
        .backoff_max_ms = 30000,
        .breaker_failures = 5,
        .breaker_rest_ms = 30000,
        .response_max = 16 * 1024 * 1024,
        .connections = 64,
        .redirects = 5,
    };

    *own = given ? *given : fallbacks;
#define TAKE(name) own->name = own->name ? own->name : fallbacks.name
    TAKE(connect_timeout_ms);
    TAKE(timeout_ms);
    TAKE(idle_timeout_ms);
    TAKE(attempts);
    TAKE(backoff_ms);
    TAKE(backoff_max_ms);
    TAKE(breaker_failures);
    TAKE(breaker_rest_ms);
    TAKE(response_max);
    TAKE(connections);
    TAKE(redirects);
#undef TAKE
    own->user_agent = strdup(own->user_agent ? own->user_agent : "cartrita/" CARTRITA_VERSION);
    own->ca_file = own->ca_file ? strdup(own->ca_file) : NULL;
    own->proxy = own->proxy ? strdup(own->proxy) : NULL;
    return own->user_agent && (!given || !given->ca_file || own->ca_file) &&
           (!given || !given->proxy || own->proxy);
}

bool sdk_http_open(const struct sdk_http_options *options, struct sdk_http **out,
                   struct sdk_error *error)
{
    struct sdk_http *http;

    if (options && options->refuses_private && options->proxy)
        return sdk_refuse(error, "SettingsError",
                          "private addresses cannot be refused behind a proxy: it is the proxy "
                          "that connects");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return sdk_retry_later(error, "MemoryError", "libcurl does not start");
    http = calloc(1, sizeof *http);
    if (!http || !options_take(&http->options, options) ||
        !http_pool_init(&http->pool, (size_t)http->options.connections) ||
        !http_breaker_init(&http->breaker, http->options.breaker_failures,
                           http->options.breaker_rest_ms)) {
        sdk_http_close(http);
        return sdk_retry_later(error, "MemoryError", "out of memory");
    }
    *out = http;
    return true;
}

void sdk_http_close(struct sdk_http *http)
{
    if (!http)
        return;
    http_pool_fini(&http->pool);
    http_breaker_fini(&http->breaker);
    free((char *)(uintptr_t)http->options.user_agent);
    free((char *)(uintptr_t)http->options.ca_file);
    free((char *)(uintptr_t)http->options.proxy);
    free(http);
    curl_global_cleanup();
}

/* --- waits --- */

/* From a half to the whole of it, so that many do not come back at once. */
static int64_t with_jitter(int64_t ms)
{
    uint32_t dice = 0;

    if (getrandom(&dice, sizeof dice, GRND_NONBLOCK) != (ssize_t)sizeof dice)
        dice = (uint32_t)sdk_now_ms() * 2654435761u;
    return ms / 2 + (int64_t)(dice % (uint32_t)(ms / 2 + 1));
}

/* False: the job should stop. */
static bool wait_out(const struct sdk_call *call, int64_t ms)
{
    int64_t until_ms = sdk_now_ms() + ms, left_ms;

    while ((left_ms = until_ms - sdk_now_ms()) > 0) {
        struct timespec nap = {0,
                               (long)(left_ms < HTTP_POLL_MS ? left_ms : HTTP_POLL_MS) * 1000000};

        if (http_is_cancelled(call))
            return false;
        nanosleep(&nap, NULL);
    }
    return !http_is_cancelled(call);
}

static int64_t backoff_ms(const struct sdk_http_options *options, uint32_t attempts)
{
    int64_t ms = options->backoff_ms;

    for (uint32_t i = 1; i < attempts && ms < options->backoff_max_ms; i++)
        ms *= 2;
    return with_jitter(ms < options->backoff_max_ms ? ms : options->backoff_max_ms);
}

/* --- one attempt --- */

static bool slot_wait(struct http_exchange *x, struct http_failure *failure)
{
    int64_t limit_ms =
        x->request->timeout_ms ? x->request->timeout_ms : x->http->options.timeout_ms;
    int64_t began_ms = sdk_now_ms();

    while (!(x->slot = http_pool_take(&x->http->pool, x->target->endpoint, HTTP_POLL_MS))) {
        failure->is_neutral = true;
        if (http_is_cancelled(x->call))
            return sdk_retry_later(x->error, "Cancelled", "the job was told to stop");
        if (limit_ms > 0 && sdk_now_ms() - began_ms > limit_ms)
            return sdk_retry_later(x->error, "TimeoutError",
                                   "none of %lld connections became free within %lld ms",
                                   (long long)x->http->options.connections, (long long)limit_ms);
    }
    return true;
}

static bool exchange_attempt(struct http_exchange *x, struct http_failure *failure)
{
    CURLcode code;

    if (!slot_wait(x, failure))
        return false;
    code = http_exchange_run(x);
    if (code != CURLE_OK)
        http_failure_of_curl(x, code, failure);
    http_pool_give(&x->http->pool, x->slot);
    x->slot = NULL;
    if (code != CURLE_OK)
        return false;
    if (!http_status_is_failure(x->response->status))
        return true;
    sdk_http_refused(x->request, x->response, x->error);
    failure->retry_after_ms = http_retry_after_ms(x->response);
    failure->is_repeatable = x->response->status != 501 && x->response->status != 505;
    return false;
}

/* Asks the breaker before, and tells it after. */
static bool attempt(struct http_exchange *x, struct http_failure *failure)
{
    char reason[HTTP_REASON_MAX];
    enum http_verdict verdict;
    int64_t wait_ms;
    bool is_done;

    if (!http_breaker_enter(&x->http->breaker, x->target->endpoint, sdk_now_ms(), &wait_ms,
                            reason)) {
        sdk_retry_later(x->error, "BreakerError",
                        "%s rests for %lld ms more, after %lld failures in a row; the last: %s",
                        x->target->endpoint, (long long)wait_ms,
                        (long long)x->http->options.breaker_failures, reason);
        if (x->error)
            x->error->delay_ms = wait_ms;
        return false;
    }
    x->attempts++;
    is_done = exchange_attempt(x, failure);
    if (is_done || (x->response->status > 0 && x->response->status < 500))
        verdict = HTTP_WORKS; /* also with an answer that says "slower" */
    else
        verdict = failure->is_neutral ? HTTP_UNKNOWN : HTTP_FAILS;
    http_breaker_leave(&x->http->breaker, x->target->endpoint, sdk_now_ms(), verdict,
                       is_done ? "" : x->error->text);
    return is_done;
}

/* --- the call --- */

static bool request_check(const struct sdk_http_request *request, struct sdk_error *error)
{
    size_t count = 0;

    for (const char *const *line = request->headers; line && *line; line++) {
        if (strpbrk(*line, "\r\n") || !strchr(*line, ':'))
            return sdk_refuse(error, "HttpError", "header %zu of the request is no \"Name: value\"",
                              count + 1);
        if (++count > SDK_HTTP_HEADERS_MAX)
            return sdk_refuse(error, "HttpError", "the request has more than %u headers",
                              SDK_HTTP_HEADERS_MAX);
    }
    for (const char *c = http_method(request); *c; c++) {
        if ((*c < 'A' || *c > 'Z') && *c != '-' && *c != '_')
            return sdk_refuse(error, "HttpError", "this is no method of HTTP");
    }
    return true;
}

static bool may_repeat(const struct http_exchange *x, const struct http_failure *failure)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
    const struct sdk_http_request *request = x->request;
    bool is_repeatable = request->is_repeatable || failure->is_unsent;

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        is_repeatable = is_repeatable || strcmp(http_method(request), methods[i]) == 0;
    if (!failure->is_repeatable || !is_repeatable)
        return false;
    if (x->has_given || (request->read && !failure->is_unsent))
        return request->rewind && request->rewind(request->ctx);
    return true;
}

/* True: waited, and there is to be another attempt. False: `error` is what the caller gets. */
static bool again(struct http_exchange *x, const struct http_failure *failure, int64_t attempts_max)
{
    const struct sdk_http_options *options = &x->http->options;
    int64_t wait_ms = backoff_ms(options, x->attempts), left_ms = -1;

    if (failure->retry_after_ms > options->backoff_max_ms) {
        x->error->delay_ms = failure->retry_after_ms;
        return false;
    }
    if (x->attempts >= attempts_max || !may_repeat(x, failure))
        return false;
    if (failure->retry_after_ms > wait_ms)
        wait_ms = failure->retry_after_ms;
    if (x->call)
        left_ms = x->call->host->job_time_left_ms(x->call->job);
    if (left_ms >= 0 && left_ms <= wait_ms)
        return false;
    if (!wait_out(x->call, wait_ms))
        return sdk_retry_later(x->error, "Cancelled", "the job was told to stop");
    return true;
}

/* "GET https://x/y: TEXT (3 attempts)" */
static void error_finish(const struct http_exchange *x)
{
    size_t len = strlen(x->error->text);

    if (x->attempts > 1)
        snprintf(x->error->text + len, sizeof x->error->text - len, " (%u attempts)",
                 (unsigned)x->attempts);
    if (x->response->status < 300 || !http_status_is_failure(x->response->status))
        sdk_error_wrap(x->error, "%s %s", http_method(x->request), x->target->shown);
}

bool sdk_http_send(struct sdk_http *http, struct sdk_call *call,
                   const struct sdk_http_request *request, struct sdk_http_response *response,
                   struct sdk_error *error)
{
    int64_t attempts_max = request->attempts ? request->attempts : http->options.attempts;
    struct sdk_error own = {.delay_ms = -1};
    struct http_target target;
    struct http_exchange x = {.http = http,
                              .call = call,
                              .request = request,
                              .response = response,
                              .error = &own,
                              .target = &target};
    bool is_done;

    memset(response, 0, sizeof *response);
    if (!request_check(request, error) || !http_target_read(request->url, &target, error))
        return false;
    for (;;) {
        struct http_failure failure = {.retry_after_ms = -1};

        x.stop = HTTP_STOP_NONE;
        x.curl_text[0] = x.refused[0] = own.text[0] = '\0';
        x.redirects = 0;
        x.has_given = false;
        x.received = 0;
        is_done = attempt(&x, &failure);
        if (is_done || !again(&x, &failure, attempts_max))
            break;
    }
    response->attempts = x.attempts;
    if (!is_done) {
        error_finish(&x);
        if (error)
            *error = own;
    }
    return is_done;
}
