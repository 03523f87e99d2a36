/* Base64 encoding. Pure. */
#include "common/base64.h"

void ct_base64_append(struct ct_buf *buf, struct ct_str bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    ct_buf_reserve(buf, bytes.len / 3 * 4 + 4);
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t left = bytes.len - at;
        uint32_t group = 0; /* three bytes, absent ones zero */
        char text[4];

        for (size_t i = 0; i < 3; i++)
            group = group << 8 | (i < left ? (unsigned char)bytes.data[at + i] : 0);
        for (int i = 0; i < 4; i++)
            text[i] = alphabet[group >> (18 - 6 * i) & 63];
        if (left < 3)
            text[3] = '=';
        if (left < 2)
            text[2] = '=';
        ct_buf_append(buf, text, sizeof text);
    }
}
