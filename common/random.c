/* Randomness from the system, a seeded generator for tests, and UUIDs from either. */
#include "common/random.h"

#include <errno.h>
#include <stddef.h>
#include <sys/random.h>

#include "common/assert.h"

static uint64_t random_system_next(void *ctx)
{
    uint64_t value;
    ssize_t len;

    (void)ctx;
    do {
        len = getrandom(&value, sizeof value, 0);
    } while (len < 0 && errno == EINTR);
    ct_assert(len == (ssize_t)sizeof value); /* the kernel promises this for so few bytes */
    return value;
}

const struct ct_random ct_random_system = {random_system_next, NULL};

static uint64_t random_seeded_next(void *ctx)
{
    uint64_t *state = ctx;
    uint64_t z = *state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

struct ct_random ct_random_seeded(uint64_t *state)
{
    return (struct ct_random){random_seeded_next, state};
}

void ct_uuid(const struct ct_random *random, char out[CT_UUID_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t words[2] = {ct_random_next(random), ct_random_next(random)};
    int nibble = 0;

    for (int i = 0; i < CT_UUID_LEN; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            out[i] = '-';
            continue;
        }
        unsigned value = (words[nibble / 16] >> (60 - 4 * (nibble % 16))) & 15;
        if (nibble == 12)
            value = 4; /* version: random */
        if (nibble == 16)
            value = (value & 3) | 8; /* variant: RFC 4122 */
        out[i] = hex[value];
        nibble++;
    }
    out[CT_UUID_LEN] = '\0';
}
