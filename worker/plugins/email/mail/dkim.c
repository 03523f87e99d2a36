/* Signing a message by OpenSSL. See dkim.h. */
#include "mail/dkim.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cartrita/sdk/digest.h"
#include "mail/relax.h"

#define DKIM_RSA_BITS_MIN 1024
#define DKIM_LINE         72u /* of the signature's lines */

struct dkim_key {
    EVP_PKEY *key;
    char *domain, *selector;
    bool is_rsa;
};

/* From is signed once more than it is there, so that nobody can add a second one. */
static const char *const signed_names[] = {"From",
                                           "From",
                                           "Reply-To",
                                           "To",
                                           "Cc",
                                           "Subject",
                                           "Date",
                                           "Message-ID",
                                           "In-Reply-To",
                                           "References",
                                           "MIME-Version",
                                           "Content-Type",
                                           "Content-Transfer-Encoding",
                                           "List-Id",
                                           "List-Unsubscribe",
                                           "List-Unsubscribe-Post"};

bool dkim_open(const char *domain, const char *selector, const char *pem, struct dkim_key **out,
               struct sdk_error *error)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    struct dkim_key *key = calloc(1, sizeof *key);

    if (!bio || !key) {
        BIO_free(bio);
        free(key);
        return sdk_retry_later(error, "MemoryError", "out of memory");
    }
    key->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
    BIO_free(bio);
    key->is_rsa = key->key && EVP_PKEY_is_a(key->key, "RSA");
    key->domain = strdup(domain);
    key->selector = strdup(selector);
    if (!key->key || !(key->is_rsa || EVP_PKEY_is_a(key->key, "ED25519")) ||
        (key->is_rsa && EVP_PKEY_get_bits(key->key) < DKIM_RSA_BITS_MIN)) {
        dkim_close(key);
        return sdk_refuse(error, "SettingsError",
                          "dkimKey must be a private key in PEM without a password, RSA of %d "
                          "bits or more, or Ed25519",
                          DKIM_RSA_BITS_MIN);
    }
    *out = key;
    return true;
}

void dkim_close(struct dkim_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->key);
    free(key->domain);
    free(key->selector);
    free(key);
}

/* --- what is signed ------------------------------------------------------------------------------
 */

/* Length of the header at `text`, with its folded lines and its line end. */
static size_t dkim_header_len(const char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        const char *end = memchr(text + at, '\n', len - at);

        at = end ? (size_t)(end - text) + 1 : len;
        if (at >= len || (text[at] != ' ' && text[at] != '\t'))
            break;
    }
    return at;
}

static size_t dkim_headers_len(const char *message, size_t len)
{
    const char *end = memmem(message, len, "\r\n\r\n", 4);

    return end ? (size_t)(end - message) + 2 : len;
}

static const char *dkim_find(const char *headers, size_t len, const char *name, size_t *found_len)
{
    size_t name_len = strlen(name);

    while (len > 0) {
        size_t one = dkim_header_len(headers, len);

        if (one > name_len && headers[name_len] == ':' &&
            strncasecmp(headers, name, name_len) == 0) {
            *found_len = one;
            return headers;
        }
        headers += one;
        len -= one;
    }
    return NULL;
}

/* The signature's header up to "b=", and the relaxed headers in the order of h=. */
static void dkim_begin(const struct dkim_key *key, const char *message, size_t headers_len,
                       const char *body_hash, int64_t time_s, struct sdk_string *tag,
                       struct sdk_string *text)
{
    size_t line;

    sdk_string_printf(
        tag, "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n d=%s; s=%s; t=%lld;\r\n h=",
        key->is_rsa ? "rsa-sha256" : "ed25519-sha256", key->domain, key->selector,
        (long long)time_s);
    line = 3;
    for (size_t i = 0; i < sizeof signed_names / sizeof signed_names[0]; i++) {
        const char *name = signed_names[i];
        size_t len = 0, name_len = strlen(name);
        const char *header = dkim_find(message, headers_len, name, &len);

        if (!header)
            continue;
        if (line + name_len > DKIM_LINE) {
            sdk_string_puts(tag, "\r\n ");
            line = 1;
        }
        sdk_string_printf(tag, "%s%s", i ? ":" : "", name);
        line += name_len + 1;
        if (i == 0) /* the second From in h= is the one that is not there */
            continue;
        relax_header(text, header, len);
        sdk_string_puts(text, "\r\n");
    }
    sdk_string_printf(tag, ";\r\n bh=%s;\r\n b=", body_hash);
}

/* rsa-sha256 signs the text, ed25519-sha256 its hash. */
static bool dkim_signature(const struct dkim_key *key, const struct sdk_string *text,
                           struct sdk_string *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char hash[SDK_SHA256_SIZE], signature[1024];
    const void *bytes = key->is_rsa ? (const void *)text->bytes : (const void *)hash;
    size_t bytes_len = key->is_rsa ? text->len : sizeof hash;
    size_t signature_len = sizeof signature;
    bool is_signed;

    sdk_sha256(text->bytes, text->len, hash);
    is_signed =
        context &&
        EVP_DigestSignInit(context, NULL, key->is_rsa ? EVP_sha256() : NULL, NULL, key->key) == 1 &&
        EVP_DigestSign(context, signature, &signature_len, bytes, bytes_len) == 1;
    if (is_signed)
        sdk_base64_add(out, signature, signature_len);
    EVP_MD_CTX_free(context);
    return is_signed;
}

static void dkim_add_folded(struct sdk_string *out, const struct sdk_string *base64)
{
    for (size_t at = 0; at < base64->len; at += DKIM_LINE) {
        size_t left = base64->len - at;

        if (at > 0)
            sdk_string_puts(out, "\r\n ");
        sdk_string_add(out, base64->bytes + at, left < DKIM_LINE ? left : DKIM_LINE);
    }
    sdk_string_puts(out, "\r\n");
}

bool dkim_sign(const struct dkim_key *key, const char *message, size_t len, int64_t time_s,
               struct sdk_string *out, struct sdk_error *error)
{
    struct sdk_string body = {.max = len + 2}, text = {0}, tag = {0}, hash64 = {0}, sign64 = {0};
    size_t headers_len = dkim_headers_len(message, len);
    size_t body_at = headers_len + 2 < len ? headers_len + 2 : len;
    unsigned char hash[SDK_SHA256_SIZE];
    bool is_signed;

    relax_body(&body, message + body_at, len - body_at);
    sdk_sha256(body.len ? body.bytes : "", body.len, hash);
    sdk_base64_add(&hash64, hash, sizeof hash);
    dkim_begin(key, message, headers_len, hash64.bytes, time_s, &tag, &text);
    relax_header(&text, tag.bytes, tag.len);
    is_signed = !body.is_full && !text.is_full && dkim_signature(key, &text, &sign64);
    if (is_signed) {
        sdk_string_add(out, tag.bytes, tag.len);
        dkim_add_folded(out, &sign64);
    }
    sdk_string_free(&body);
    sdk_string_free(&text);
    sdk_string_free(&tag);
    sdk_string_free(&hash64);
    sdk_string_free(&sign64);
    return is_signed || sdk_retry_later(error, "DkimError", "the mail could not be signed");
}
