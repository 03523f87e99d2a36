/* Step `transfer`: content goes from one place to another, by way of a file on this machine: what
 * was fetched once need not be fetched again, and is verified before it goes on. */
#ifndef FILE_TRANSFER_TRANSFER_H
#define FILE_TRANSFER_TRANSFER_H

#include "step.h"
#include "transfer/s3.h"

#define TRANSFER_LOCATION_MAX 4096u
#define TRANSFER_ETAG_MAX     256u

/* What is fetched, as far as it has come. It survives the attempt when `transferDirectory` is set.
 */
struct partial {
    int fd;
    int64_t size;
    char *path, *tag_path;       /* owned; the file, and a file with the tag of its content */
    char tag[TRANSFER_ETAG_MAX]; /* strong ETag or date; "": the content has none */
};

/* Opens what an earlier attempt has left of `source`, or a new one. */
bool partial_open(struct file_work *work, const char *source, struct partial *out);
/* What is there is worth nothing: begin anew. `tag` may be NULL. */
bool partial_restart(struct partial *partial, const char *tag, struct sdk_error *error);
bool partial_write(struct partial *partial, const void *bytes, size_t len, struct sdk_error *error);
/* Keeps it for the next attempt, or removes it. */
void partial_close(struct partial *partial, bool is_kept);

/* Fetches "http(s)://..." or "s3://..." to `partial`, going on where it ends. `headers` of the job
 * (lines, may be NULL) are for http. *type: fresh memory or NULL. */
bool fetch_run(struct file_work *work, const char *source, const char *const *headers,
               int64_t bytes_max, struct partial *partial, char **type);

/* What is sent. */
struct upload {
    struct file_work *work;
    int fd;
    int64_t size;
    const char *sha256;                       /* of all of it, hex */
    const char *to;                           /* http(s) or s3 */
    const char *const *headers;               /* lines; NULL: none */
    const char *cache_control, *content_type; /* NULL: none */
    int64_t parts;
};
bool upload_run(struct upload *upload);

/* SHA-256 of `len` bytes of `fd` from `offset` on, as hex. */
bool transfer_digest(struct sdk_call *call, int fd, int64_t offset, int64_t len, char hex[65]);

/* Fills in "{sha256}", "{sha256:N}" (its first N digits), "{name}" and "{ext}" (".png" or nothing).
 * `in_url`: what is filled in is percent-encoded. */
bool transfer_name(const char *pattern, const char *sha256, const char *name, bool in_url,
                   struct sdk_string *out, struct sdk_error *error);

#endif
