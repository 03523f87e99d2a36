/* "Did you mean": which of the names there are is closest to one that is not among them. Part of
 * the SDK's inside; used by call, json and settings. */
#ifndef CARTRITA_SDK_NEAR_H
#define CARTRITA_SDK_NEAR_H

#include <stddef.h>

#define SDK_NEAR_HINT_MAX 128u

struct sdk_near {
    const char *given;
    const char *name;  /* closest so far; NULL: none is close */
    unsigned distance; /* of it */
};

void sdk_near_try(struct sdk_near *near, const char *candidate);
/* ` (did you mean "NAME"?)`, or nothing, in `out`. Returns out. */
const char *sdk_near_hint(const struct sdk_near *near, char out[SDK_NEAR_HINT_MAX]);

#endif
