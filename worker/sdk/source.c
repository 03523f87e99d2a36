/* Content that a job names: a path, a URL, base64 or text. See cartrita/sdk/source.h. */
#include "cartrita/sdk/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cartrita/sdk/text.h"

#define SOURCE_NAME_MAX 255u
#define SOURCE_TYPE_MAX 127u

enum source_kind { SOURCE_PATH, SOURCE_URL, SOURCE_BASE64, SOURCE_TEXT, SOURCE_KINDS };

static const char *const kind_names[SOURCE_KINDS + 1] = {"path", "url", "base64", "text", NULL};

struct source {
    enum source_kind kind;
    const char *value; /* borrowed from the job's data */
    size_t len;
    const char *type; /* of a data URL; borrowed */
    size_t type_len;
};

/* --- what the job names --- */

/* "data:image/png;base64,iVBOR..." */
static bool read_data_url(struct sdk_reader *reader, const char *name, struct source *source)
{
    const char *comma = strchr(source->value, ',');
    static const char mark[] = ";base64";
    const size_t mark_len = sizeof mark - 1;

    if (!comma || (size_t)(comma - source->value) < 5 + mark_len ||
        strncasecmp(comma - mark_len, mark, mark_len) != 0)
        return sdk_reader_refuse(reader, name,
                                 "a data URL must be base64: \"data:TYPE;base64,...\"");
    source->type = source->value + 5;
    source->type_len = strcspn(source->type, ";,");
    source->len -= (size_t)(comma + 1 - source->value);
    source->value = comma + 1;
    source->kind = SOURCE_BASE64;
    return true;
}

static bool read_plain(struct sdk_reader *reader, const char *name, struct source *source)
{
    if (strncasecmp(source->value, "data:", 5) == 0)
        return read_data_url(reader, name, source);
    source->kind = strncasecmp(source->value, "http://", 7) == 0 ||
                           strncasecmp(source->value, "https://", 8) == 0
                       ? SOURCE_URL
                       : SOURCE_PATH;
    return true;
}

static bool read_object(struct sdk_reader *reader, const char *name, const json_t *object,
                        struct source *source)
{
    const json_t *value = NULL;

    for (int kind = 0; kind < SOURCE_KINDS; kind++) {
        const json_t *found = json_object_get(object, kind_names[kind]);

        if (!found || json_is_null(found))
            continue;
        if (value)
            return sdk_reader_refuse(reader, name, "has both %s and %s", kind_names[source->kind],
                                     kind_names[kind]);
        value = found;
        source->kind = (enum source_kind)kind;
    }
    if (!value)
        return sdk_reader_refuse(reader, name, "needs one of path, url, base64, text");
    if (!json_is_string(value))
        return sdk_reader_refuse(reader, name, "%s must be a text", kind_names[source->kind]);
    source->value = json_string_value(value);
    source->len = json_string_length(value);
    return true;
}

static bool source_find(const struct sdk_sources *sources, struct sdk_reader *reader,
                        const char *name, struct source *source)
{
    const json_t *value = name ? sdk_any(reader, name) : reader->object;
    bool is_found;

    *source = (struct source){0};
    if (reader->is_failed)
        return false;
    if (json_is_string(value)) {
        source->value = json_string_value(value);
        source->len = json_string_length(value);
        is_found = read_plain(reader, name, source);
    } else if (json_is_object(value)) {
        is_found = read_object(reader, name, value, source);
    } else {
        return sdk_reader_refuse(
            reader, name,
            value ? "must be a text, or an object with path, url, base64 or text" : "is missing");
    }
    if (!is_found)
        return false;
    if (source->kind != SOURCE_TEXT && strlen(source->value) != source->len)
        return sdk_reader_refuse(reader, name, "holds a NUL character");
    if (source->kind == SOURCE_URL && !sources->http)
        return sdk_reader_refuse(reader, name, "URLs are not taken here");
    return true;
}

/* --- names and types --- */

/* The last part of a path, or NULL. */
static char *name_of_path(const char *path, size_t len)
{
    size_t start = len;

    while (start > 0 && path[start - 1] != '/')
        start--;
    return start < len && len - start <= SOURCE_NAME_MAX ? strndup(path + start, len - start)
                                                         : NULL;
}

