/* The signature that S3 asks for; see sign.h.
 *
 * What is signed is a digest of the request in one canonical form. The key is derived from the
 * secret by day, region and service, so that a stolen one is of little use. */
#include "sign.h"

#include <string.h>

#include "cartrita/sdk/digest.h"

#define DAY_LEN 8 /* of the time */

/* "host;x-amz-date" */
static void add_names(const struct sign_request *request, struct sdk_string *out)
{
    for (size_t i = 0; i < request->line_count; i++) {
        if (i > 0)
            sdk_string_puts(out, ";");
        sdk_string_add(out, request->lines[i], strcspn(request->lines[i], ":"));
    }
}

static void digest_request(const struct sign_request *request, char hex[2 * SDK_SHA256_SIZE + 1])
{
    unsigned char digest[SDK_SHA256_SIZE];
    struct sdk_string text = {0};

    sdk_string_printf(&text, "%s\n%s\n%s\n", request->method, request->path, request->query);
    for (size_t i = 0; i < request->line_count; i++)
        sdk_string_printf(&text, "%s\n", request->lines[i]);
    sdk_string_puts(&text, "\n");
    add_names(request, &text);
    sdk_string_printf(&text, "\n%s", request->payload_sha256);
    sdk_sha256(text.bytes, text.len, digest);
    sdk_hex(digest, sizeof digest, hex);
    sdk_string_free(&text);
}

static void derive_key(const struct sign_request *request, unsigned char key[SDK_SHA256_SIZE])
{
    struct sdk_string seed = {0};

    sdk_string_printf(&seed, "AWS4%s", request->secret_key);
    sdk_hmac_sha256(seed.bytes, seed.len, request->time, DAY_LEN, key);
    sdk_hmac_sha256(key, SDK_SHA256_SIZE, request->region, strlen(request->region), key);
    sdk_hmac_sha256(key, SDK_SHA256_SIZE, "s3", 2, key);
    sdk_hmac_sha256(key, SDK_SHA256_SIZE, "aws4_request", 12, key);
    if (seed.bytes)
        explicit_bzero(seed.bytes, seed.len);
    sdk_string_free(&seed);
}

void sign_authorization(const struct sign_request *request, struct sdk_string *out)
{
    char digest[2 * SDK_SHA256_SIZE + 1], hex[2 * SDK_SHA256_SIZE + 1];
    unsigned char key[SDK_SHA256_SIZE], signature[SDK_SHA256_SIZE];
    struct sdk_string scope = {0}, text = {0};

    digest_request(request, digest);
    sdk_string_printf(&scope, "%.*s/%s/s3/aws4_request", DAY_LEN, request->time, request->region);
    sdk_string_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", request->time, scope.bytes, digest);
    derive_key(request, key);
    sdk_hmac_sha256(key, sizeof key, text.bytes, text.len, signature);
    explicit_bzero(key, sizeof key);
    sdk_hex(signature, sizeof signature, hex);
    sdk_string_printf(out, "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=", request->access_key,
                      scope.bytes);
    add_names(request, out);
    sdk_string_printf(out, ",Signature=%s", hex);
    sdk_string_free(&scope);
    sdk_string_free(&text);
}
