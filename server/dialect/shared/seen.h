/* Which ids were met, roughly, in bounded memory (a Bloom filter): "no" is certain, "yes" is wrong
 * about once in 10,000 times with a million ids. Called by the doctor, which looks again anyway. */
#ifndef DIALECT_SHARED_SEEN_H
#define DIALECT_SHARED_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

#define SEEN_BYTES_MAX (8u << 20)

struct seen {
    uint8_t *bits; /* owned */
    uint64_t mask; /* number of bits - 1 */
};

/* For about `count` ids. */
void seen_init(struct seen *seen, int64_t count);
void seen_fini(struct seen *seen);
/* Returns whether it was met before. */
bool seen_add(struct seen *seen, struct ct_str id);
bool seen_has(const struct seen *seen, struct ct_str id);

#endif
