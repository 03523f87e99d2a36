/* Sending a file by http or to S3; see transfer.h.
 *
 * A large object goes to S3 in parts, each of which is repeated by itself; when the upload is given
 * up, what was sent of it is taken back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cartrita/sdk/digest.h"
#include "transfer/transfer.h"

#define PARTS_MAX 10000 /* S3's own limit */

/* A stretch of the file, as the body of a request. */
struct stretch {
    int fd;
    int64_t begin, end, at;
};

static int64_t stretch_read(void *ctx, char *out, size_t size)
{
    struct stretch *stretch = ctx;
    int64_t left = stretch->end - stretch->at;
    ssize_t count =
        pread(stretch->fd, out, left < (int64_t)size ? (size_t)left : size, stretch->at);

    if (count > 0)
        stretch->at += count;
    return count;
}

static bool stretch_rewind(void *ctx)
{
    struct stretch *stretch = ctx;

    stretch->at = stretch->begin;
    return true;
}

static void set_body(struct sdk_http_request *request, struct stretch *stretch)
{
    request->ctx = stretch;
    request->body_len = (size_t)(stretch->end - stretch->begin);
    if (request->body_len == 0)
        return; /* an empty body needs no reader */
    request->read = stretch_read;
    request->rewind = stretch_rewind;
}

/* --- http ---------------------------------------------------------------------------------------
 */

static bool put_http(struct upload *upload)
{
    struct sdk_call *call = upload->work->call;
    struct stretch stretch = {upload->fd, 0, upload->size, 0};
    const char *all[SDK_HTTP_HEADERS_MAX + 1] = {NULL};
    char cache[320], type[320];
    struct sdk_http_request request = {.method = "PUT", .url = upload->to, .headers = all};
    struct sdk_http_response response;
    size_t count = 0;
    bool is_done;

    for (; upload->headers && upload->headers[count]; count++)
        all[count] = upload->headers[count];
    if (upload->cache_control) {
        snprintf(cache, sizeof cache, "Cache-Control: %s", upload->cache_control);
        all[count++] = cache;
    }
    if (upload->content_type) {
        snprintf(type, sizeof type, "Content-Type: %s", upload->content_type);
        all[count++] = type;
    }
    set_body(&request, &stretch);
    if (!sdk_http_send(upload->work->plugin->http, call, &request, &response, &call->error))
        return false;
    is_done = response.status < 300 || sdk_http_refused(&request, &response, &call->error);
    sdk_http_response_free(&response);
    return is_done;
}

/* --- S3 -----------------------------------------------------------------------------------------
 */

/* One signed request. `response` is the caller's to free when it is true. */
static bool ask_s3(struct upload *upload, const char *method, const char *query,
                   struct sdk_http_request *request, const char *sha256, bool has_headers,
                   struct sdk_http_response *response)
{
    struct sdk_call *call = upload->work->call;
    struct s3_signed s3 = {0};
    bool is_done;

    if (!s3_sign(upload->work->plugin->s3, method, upload->to, query, sha256, &s3, &call->error))
        return false;
    if (has_headers) {
        s3_signed_add(&s3, "cache-control", upload->cache_control);
        s3_signed_add(&s3, "content-type", upload->content_type);
    }
    request->method = method;
    request->url = s3.url.bytes;
    request->headers = s3.headers;
    is_done = sdk_http_send(upload->work->plugin->http, call, request, response, &call->error);
    if (is_done && response->status >= 300) {
        is_done = s3_refused(upload->to, request, response, &call->error);
        sdk_http_response_free(response);
    }
    s3_signed_free(&s3);
    return is_done;
}

static bool put_s3(struct upload *upload)
{
    struct stretch stretch = {upload->fd, 0, upload->size, 0};
    struct sdk_http_request request = {0};
    struct sdk_http_response response = {0};

    set_body(&request, &stretch);
    if (!ask_s3(upload, "PUT", "", &request, upload->sha256, true, &response))
        return false;
    sdk_http_response_free(&response);
    return true;
}

static bool send_part(struct upload *upload, const char *id, int64_t begin, int64_t len,
                      struct sdk_string *list)
{
    struct stretch stretch = {upload->fd, begin, begin + len, begin};
    struct sdk_http_request request = {0};
    struct sdk_http_response response = {0};
    struct sdk_string query = {0};
    char sha256[65];
    const char *tag;
    bool is_done;

