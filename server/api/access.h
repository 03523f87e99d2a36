/* Who may do what over the API: the file of --api-tokens, read at the start.
 *
 *   - {name: dashboard, role: viewer, sha256: HEX}      # of the token; or token_file: FILE, env:
 * NAME
 *   - {name: deploy, role: operator, certificate: CN}   # of the client, signed by --http-ca
 */
#ifndef CT_SERVER_HTTP_ACCESS_H
#define CT_SERVER_HTTP_ACCESS_H

#include "common/error.h"
#include "common/sha256.h"
#include "http/http.h"

#define ACCESS_MAX             200 /* entries */
#define ACCESS_TOKEN_BYTES_MIN 16  /* a shorter one could be guessed */
#define ACCESS_TOKEN_BYTES_MAX 1024

/* Each may what those before it may. */
enum access_role { ACCESS_NOBODY, ACCESS_VIEWER, ACCESS_OPERATOR, ACCESS_ADMIN };

struct access_entry {
    char *name; /* owned */
    enum access_role role;
    char sha256[CT_SHA256_HEX + 1]; /* empty: by certificate */
    char *certificate;              /* owned; NULL: by token */
};

struct access {
    struct access_entry *entries; /* owned */
    size_t count;
};

enum ct_code access_load(const char *path, struct access *out, struct ct_error *err) CT_MUST_CHECK;
void access_free(struct access *access);
/* By the request's bearer token, or else its certificate. NULL: nobody that is known. */
const struct access_entry *access_find(const struct access *access,
                                       const struct http_request *request);
const char *access_role_text(enum access_role role);

#endif
