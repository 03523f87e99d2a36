/* Requests to an S3-compatible server: where they go, their signature, and what its refusals mean.
 * Called by fetch.c and upload.c. */
#ifndef FILE_TRANSFER_S3_H
#define FILE_TRANSFER_S3_H

#include <jansson.h>

#include "cartrita/sdk/http.h"
#include "cartrita/sdk/text.h"

#define S3_EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define S3_LINES_MAX    12u

struct s3;

/* From the setting `s3`; *out is NULL without it. */
bool s3_open(const json_t *setting, struct s3 **out, struct sdk_error *error);
void s3_close(struct s3 *s3);

/* A signed request: URL and headers, to be put into an sdk_http_request. */
struct s3_signed {
    struct sdk_string url;
    struct sdk_string lines[S3_LINES_MAX];
    const char *headers[S3_LINES_MAX + 1];
    size_t count;
};
/* `location` is "s3://BUCKET/KEY", `query` encoded and sorted. Free with s3_signed_free. */
bool s3_sign(const struct s3 *s3, const char *method, const char *location, const char *query,
             const char *payload_sha256, struct s3_signed *out, struct sdk_error *error);
/* A header more, which is not signed. */
void s3_signed_add(struct s3_signed *request, const char *name, const char *value);
void s3_signed_free(struct s3_signed *request);

/* An answer above 299 as an error, with what its code means to a user; returns false. */
bool s3_refused(const char *location, const struct sdk_http_request *request,
                const struct sdk_http_response *response, struct sdk_error *error);
/* Text of the first element `tag` of `xml`; false: there is none. */
bool s3_element(const char *xml, const char *tag, char *out, size_t size);

#endif
