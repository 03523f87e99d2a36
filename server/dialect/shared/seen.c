/* Three bits an id, taken from one 64-bit FNV-1a hash. Pure but for its memory. */
#include "dialect/shared/seen.h"

#include <stdlib.h>

#include "common/mem.h"

#define BITS_AN_ID 64
#define BITS_MIN   65536
#define PROBES     3

void seen_init(struct seen *seen, int64_t count)
{
    uint64_t bits = BITS_MIN;

    while (bits < (uint64_t)count * BITS_AN_ID && bits < (uint64_t)SEEN_BYTES_MAX * 8)
        bits *= 2;
    seen->bits = ct_zalloc(bits / 8);
    seen->mask = bits - 1;
}

void seen_fini(struct seen *seen)
{
    free(seen->bits);
    seen->bits = NULL;
}

static uint64_t hash_of(struct ct_str id)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.data[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    return hash * 0x9e3779b97f4a7c15u;
}

static uint64_t probe(const struct seen *seen, uint64_t hash, int number)
{
    return (hash + (uint64_t)number * ((hash >> 29) | 1)) & seen->mask;
}

bool seen_has(const struct seen *seen, struct ct_str id)
{
    uint64_t hash = hash_of(id);
    bool has = true;

    for (int i = 0; i < PROBES; i++) {
        uint64_t at = probe(seen, hash, i);
        has = has && (seen->bits[at / 8] >> at % 8 & 1);
    }
    return has;
}

bool seen_add(struct seen *seen, struct ct_str id)
{
    uint64_t hash = hash_of(id);
    bool had = seen_has(seen, id);

    for (int i = 0; i < PROBES; i++) {
        uint64_t at = probe(seen, hash, i);
        seen->bits[at / 8] |= (uint8_t)(1u << at % 8);
    }
    return had;
}
