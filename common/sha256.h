/* SHA-256 (FIPS 180-4), for names of contents. */
#ifndef CT_COMMON_SHA256_H
#define CT_COMMON_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

#define CT_SHA256_HEX 64

struct ct_sha256 {
    uint32_t state[8];
    uint64_t len;
    unsigned char block[64];
};

void ct_sha256_init(struct ct_sha256 *sha);
void ct_sha256_add(struct ct_sha256 *sha, struct ct_str bytes);
/* As lower case digits, NUL-terminated. */
void ct_sha256_hex(struct ct_sha256 *sha, char out[CT_SHA256_HEX + 1]);

#endif
