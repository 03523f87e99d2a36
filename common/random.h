/* Randomness, passed in so that a simulation can be it. */
#ifndef CT_COMMON_RANDOM_H
#define CT_COMMON_RANDOM_H

#include <stdint.h>

struct ct_random {
    uint64_t (*next)(void *ctx);
    void *ctx;
};

/* From the operating system (getrandom). */
extern const struct ct_random ct_random_system;

/* A seeded generator (splitmix64) over `state`, for simulations and tests. */
struct ct_random ct_random_seeded(uint64_t *state);

static inline uint64_t ct_random_next(const struct ct_random *random)
{
    return random->next(random->ctx);
}

#define CT_UUID_LEN 36
/* A version 4 UUID as text, NUL-terminated. */
void ct_uuid(const struct ct_random *random, char out[CT_UUID_LEN + 1]);

#endif
