/* Digests and signatures, by OpenSSL. */
#ifndef CARTRITA_SDK_DIGEST_H
#define CARTRITA_SDK_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define SDK_SHA256_SIZE 32u

void sdk_sha256(const void *bytes, size_t len, unsigned char out[SDK_SHA256_SIZE]);
void sdk_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                     unsigned char out[SDK_SHA256_SIZE]);
/* In time that does not tell where they differ. */
bool sdk_equal_secret(const void *a, const void *b, size_t len);

#endif
