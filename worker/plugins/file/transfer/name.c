/* Names that tell the content; see transfer_name in transfer.h. */
#include <stdlib.h>
#include <string.h>

#include "transfer/transfer.h"

static void add(struct sdk_string *out, const char *text, size_t len, bool in_url)
{
    if (in_url)
        sdk_url_encode_add(out, text, len, false);
    else
        sdk_string_add(out, text, len);
}

bool transfer_name(const char *pattern, const char *sha256, const char *name, bool in_url,
                   struct sdk_string *out, struct sdk_error *error)
{
    const char *dot;

    /* A name is one part of a path, whoever has thought of it. */
    if (!name[0] || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        name = "file";
    dot = strrchr(name, '.');
    for (const char *at = pattern; *at;) {
        size_t plain = strcspn(at, "{"), len;

        sdk_string_add(out, at, plain);
        at += plain;
        if (!*at)
            break;
        len = strcspn(at, "}");
        if (!at[len])
            return sdk_refuse(error, "ValidationError", "\"%.200s\": a { is not closed", pattern);
        if (strncmp(at, "{sha256}", 8) == 0)
            sdk_string_puts(out, sha256);
        else if (strncmp(at, "{sha256:", 8) == 0 && atoi(at + 8) > 0 && atoi(at + 8) < 64)
            sdk_string_add(out, sha256, (size_t)atoi(at + 8));
        else if (strncmp(at, "{name}", 6) == 0)
            add(out, name, strlen(name), in_url);
        else if (strncmp(at, "{ext}", 5) == 0)
            add(out, dot && dot != name ? dot : "", dot && dot != name ? strlen(dot) : 0, in_url);
        else
            return sdk_refuse(error, "ValidationError",
                              "\"%.200s\": there are {sha256}, {sha256:N}, {name} and {ext} only",
                              pattern);
        at += len + 1;
    }
    if (out->is_full || !out->bytes)
        return sdk_refuse(error, "ValidationError", "\"%.200s\" is no name", pattern);
    return true;
}
