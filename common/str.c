/* Reading numbers and characters out of borrowed bytes. Pure functions. */
#include "common/str.h"

#include <math.h>
#include <stdlib.h>

#define STR_INT_DIGITS_MAX 19 /* of INT64_MAX */
#define STR_NUMBER_LEN_MAX 127

static bool str_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool ct_str_to_int(struct ct_str text, int64_t *out)
{
    bool is_negative = text.len > 0 && text.data[0] == '-';
    size_t at = is_negative ? 1 : 0;
    uint64_t value = 0;

    if (text.len == at || text.len - at > STR_INT_DIGITS_MAX)
        return false;
    for (; at < text.len; at++) {
        if (!str_is_digit(text.data[at]))
            return false;
        value = value * 10 + (uint64_t)(text.data[at] - '0'); /* 19 digits fit in 64 bits */
    }
    if (value > (uint64_t)INT64_MAX + (is_negative ? 1 : 0))
        return false;
    *out = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static size_t str_skip_digits(struct ct_str text, size_t at)
{
    while (at < text.len && str_is_digit(text.data[at]))
        at++;
    return at;
}

/* [-] digits [. digits] [e [+-] digits] */
static bool str_is_number(struct ct_str text)
{
    size_t at = text.len > 0 && text.data[0] == '-' ? 1 : 0;
    size_t after = str_skip_digits(text, at);

    if (after == at)
        return false;
    at = after;
    if (at < text.len && text.data[at] == '.') {
        after = str_skip_digits(text, at + 1);
        if (after == at + 1)
            return false;
        at = after;
    }
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.len && (text.data[at] == '+' || text.data[at] == '-'))
            at++;
        after = str_skip_digits(text, at);
        if (after == at)
            return false;
        at = after;
    }
    return at == text.len;
}

bool ct_str_to_double(struct ct_str text, double *out)
{
    char copy[STR_NUMBER_LEN_MAX + 1];

    if (text.len > STR_NUMBER_LEN_MAX || !str_is_number(text))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    double value = strtod(copy, NULL);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

size_t ct_str_utf8_len(struct ct_str text, size_t at)
{
    if (at >= text.len)
        return 0;

    unsigned char first = (unsigned char)text.data[at];
    unsigned char low = 0x80, high = 0xBF; /* what the second byte may be */
    size_t len;

    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF) {
        len = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        len = 3;
        low = first == 0xE0 ? 0xA0 : low;   /* else overlong */
        high = first == 0xED ? 0x9F : high; /* else a surrogate */
    } else if (first >= 0xF0 && first <= 0xF4) {
        len = 4;
        low = first == 0xF0 ? 0x90 : low;   /* else overlong */
        high = first == 0xF4 ? 0x8F : high; /* else beyond U+10FFFF */
    } else {
        return 0;
    }
    if (text.len - at < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        unsigned char byte = (unsigned char)text.data[at + i];
        if (byte < low || byte > high)
            return 0;
        low = 0x80;
        high = 0xBF;
    }
    return len;
}
