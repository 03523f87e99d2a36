/* Attachments. See files.h. */
#include "mail/files.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILES_NAME_MAX 255u

static const struct {
    const char *ending, *type;
} types[] = {{"pdf", "application/pdf"},
             {"png", "image/png"},
             {"jpg", "image/jpeg"},
             {"jpeg", "image/jpeg"},
             {"gif", "image/gif"},
             {"webp", "image/webp"},
             {"svg", "image/svg+xml"},
             {"txt", "text/plain"},
             {"html", "text/html"},
             {"csv", "text/csv"},
             {"json", "application/json"},
             {"xml", "application/xml"},
             {"zip", "application/zip"},
             {"gz", "application/gzip"},
             {"ics", "text/calendar"},
             {"mp3", "audio/mpeg"},
             {"mp4", "video/mp4"},
             {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
             {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}};

static const char *files_type_of(const char *name)
{
    const char *dot = name ? strrchr(name, '.') : NULL;

    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(dot + 1, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static bool files_get(const struct email *email, struct sdk_call *call, const char *url, size_t max,
                      struct mail_file *file)
{
    struct sdk_http_request request = {.url = url, .response_max = (int64_t)max};
    struct sdk_http_response response = {0};
    bool is_read = sdk_http_send(email->http, call, &request, &response, &call->error);

    if (is_read && response.status >= 300)
        is_read = sdk_http_refused(&request, &response, &call->error);
    if (is_read) {
        file->bytes = response.body;
        file->len = response.body_len;
        response.body = NULL;
    }
    sdk_http_response_free(&response);
    return is_read;
}

static bool files_content(const struct email *email, struct sdk_call *call, struct sdk_reader *in,
                          size_t max, struct mail_file *file)
{
    const char *path = sdk_text(in, "path", NULL, 4096), *url = sdk_text(in, "url", NULL, 8192);
    const char *base64 = sdk_text(in, "base64", NULL, max * 2),
               *text = sdk_text(in, "text", NULL, max);

    if (!sdk_reader_ok(in))
        return false;
    if (!!path + !!url + !!base64 + !!text != 1)
        return sdk_reader_refuse(in, "path", "one of path, url, base64 and text is needed");
    if (path)
        in->is_failed =
            !sdk_file_read(email->roots, path, max, &file->bytes, &file->len, in->error);
    else if (url)
        in->is_failed = !files_get(email, call, url, max, file);
    else if (text)
        file->bytes = strndup(text, file->len = strlen(text));
    else if (!sdk_base64_decode(base64, strlen(base64), &file->bytes, &file->len))
        return sdk_reader_refuse(in, "base64", "is no base64");
    if (in->is_failed)
        return sdk_error_wrap(in->error, "%s", in->path);
    return file->bytes || sdk_reader_refuse(in, "base64", "could not be kept: out of memory");
}

static bool files_is_plain(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

static char *files_name_of(const char *given, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *last = given ? given : slash ? slash + 1 : path;
    size_t len = last ? given ? strlen(last) : strcspn(last, "?#") : 0;
    char *name = len > 0 && len <= FILES_NAME_MAX ? strndup(last, len) : NULL;

    for (char *c = name; c && *c; c++) /* a file may be called anything */
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '_';
    return name;
}

static bool files_one(const struct email *email, struct sdk_call *call, struct sdk_reader *in,
                      size_t max, struct mail_file *file)
{
    static const char *const known[] = {"path",     "url",         "base64", "text",
                                        "filename", "contentType", "cid",    NULL};
    const char *name = sdk_text(in, "filename", NULL, FILES_NAME_MAX);
    const char *type = sdk_text(in, "contentType", NULL, 127);
    const char *cid = sdk_text(in, "cid", NULL, 127);
    const char *place;

    if (!sdk_reader_only(in, known) || !sdk_reader_ok(in))
        return false;
    if (!files_is_plain(name) || !files_is_plain(type) || !files_is_plain(cid) ||
        (cid && strpbrk(cid, "<> ")))
        return sdk_reader_refuse(in, "filename",
                                 "it, contentType and cid take no control "
                                 "characters, and cid no spaces and brackets");
    if (type && !strchr(type, '/'))
        return sdk_reader_refuse(in, "contentType", "must be like image/png");
    if (!files_content(email, call, in, max, file))
        return false;
    place = sdk_text(in, "path", sdk_text(in, "url", NULL, 8192), 4096);
    file->name = files_name_of(name, place);
    file->type = strdup(type ? type : files_type_of(file->name));
    file->cid = cid ? strdup(cid) : NULL;
    return true;
}

bool files_read(const struct email *email, struct sdk_call *call, struct sdk_reader *in,
                struct mail_files *out)
{
    const json_t *list = sdk_array(in, "attachments", (size_t)email->settings.attachments_max);
    size_t left = (size_t)email->settings.message_max;

    if (!list || !sdk_reader_ok(in))
        return sdk_reader_ok(in);
    out->items = calloc(json_array_size(list) + 1, sizeof *out->items);
    for (size_t i = 0; out->items && i < json_array_size(list); i++) {
        struct sdk_reader one = sdk_reader_at(in, "attachments", i);

        out->count = i + 1;
        if (!files_one(email, call, &one, left, &out->items[i])) {
            files_free(out);
            in->is_failed = true;
            return false;
        }
        left -= out->items[i].len < left ? out->items[i].len : left;
    }
    return out->items != NULL;
}

void files_free(struct mail_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].bytes);
        free(files->items[i].name);
        free(files->items[i].type);
        free(files->items[i].cid);
    }
    free(files->items);
    memset(files, 0, sizeof *files);
}
