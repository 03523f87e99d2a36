/* Content that a job's data names in one of the usual ways:
 *   {"path": "/srv/in/a.png"}  {"url": "https://host/a.png"}  {"base64": "iVBOR..."}  {"text":
 * "..."} or a plain string: "https://..." is a URL, "data:...;base64,..." its content, all else a
 * path. `roots` bound the paths; a plugin without an HTTP client takes no URLs. */
#ifndef CARTRITA_SDK_SOURCE_H
#define CARTRITA_SDK_SOURCE_H

#include "cartrita/sdk/call.h"
#include "cartrita/sdk/file.h"
#include "cartrita/sdk/http.h"
#include "cartrita/sdk/json.h"

struct sdk_sources {
    const struct sdk_roots *roots; /* NULL: the whole file system */
    struct sdk_http *http;         /* NULL: URLs are refused */
    int64_t max_bytes;             /* of one */
};

struct sdk_content {
    char *bytes; /* owned, NUL behind */
    size_t len;
    char *name; /* owned: last part of path or URL; NULL: unknown */
    char *type; /* owned: as the server or the data URL says; NULL: unknown */
};

/* Reads member `name` of `reader` (NULL: the reader's own object) into memory. Errors name the
 * member; `reader` has then failed. */
bool sdk_source_read(const struct sdk_sources *sources, struct sdk_call *call,
                     struct sdk_reader *reader, const char *name, struct sdk_content *out);
/* The same as a file: its own path, absolute and without links, where the source is one, else a
 * temporary file of the job. `path` is fresh memory; `error` may be that of the reader. */
bool sdk_source_file(const struct sdk_sources *sources, struct sdk_call *call,
                     struct sdk_reader *reader, const char *name, char **path,
                     struct sdk_error *error);
void sdk_content_free(struct sdk_content *content);

#endif
