/* Names of indices with dates in them. Called by index.c. */
#ifndef ANALYTICS_INDEX_NAME_H
#define ANALYTICS_INDEX_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_NAME_MAX 255u /* bytes, the servers' own limit */

/* "events-{yyyy.MM.dd}" at `ms` (since 1970, UTC) becomes "events-2026.01.31". In braces: yyyy, MM,
 * dd, HH and what stands between them. NULL, or what is wrong with it (valid for ever). */
const char *index_name(const char *pattern, int64_t ms, char out[INDEX_NAME_MAX + 1]);

#endif
