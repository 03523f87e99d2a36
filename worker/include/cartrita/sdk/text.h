/* A text that grows, up to a bound; and the encodings that plugins need. */
#ifndef CARTRITA_SDK_TEXT_H
#define CARTRITA_SDK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start from {0}, or set `max` (0: SDK_TEXT_MAX). Once a piece did not fit, or memory is out,
 * is_full is set and nothing more is added: ask once, at the end. */
#define SDK_TEXT_MAX ((size_t)64 * 1024 * 1024)

struct sdk_string {
    char *bytes; /* owned; NUL behind len; NULL while empty */
    size_t len, capacity, max;
    bool is_full;
};

void sdk_string_add(struct sdk_string *string, const void *bytes, size_t len);
void sdk_string_puts(struct sdk_string *string, const char *text);
void sdk_string_printf(struct sdk_string *string, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sdk_string_free(struct sdk_string *string);
/* Hands the memory over (never NULL unless is_full) and empties it. */
char *sdk_string_take(struct sdk_string *string, size_t *len);

/* Base64 with padding, one line. Decoding skips white space, takes the URL alphabet, too, and
 * needs no padding; `bytes` is fresh memory with a NUL behind. */
void sdk_base64_add(struct sdk_string *string, const void *bytes, size_t len);
bool sdk_base64_decode(const char *text, size_t len, char **bytes, size_t *bytes_len);
/* out: 2 * len + 1. */
void sdk_hex(const void *bytes, size_t len, char *out);
/* Percent-encodes all but unreserved characters; keeps '/' when told. */
void sdk_url_encode_add(struct sdk_string *string, const char *text, size_t len, bool keeps_slash);

#endif
