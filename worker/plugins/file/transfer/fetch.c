/* Fetching to a partial file; see transfer.h.
 *
 * A connection that is cut costs what was under way, not what has arrived: the rest is asked for
 * under the condition that the content is still the same. Else it begins anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/transfer.h"

#define RESUMES_MAX 100 /* of one attempt, each of which has brought something */

struct fetch {
    struct file_work *work;
    const char *source;
    struct partial *partial;
    struct sdk_http_response response;
    int64_t bytes_max;
};

static bool refuse_size(const struct fetch *fetch, struct sdk_error *error)
{
    return sdk_refuse(error, "LimitError", "%.300s: it is larger than the limit maxBytes=%lld",
                      fetch->source, (long long)fetch->bytes_max);
}

/* What tells this content from another one, for certain; NULL: nothing does. */
static const char *tag_of(const struct sdk_http_response *response)
{
    const char *tag = sdk_http_header(response, "etag");

    if (!tag || strncmp(tag, "W/", 2) == 0)
        tag = sdk_http_header(response, "last-modified");
    return tag && strlen(tag) < TRANSFER_ETAG_MAX ? tag : NULL;
}

static bool on_head(void *ctx, long status, struct sdk_error *error)
{
    struct fetch *fetch = ctx;
    const char *range = sdk_http_header(&fetch->response, "content-range");
    const char *length = sdk_http_header(&fetch->response, "content-length");
    long long start = -1;

    if (status == 206 && range && sscanf(range, "bytes %lld-", &start) == 1 &&
        start != fetch->partial->size)
        return sdk_retry_later(error, "HttpError",
                               "%.300s: the server sends another range than asked for",
                               fetch->source);
    if (status != 206 && !partial_restart(fetch->partial, tag_of(&fetch->response), error))
        return false;
    if (length && strtoll(length, NULL, 10) > fetch->bytes_max - fetch->partial->size)
        return refuse_size(fetch, error);
    return true;
}

static bool on_piece(void *ctx, const char *bytes, size_t len, struct sdk_error *error)
{
    struct fetch *fetch = ctx;

    if ((int64_t)len > fetch->bytes_max - fetch->partial->size)
        return refuse_size(fetch, error);
    return partial_write(fetch->partial, bytes, len, error);
}

/* Sends it, and judges the answer. *is_gone: what is there cannot be gone on with. */
static bool exchange(struct fetch *fetch, struct sdk_http_request *request, bool *is_gone)
{
    struct sdk_call *call = fetch->work->call;
    struct sdk_error *error = &call->error;

    request->on_head = on_head;
    request->on_piece = on_piece;
    request->ctx = fetch;
    if (!sdk_http_send(fetch->work->plugin->http, call, request, &fetch->response, error))
        return false;
    *is_gone = fetch->response.status == 416 && fetch->partial->size > 0;
    if (fetch->response.status < 300)
        return true;
    if (strncmp(fetch->source, "s3://", 5) == 0)
        return s3_refused(fetch->source, request, &fetch->response, error);
    return sdk_http_refused(request, &fetch->response, error);
}

/* One request for what is missing. */
static bool fetch_once(struct fetch *fetch, const char *const *headers, bool *is_gone)
{
    struct sdk_error *error = &fetch->work->call->error;
    const char *all[SDK_HTTP_HEADERS_MAX + 1] = {NULL};
    struct sdk_http_request request = {.url = fetch->source};
    struct s3_signed s3 = {0};
    char range[64], condition[TRANSFER_ETAG_MAX + 16];
    size_t count = 0;
    bool is_done;

    if (strncmp(fetch->source, "s3://", 5) == 0) {
        if (!s3_sign(fetch->work->plugin->s3, "GET", fetch->source, "", S3_EMPTY_SHA256, &s3,
                     error))
            return false;
        request.url = s3.url.bytes;
        headers = s3.headers;
    }
    for (; headers && headers[count] && count < SDK_HTTP_HEADERS_MAX - 2; count++)
        all[count] = headers[count];
    if (fetch->partial->size > 0 && fetch->partial->tag[0]) {
        snprintf(range, sizeof range, "Range: bytes=%lld-", (long long)fetch->partial->size);
        snprintf(condition, sizeof condition, "If-Range: %s", fetch->partial->tag);
        all[count++] = range;
        all[count++] = condition;
    }
    request.headers = all;
    is_done = exchange(fetch, &request, is_gone);
    s3_signed_free(&s3);
    return is_done;
}

bool fetch_run(struct file_work *work, const char *source, const char *const *headers,
               int64_t bytes_max, struct partial *partial, char **type)
{
    struct fetch fetch = {
        .work = work, .source = source, .partial = partial, .bytes_max = bytes_max};
    struct sdk_error *error = &work->call->error;
    bool is_done = false;

    work->call->host->phase(work->call->job, "transfer: fetch");
    for (int i = 0; i < RESUMES_MAX && !is_done; i++) {
        int64_t before = partial->size;
        bool is_gone = false;

        is_done = fetch_once(&fetch, headers, &is_gone);
        if (is_done && sdk_http_header(&fetch.response, "content-type"))
            *type = strdup(sdk_http_header(&fetch.response, "content-type"));
        sdk_http_response_free(&fetch.response);
        if (is_done)
            break;
        if (is_gone) {
            if (!partial_restart(partial, NULL, error))
                return false;
            continue;
        }
        /* The client has repeated what brought nothing. */
        if (error->is_permanent || partial->size == before ||
            work->call->host->is_cancelled(work->call->job))
            return false;
        sdk_call_log(work->call, "%s: goes on after %lld bytes: %s", source,
                     (long long)partial->size, error->text);
    }
    if (is_done)
        *error = (struct sdk_error){.delay_ms = -1};
    return is_done;
}
