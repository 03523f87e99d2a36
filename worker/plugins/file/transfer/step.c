/* Step `transfer`: from where, to where, and what is asked of the content. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "transfer/transfer.h"

#define HEADERS_MAX 32u
#define COPY_BYTES  (64 * 1024)
#define IMMUTABLE   "public, max-age=31536000, immutable"

/* A place that a job names: its text, and headers for an http server. */
struct place {
    const char *text;
    struct sdk_string lines[HEADERS_MAX];
    const char *headers[HEADERS_MAX + 1];
    size_t count;
};

struct transfer {
    struct file_work *work;
    struct sdk_error *error; /* of the call */
    struct place from, to;
    struct partial partial;
    struct file_list input;
    const char *name; /* of the content; points into from or input */
    char *own_name;   /* owned */
    char *type;       /* owned: what the server says it is; NULL */
    int fd;           /* the content; owned unless it is the partial's */
    int64_t size, resumed_from, bytes_max;
    char sha256[65];
};

static bool is_remote(const char *text)
{
    return text && (strncmp(text, "s3://", 5) == 0 || strncasecmp(text, "http://", 7) == 0 ||
                    strncasecmp(text, "https://", 8) == 0);
}

/* "TEXT" or {"url": "TEXT", "headers": {...}} or {"path": "TEXT"}. */
static bool read_place(struct file_work *work, const char *name, struct place *out)
{
    const json_t *value = sdk_any(work->options, name), *header;
    const json_t *headers = json_object_get(value, "headers");
    const char *key;

    out->text = json_string_value(value);
    if (!out->text)
        out->text = json_string_value(json_object_get(value, "url"));
    if (!out->text)
        out->text = json_string_value(json_object_get(value, "path"));
    if (out->text && strlen(out->text) >= TRANSFER_LOCATION_MAX)
        return sdk_reader_refuse(work->options, name, "it is too long");
    if (json_object_size(headers) > HEADERS_MAX)
        return sdk_reader_refuse(work->options, name, "it has more than %u headers", HEADERS_MAX);
    json_object_foreach((json_t *)headers, key, header)
    {
        if (!json_is_string(header))
            return sdk_reader_refuse(work->options, name, "the header %.60s is no text", key);
        sdk_string_printf(&out->lines[out->count], "%s: %s", key, json_string_value(header));
        out->headers[out->count] = out->lines[out->count].bytes;
        out->count++;
    }
    return true;
}

static void place_free(struct place *place)
{
    for (size_t i = 0; i < place->count; i++)
        sdk_string_free(&place->lines[i]);
}

bool transfer_digest(struct sdk_call *call, int fd, int64_t offset, int64_t len, char hex[65])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    char *buffer = malloc(COPY_BYTES);
    bool is_done = md && buffer && EVP_DigestInit_ex(md, EVP_sha256(), NULL);

    while (is_done && len > 0) {
        ssize_t count = pread(fd, buffer, len < COPY_BYTES ? (size_t)len : COPY_BYTES, offset);

        if (count <= 0)
            is_done = sdk_retry_later(&call->error, "FileError", "the content cannot be read: %s",
                                      count < 0 ? strerror(errno) : "it became shorter");
        else
            is_done = EVP_DigestUpdate(md, buffer, (size_t)count) && sdk_call_goes_on(call);
        offset += count;
        len -= count;
    }
    if (is_done) {
        EVP_DigestFinal_ex(md, digest, NULL);
        sdk_hex(digest, 32, hex);
    }
    EVP_MD_CTX_free(md);
    free(buffer);
    return is_done;
}

/* --- where it comes from ------------------------------------------------------------------------
 */

static bool take_remote(struct transfer *transfer)
{
    const char *text = transfer->from.text;
    const char *path = strstr(text, "://") + 3;
    size_t len = strcspn(path, "?#");
    const char *last = memrchr(path, '/', len);

    /* What follows the last slash of the path. */
    last = last ? last + 1 : path + len;
    transfer->own_name = strndup(last, len - (size_t)(last - path));
    transfer->name = transfer->own_name ? transfer->own_name : "";
    if (!partial_open(transfer->work, text, &transfer->partial))
        return false;
    transfer->resumed_from = transfer->partial.size;
    if (!fetch_run(transfer->work, text, transfer->from.headers, transfer->bytes_max,
                   &transfer->partial, &transfer->type))
        return false;
    transfer->fd = transfer->partial.fd;
    transfer->size = transfer->partial.size;
    return true;
}

static bool take_local(struct transfer *transfer)
{
    struct file_work *work = transfer->work;

    if (!file_inputs(work, "from", &transfer->input))
        return false;
    if (transfer->input.count != 1)
        return sdk_reader_refuse(work->options, "from",
                                 "it has to be one file; the step before has made %zu",
                                 transfer->input.count);
    transfer->name = transfer->input.items[0].name;
    transfer->fd = file_item_open(work, &transfer->input.items[0], &transfer->size);
    if (transfer->fd >= 0 && transfer->size > transfer->bytes_max)
        return sdk_refuse(transfer->error, "LimitError",
                          "%.300s: it is larger than the limit maxBytes=%lld", transfer->name,
                          (long long)transfer->bytes_max);
    return transfer->fd >= 0;
}