    if (!transfer_digest(upload->work->call, upload->fd, begin, len, sha256))
        return false;
    set_body(&request, &stretch);
    sdk_string_printf(&query, "partNumber=%lld&uploadId=", (long long)++upload->parts);
    sdk_url_encode_add(&query, id, strlen(id), false);
    is_done = ask_s3(upload, "PUT", query.bytes, &request, sha256, false, &response);
    sdk_string_free(&query);
    if (!is_done)
        return false;
    tag = sdk_http_header(&response, "etag");
    sdk_string_printf(list, "<Part><PartNumber>%lld</PartNumber><ETag>%s</ETag></Part>",
                      (long long)upload->parts, tag ? tag : "");
    sdk_http_response_free(&response);
    return true;
}

static bool send_parts(struct upload *upload, const char *id, struct sdk_string *list)
{
    int64_t part = upload->work->plugin->settings.s3_part_bytes;

    if (part < upload->size / PARTS_MAX + 1)
        part = upload->size / PARTS_MAX + 1;
    for (int64_t at = 0; at < upload->size; at += part) {
        int64_t left = upload->size - at;

        if (!send_part(upload, id, at, left < part ? left : part, list))
            return false;
        sdk_call_progress(upload->work->call,
                          json_pack("{s:I, s:I}", "sent", left < part ? upload->size : at + part,
                                    "bytes", upload->size));
    }
    return true;
}

static bool complete(struct upload *upload, const char *query, struct sdk_string *list)
{
    struct sdk_http_request request = {.is_repeatable = false};
    struct sdk_http_response response = {0};
    unsigned char digest[32];
    char sha256[65], code[64];
    bool is_done;

    sdk_string_puts(list, "</CompleteMultipartUpload>");
    if (list->is_full)
        return sdk_retry_later(&upload->work->call->error, "MemoryError", "out of memory");
    sdk_sha256(list->bytes, list->len, digest);
    sdk_hex(digest, sizeof digest, sha256);
    request.body = list->bytes;
    request.body_len = list->len;
    if (!ask_s3(upload, "POST", query, &request, sha256, false, &response))
        return false;
    /* It may fail after its status was sent. */
    is_done = !s3_element(response.body, "Code", code, sizeof code) ||
              s3_refused(upload->to, &request, &response, &upload->work->call->error);
    sdk_http_response_free(&response);
    return is_done;
}

/* The job may have been told to stop: this request goes all the same, and soon. Its error is of no
 * interest, the first one counts. */
static void take_back(struct upload *upload, const char *query)
{
    struct s3_signed s3 = {0};
    struct sdk_http_response response = {0};
    struct sdk_http_request request = {.method = "DELETE", .timeout_ms = 5000, .attempts = 1};
    struct sdk_error ignored = {.delay_ms = -1};

    if (!s3_sign(upload->work->plugin->s3, "DELETE", upload->to, query, S3_EMPTY_SHA256, &s3,
                 &ignored))
        return;
    request.url = s3.url.bytes;
    request.headers = s3.headers;
    (void)sdk_http_send(upload->work->plugin->http, NULL, &request, &response, &ignored);
    sdk_http_response_free(&response);
    s3_signed_free(&s3);
}

static bool put_s3_in_parts(struct upload *upload)
{
    struct sdk_string list = {0}, query = {0};
    struct sdk_http_request request = {.is_repeatable = true, .body = "", .body_len = 0};
    struct sdk_http_response response = {0};
    char id[1024];
    bool is_done;

    if (!ask_s3(upload, "POST", "uploads=", &request, S3_EMPTY_SHA256, true, &response))
        return false;
    is_done = s3_element(response.body, "UploadId", id, sizeof id);
    sdk_http_response_free(&response);
    if (!is_done)
        return sdk_retry_later(&upload->work->call->error, "S3Error",
                               "%.300s: the server gave no id for the upload", upload->to);
    sdk_string_puts(&query, "uploadId=");
    sdk_url_encode_add(&query, id, strlen(id), false);
    sdk_string_puts(&list, "<CompleteMultipartUpload>");
    is_done = send_parts(upload, id, &list) && complete(upload, query.bytes, &list);
    if (!is_done)
        take_back(upload, query.bytes);
    sdk_string_free(&list);
    sdk_string_free(&query);
    return is_done;
}

bool upload_run(struct upload *upload)
{
    struct sdk_call *call = upload->work->call;

    call->host->phase(call->job, "transfer: upload");
    if (strncmp(upload->to, "s3://", 5) != 0)
        return put_http(upload);
    return upload->size > upload->work->plugin->settings.s3_multipart_bytes
               ? put_s3_in_parts(upload)
               : put_s3(upload);
}
