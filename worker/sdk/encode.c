/* Base64, hexadecimal and percent encoding. See cartrita/sdk/text.h. */
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/text.h"

static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void sdk_base64_add(struct sdk_string *string, const void *bytes, size_t len)
{
    const unsigned char *in = bytes;
    char out[4 * 256];

    while (len) {
        size_t count = 0;

        while (len && count < sizeof out) {
            size_t take = len < 3 ? len : 3;
            unsigned long group = (unsigned long)in[0] << 16;

            group |= take > 1 ? (unsigned long)in[1] << 8 : 0;
            group |= take > 2 ? in[2] : 0;
            out[count++] = base64_letters[group >> 18];
            out[count++] = base64_letters[group >> 12 & 63];
            out[count++] = take > 1 ? base64_letters[group >> 6 & 63] : '=';
            out[count++] = take > 2 ? base64_letters[group & 63] : '=';
            in += take;
            len -= take;
        }
        sdk_string_add(string, out, count);
    }
}

/* Value of a letter, and one; 0: no letter of base64. Tensors and images come as megabytes of them.
 */
static const unsigned char base64_values[256] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  63,
    0,  63, 0,  64, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 0,  0,  0,  0,  0,  0,  0,  1,
    2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
    24, 25, 26, 0,  0,  0,  0,  64, 0,  27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
    40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 0,  0,  0,  0,  0};

/* As many groups of four letters as come in a row; returns how many letters that were. */
static size_t base64_decode_groups(const char *text, size_t len, char *out)
{
    const unsigned char *in = (const unsigned char *)text;
    size_t at = 0;

    for (; len - at >= 4; at += 4, out += 3) {
        unsigned a = base64_values[in[at]], b = base64_values[in[at + 1]];
        unsigned c = base64_values[in[at + 2]], d = base64_values[in[at + 3]];
        unsigned group;

        if (!a || !b || !c || !d)
            break;
        group = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        out[0] = (char)(group >> 16);
        out[1] = (char)(group >> 8);
        out[2] = (char)group;
    }
    return at;
}

bool sdk_base64_decode(const char *text, size_t len, char **bytes, size_t *bytes_len)
{
    char *out = malloc(len / 4 * 3 + 4);
    unsigned long group = 0;
    size_t letters = out ? base64_decode_groups(text, len, out) : 0;
    size_t count = letters / 4 * 3, pads = 0;

    for (size_t i = letters; out && i < len; i++) {
        int value = base64_values[(unsigned char)text[i]] - 1;

        if (text[i] != '\0' && strchr(" \t\r\n", text[i]))
            continue;
        if (text[i] == '=' && pads < 2) {
            pads++;
            continue;
        }
        if (value < 0 || pads)
            goto fail;
        group = group << 6 | (unsigned long)value;
        if (++letters % 4 == 0) {
            out[count++] = (char)(group >> 16);
            out[count++] = (char)(group >> 8);
            out[count++] = (char)group;
            group = 0;
        }
    }
    /* Padding may be missing, but is not to be wrong. */
    if (!out || letters % 4 == 1 || (pads && (letters + pads) % 4 != 0))
        goto fail;
    if (letters % 4 == 2)
        out[count++] = (char)(group >> 4);
    if (letters % 4 == 3) {
        out[count++] = (char)(group >> 10);
        out[count++] = (char)(group >> 2);
    }
    out[count] = '\0';
    *bytes = out;
    *bytes_len = count;
    return true;

fail:
    free(out);
    return false;
}

void sdk_hex(const void *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = bytes;

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * len] = '\0';
}

void sdk_url_encode_add(struct sdk_string *string, const char *text, size_t len, bool keeps_slash)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c && strchr(unreserved, c)) || (c == '/' && keeps_slash))
            sdk_string_add(string, text + i, 1);
        else
            sdk_string_add(string, (char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
    }
}