static bool verify(struct transfer *transfer)
{
    const char *wanted = sdk_text(transfer->work->options, "sha256", NULL, 64);

    if (!sdk_reader_ok(transfer->work->options) ||
        !transfer_digest(transfer->work->call, transfer->fd, 0, transfer->size, transfer->sha256))
        return false;
    if (!wanted || strcasecmp(wanted, transfer->sha256) == 0)
        return true;
    return sdk_refuse(transfer->error, "ChecksumError",
                      "%.300s: its SHA-256 is %s, not %s; nothing was written", transfer->name,
                      transfer->sha256, wanted);
}

/* --- where it goes ------------------------------------------------------------------------------
 */

static bool put_file(struct transfer *transfer, const char *path)
{
    struct file_output output;
    char *buffer = malloc(COPY_BYTES);
    bool is_done = buffer && file_output_open(transfer->work, path, transfer->name, &output);

    if (!is_done) {
        free(buffer);
        return false;
    }
    transfer->work->call->host->phase(transfer->work->call->job, "transfer: write");
    for (int64_t at = 0; is_done && at < transfer->size;) {
        ssize_t count = pread(transfer->fd, buffer, COPY_BYTES, at);

        is_done = count > 0
                      ? file_output_write(transfer->work, &output, buffer, (size_t)count) &&
                            sdk_call_goes_on(transfer->work->call)
                      : sdk_retry_later(transfer->error, "FileError",
                                        "%.300s: it cannot be read to its end", transfer->name);
        at += count;
    }
    is_done = is_done && file_output_commit(transfer->work, &output);
    file_output_abort(&output);
    free(buffer);
    return is_done;
}

static bool put_remote(struct transfer *transfer, const char *to, int64_t *parts)
{
    struct sdk_reader *in = transfer->work->options;
    bool is_immutable = strstr(transfer->to.text, "{sha256}") != NULL;
    struct upload upload = {
        .work = transfer->work,
        .fd = transfer->fd,
        .size = transfer->size,
        .sha256 = transfer->sha256,
        .to = to,
        .headers = transfer->to.headers,
        .cache_control = sdk_text(in, "cacheControl", is_immutable ? IMMUTABLE : NULL, 256),
        .content_type = sdk_text(in, "contentType", transfer->type, 256),
    };

    if (!sdk_reader_ok(in) || !upload_run(&upload))
        return false;
    *parts = upload.parts;
    return true;
}

static bool put(struct transfer *transfer)
{
    struct sdk_string to = {.max = TRANSFER_LOCATION_MAX};
    const char *pattern = transfer->to.text;
    bool is_url = is_remote(pattern);
    int64_t parts = 0;
    bool is_done = true;

    if (pattern)
        is_done = transfer_name(pattern, transfer->sha256, transfer->name,
                                is_url && strncmp(pattern, "s3://", 5) != 0, &to, transfer->error);
    if (is_done)
        is_done = is_url ? put_remote(transfer, to.bytes, &parts) : put_file(transfer, to.bytes);
    if (is_done)
        transfer->work->result = json_pack("{s:s?, s:I, s:s, s:I, s:I}", "to", to.bytes, "bytes",
                                           transfer->size, "sha256", transfer->sha256,
                                           "resumedFrom", transfer->resumed_from, "parts", parts);
    /* A presigned URL is a password: what stands behind the question mark is not told. */
    if (is_done && is_url && strchr(to.bytes, '?'))
        (void)json_object_set_new(transfer->work->result, "to",
                                  json_stringn(to.bytes, strcspn(to.bytes, "?")));
    sdk_string_free(&to);
    return is_done;
}

/* Whether there will be another attempt, which can use what this one has fetched. */
static bool is_tried_again(const struct transfer *transfer)
{
    const struct sdk_call *call = transfer->work->call;
    size_t len;
    const char *text = call->host->job_opts(call->job, &len);
    json_t *opts = json_loadb(text, len, 0, NULL);
    json_int_t attempts = json_integer_value(json_object_get(opts, "attempts"));

    json_decref(opts);
    return !transfer->error->is_permanent &&
           (json_int_t)call->host->job_attempts_made(call->job) + 1 < attempts;
}

bool transfer_step(struct file_work *work)
{
    static const char *const members[] = {"from",         "to",          "sha256", "maxBytes",
                                          "cacheControl", "contentType", NULL};
    int64_t bytes_max = work->plugin->settings.transfer_bytes_max;
    struct transfer transfer = {
        .work = work, .error = &work->call->error, .partial = {.fd = -1}, .fd = -1};
    bool is_done;

    transfer.bytes_max = sdk_integer(work->options, "maxBytes", bytes_max, 0, bytes_max);
    is_done = sdk_reader_only(work->options, members) && read_place(work, "from", &transfer.from) &&
              read_place(work, "to", &transfer.to) && sdk_reader_ok(work->options);
    if (is_done && !transfer.to.text && work->is_last)
        is_done =
            sdk_reader_refuse(work->options, "to", "it is missing: a path, URL or s3://BUCKET/KEY");
    is_done = is_done &&
              (is_remote(transfer.from.text) ? take_remote(&transfer) : take_local(&transfer)) &&
              verify(&transfer) && put(&transfer);
    if (transfer.fd >= 0 && transfer.fd != transfer.partial.fd)
        close(transfer.fd);
    partial_close(&transfer.partial, !is_done && is_tried_again(&transfer));
    file_list_free(&transfer.input);
    place_free(&transfer.from);
    place_free(&transfer.to);
    free(transfer.own_name);
    free(transfer.type);
    return is_done;
}