static char *name_of_url(const char *url)
{
    const char *path = strstr(url, "://") + 3;
    size_t len = strcspn(path, "?#");
    const char *slash = memchr(path, '/', len);

    return slash ? name_of_path(slash, len - (size_t)(slash - path)) : NULL;
}

/* "text/html; charset=utf-8" without what is behind. */
static char *type_copy(const char *text, size_t len)
{
    size_t end = 0;

    while (end < len && text[end] && !strchr("; \t", text[end]))
        end++;
    return end > 0 && end <= SOURCE_TYPE_MAX ? strndup(text, end) : NULL;
}

/* --- contents --- */

static bool too_large(const struct sdk_sources *sources, struct sdk_error *error)
{
    return sdk_refuse(error, "TooLargeError", "is larger than the %lld bytes that are allowed",
                      (long long)sources->max_bytes);
}

static bool content_of_text(const struct sdk_sources *sources, const struct source *source,
                            struct sdk_content *out, struct sdk_error *error)
{
    if ((int64_t)source->len > sources->max_bytes)
        return too_large(sources, error);
    out->bytes = malloc(source->len + 1);
    if (!out->bytes)
        return sdk_retry_later(error, "MemoryError", "out of memory");
    memcpy(out->bytes, source->value, source->len);
    out->bytes[source->len] = '\0';
    out->len = source->len;
    return true;
}

static bool content_of_base64(const struct sdk_sources *sources, const struct source *source,
                              struct sdk_content *out, struct sdk_error *error)
{
    if ((int64_t)(source->len / 4 * 3) > sources->max_bytes + sources->max_bytes / 16 + 3)
        return too_large(sources, error); /* white space aside, which is not much */
    if (!sdk_base64_decode(source->value, source->len, &out->bytes, &out->len))
        return sdk_refuse(error, "ValidationError", "is no base64");
    if ((int64_t)out->len > sources->max_bytes)
        return too_large(sources, error);
    out->type = source->type ? type_copy(source->type, source->type_len) : NULL;
    return true;
}

static bool content_of_path(const struct sdk_sources *sources, const struct source *source,
                            struct sdk_content *out, struct sdk_error *error)
{
    if (!sdk_file_read(sources->roots, source->value, (size_t)sources->max_bytes, &out->bytes,
                       &out->len, error))
        return false;
    out->name = name_of_path(source->value, source->len);
    return true;
}

static bool content_of_url(const struct sdk_sources *sources, struct sdk_call *call,
                           const struct source *source, struct sdk_content *out,
                           struct sdk_error *error)
{
    struct sdk_http_request request = {.url = source->value, .response_max = sources->max_bytes};
    struct sdk_http_response response;
    bool is_done = sdk_http_send(sources->http, call, &request, &response, error);

    if (is_done && response.status >= 300)
        is_done = sdk_http_refused(&request, &response, error);
    if (is_done) {
        const char *type = sdk_http_header(&response, "content-type");

        out->bytes = response.body;
        out->len = response.body_len;
        response.body = NULL;
        out->name = name_of_url(source->value);
        out->type = type ? type_copy(type, strlen(type)) : NULL;
    }
    sdk_http_response_free(&response);
    return is_done;
}

/* Says which member it was, and lets later reads of the reader pass. */
static bool source_failed(struct sdk_reader *reader, const char *name)
{
    if (!reader->is_failed)
        sdk_error_wrap(reader->error, "%s%s%s", reader->path, name ? "." : "", name ? name : "");
    reader->is_failed = true;
    return false;
}

bool sdk_source_read(const struct sdk_sources *sources, struct sdk_call *call,
                     struct sdk_reader *reader, const char *name, struct sdk_content *out)
{
    struct sdk_content content = {0};
    struct source source;
    bool is_read = false;

    if (!source_find(sources, reader, name, &source))
        return false;
    switch (source.kind) {
    case SOURCE_PATH:
        is_read = content_of_path(sources, &source, &content, reader->error);
        break;
    case SOURCE_URL:
        is_read = content_of_url(sources, call, &source, &content, reader->error);
        break;
    case SOURCE_BASE64:
        is_read = content_of_base64(sources, &source, &content, reader->error);
        break;
    case SOURCE_TEXT:
    case SOURCE_KINDS:
        is_read = content_of_text(sources, &source, &content, reader->error);
        break;
    }
    if (!is_read) {
        sdk_content_free(&content);
        return source_failed(reader, name);
    }
    *out = content;
    return true;
}

