/* MD5 as RFC 1321 describes it. Pure. */
#include "common/md5.h"

#include <stdint.h>

#define MD5_BLOCK 64

/* floor(2^32 * |sin(i + 1)|), section 3.4 */
static const uint32_t md5_sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* By how much each step of a round turns. */
static const unsigned char md5_turns[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static uint32_t load_le32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void md5_block(uint32_t state[4], const unsigned char *block)
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

    for (unsigned i = 0; i < 64; i++) {
        uint32_t mixed;
        unsigned word;

        switch (i / 16) {
        case 0:
            mixed = (b & c) | (~b & d);
            word = i;
            break;
        case 1:
            mixed = (b & d) | (c & ~d);
            word = (5 * i + 1) % 16;
            break;
        case 2:
            mixed = b ^ c ^ d;
            word = (3 * i + 5) % 16;
            break;
        default:
            mixed = c ^ (b | ~d);
            word = 7 * i % 16;
            break;
        }
        uint32_t sum = a + mixed + md5_sines[i] + load_le32(block + 4 * word);
        unsigned turn = md5_turns[i / 16][i % 4];
        a = d;
        d = c;
        c = b;
        b += sum << turn | sum >> (32 - turn);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void ct_md5_hex(struct ct_str text, char out[CT_MD5_HEX_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    unsigned char tail[2 * MD5_BLOCK] = {0};
    size_t whole = text.len / MD5_BLOCK * MD5_BLOCK, rest = text.len - whole;
    size_t tail_len = rest + 1 + 8 <= MD5_BLOCK ? MD5_BLOCK : 2 * MD5_BLOCK;
    uint64_t bits = (uint64_t)text.len * 8;

    for (size_t at = 0; at < whole; at += MD5_BLOCK)
        md5_block(state, (const unsigned char *)text.data + at);
    if (rest > 0)
        memcpy(tail, text.data + whole, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++)
        tail[tail_len - 8 + (size_t)i] = (unsigned char)(bits >> (8 * i));
    for (size_t at = 0; at < tail_len; at += MD5_BLOCK)
        md5_block(state, tail + at);
    for (int i = 0; i < CT_MD5_HEX_LEN; i++) {
        unsigned byte = state[i / 8] >> (i % 8 / 2 * 8) & 0xff;
        out[i] = hex[i % 2 ? byte & 15 : byte >> 4];
    }
    out[CT_MD5_HEX_LEN] = '\0';
}
