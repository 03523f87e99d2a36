/* Digests. See cartrita/sdk/digest.h. */
#include "cartrita/sdk/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

/* These fail when memory is out or the library is crippled (no SHA-256): nothing to go on with. */
void sdk_sha256(const void *bytes, size_t len, unsigned char out[SDK_SHA256_SIZE])
{
    if (!EVP_Digest(bytes, len, out, NULL, EVP_sha256(), NULL))
        abort();
}

void sdk_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                     unsigned char out[SDK_SHA256_SIZE])
{
    if (!HMAC(EVP_sha256(), key, (int)key_len, bytes, len, out, NULL))
        abort();
}

bool sdk_equal_secret(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
