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

/* 0 to 63; -1: no letter of base64. */
static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool sdk_base64_decode(const char *text, size_t len, char **bytes, size_t *bytes_len)
{
    char *out = malloc(len / 4 * 3 + 4);
    unsigned long group = 0;
    size_t letters = 0, pads = 0, count = 0;

    for (size_t i = 0; out && i < len; i++) {
        int value = base64_value(text[i]);

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
