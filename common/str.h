/* A borrowed run of bytes; may hold NULs and is not NUL-terminated. `data` NULL means "absent",
 * which is not the same as empty. */
#ifndef CT_COMMON_STR_H
#define CT_COMMON_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ct_str {
    const char *data;
    size_t len;
};

#define CT_STR_NONE         ((struct ct_str){NULL, 0})
#define CT_STR_LIT(literal) ((struct ct_str){"" literal, sizeof(literal) - 1})

static inline struct ct_str ct_str_of(const char *text)
{
    return (struct ct_str){text, text ? strlen(text) : 0};
}

static inline bool ct_str_equal(struct ct_str a, struct ct_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool ct_str_is(struct ct_str a, const char *text)
{
    return a.data && a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

/* Moves `text` past `prefix` when it begins with it. */
static inline bool ct_str_skip(struct ct_str *text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (text->len < len || memcmp(text->data, prefix, len) != 0)
        return false;
    *text = (struct ct_str){text->data + len, text->len - len};
    return true;
}

/* Decimal text (optional minus, at most 19 digits, nothing else) to a number; false when it is
 * not one or does not fit. */
bool ct_str_to_int(struct ct_str text, int64_t *out);
/* Decimal or exponent notation, the whole text, finite. */
bool ct_str_to_double(struct ct_str text, double *out);

/* Bytes of the UTF-8 character at `at` (1 to 4; no surrogates, no overlong forms), 0 when the
 * bytes there are not one. */
size_t ct_str_utf8_len(struct ct_str text, size_t at);

#endif