void sdk_content_free(struct sdk_content *content)
{
    free(content->bytes);
    free(content->name);
    free(content->type);
    memset(content, 0, sizeof *content);
}

/* --- as a file --- */

/* Where the file is that `roots` allow, without links. */
static bool own_path(const struct sdk_sources *sources, const struct source *source, char **path,
                     struct sdk_error *error)
{
    char link[64], target[PATH_MAX];
    int64_t size;
    ssize_t len;
    int fd = sdk_file_open(sources->roots, source->value, &size, error);

    if (fd < 0)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, target, sizeof target);
    close(fd);
    if (size > sources->max_bytes)
        return too_large(sources, error);
    if (len < 0 || (size_t)len >= sizeof target)
        return sdk_retry_later(error, "FileError", "its path cannot be found out: %s",
                               len < 0 ? strerrordesc_np(errno) : "too long");
    *path = strndup(target, (size_t)len);
    return *path || sdk_retry_later(error, "MemoryError", "out of memory");
}

struct writer {
    int fd;
};

static bool write_piece(void *ctx, const char *bytes, size_t len, struct sdk_error *error)
{
    const struct writer *writer = ctx;

    while (len > 0) {
        ssize_t written = write(writer->fd, bytes, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return sdk_retry_later(error, "FileError", "a temporary file cannot be written: %s",
                                   strerrordesc_np(errno));
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

static bool rewind_file(void *ctx)
{
    const struct writer *writer = ctx;

    return lseek(writer->fd, 0, SEEK_SET) == 0 && ftruncate(writer->fd, 0) == 0;
}

static bool fetch(const struct sdk_sources *sources, struct sdk_call *call,
                  const struct source *source, struct writer *writer, struct sdk_error *error)
{
    struct sdk_http_request request = {.url = source->value,
                                       .response_max = sources->max_bytes,
                                       .on_piece = write_piece,
                                       .rewind = rewind_file,
                                       .ctx = writer};
    struct sdk_http_response response;
    bool is_done = sdk_http_send(sources->http, call, &request, &response, error);

    if (is_done && response.status >= 300)
        is_done = sdk_http_refused(&request, &response, error);
    sdk_http_response_free(&response);
    return is_done;
}

static bool write_content(const struct sdk_sources *sources, const struct source *source,
                          struct writer *writer, struct sdk_error *error)
{
    struct sdk_content content = {0};
    bool is_done = source->kind == SOURCE_BASE64
                       ? content_of_base64(sources, source, &content, error)
                       : content_of_text(sources, source, &content, error);

    is_done = is_done && write_piece(writer, content.bytes, content.len, error);
    sdk_content_free(&content);
    return is_done;
}

static bool temporary_file(const struct sdk_sources *sources, struct sdk_call *call,
                           const struct source *source, char **path, struct sdk_error *error)
{
    const char *directory = call->host->job_temp_dir(call->job);
    struct writer writer;
    char *name = NULL;
    bool is_done;

    if (!directory)
        return sdk_retry_later(error, "FileError", "the job gets no temporary directory");
    if (asprintf(&name, "%s/source-XXXXXX", directory) < 0)
        return sdk_retry_later(error, "MemoryError", "out of memory");
    writer.fd = mkostemp(name, O_CLOEXEC);
    if (writer.fd < 0) {
        sdk_retry_later(error, "FileError", "a temporary file cannot be made: %s",
                        strerrordesc_np(errno));
        free(name);
        return false;
    }
    is_done = source->kind == SOURCE_URL ? fetch(sources, call, source, &writer, error)
                                         : write_content(sources, source, &writer, error);
    close(writer.fd);
    if (is_done) {
        *path = name;
        return true;
    }
    unlink(name);
    free(name);
    return false;
}

bool sdk_source_file(const struct sdk_sources *sources, struct sdk_call *call,
                     struct sdk_reader *reader, const char *name, char **path,
                     struct sdk_error *error)
{
    struct source source;
    bool is_done = source_find(sources, reader, name, &source);

    if (is_done) {
        is_done = source.kind == SOURCE_PATH
                      ? own_path(sources, &source, path, reader->error)
                      : temporary_file(sources, call, &source, path, reader->error);
        if (!is_done)
            source_failed(reader, name);
    }
    if (!is_done && error != reader->error)
        *error = *reader->error;
    return is_done;
}
