/* The signature that S3 asks for (AWS Signature Version 4). Pure; called by s3.c. */
#ifndef FILE_TRANSFER_SIGN_H
#define FILE_TRANSFER_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "cartrita/sdk/text.h"

struct sign_request {
    const char *method;
    const char *path;         /* percent-encoded, begins with a slash */
    const char *query;        /* percent-encoded "name=value" pairs, sorted; "": none */
    const char *const *lines; /* "name:value", lower case and sorted: what is signed of the head */
    size_t line_count;
    const char *payload_sha256; /* hex */
    const char *time;           /* "20130524T000000Z" */
    const char *region, *access_key, *secret_key;
};

/* Appends the value of the header Authorization. */
void sign_authorization(const struct sign_request *request, struct sdk_string *out);

#endif
