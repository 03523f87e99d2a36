/* Time zones from the system's database (package tzdata), without touching the process' TZ.
 *
 * Called by cron.c and by dialects that read local dates. Files are small (a few KiB), read once
 * and kept; names may come out of Redis, so both the reading and the cache are bounded. For the
 * one thread of a loop only. */
#ifndef CRON_ZONE_H
#define CRON_ZONE_H

#include <stdint.h>

#include "common/error.h"
#include "cron/posix_tz.h"

#define ZONE_NAME_MAX  64
#define ZONE_FILE_MAX  (64 * 1024)
#define ZONE_CACHE_MAX 128 /* zones kept; the oldest makes room */

struct zone;

/* `name` as Bull's `tz` has it: Europe/Madrid (in any case), UTC, utc+3, utc-03:30; NULL or
 * "local": the zone of this process (TZ, else /etc/localtime, else UTC). *out is valid until the
 * next call. CT_E_INVALID names what is unknown. */
enum ct_code zone_find(const char *name, const struct zone **out,
                       struct ct_error *err) CT_MUST_CHECK;

/* The offset at `at_s` and the time around it for which it holds. */
struct zone_span zone_span_at(const struct zone *zone, int64_t at_s);

/* The moment when clocks show `local_ms` (a wall clock reading, counted as if it were UTC), trying
 * `offset_s` first. In a spring gap the clock time moves on by the gap; of a repeated hour it is
 * the reading that `offset_s` belongs to. */
int64_t zone_from_local(const struct zone *zone, int64_t local_ms, int32_t offset_s);

#endif
