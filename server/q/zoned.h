/* Moments as clocks somewhere show them, and read from the command line. Called by the `schedule`
 * commands. */
#ifndef Q_ZONED_H
#define Q_ZONED_H

#include "common/buf.h"
#include "common/error.h"
#include "cron/zone.h"

/* Appends "2026-03-29 03:00:00 +02:00", with a fraction where there is one. Returns the offset in
 * seconds. */
int32_t zoned_append(struct ct_buf *buf, const struct zone *zone, int64_t at_ms);
/* "+02:00" */
void zoned_append_offset(struct ct_buf *buf, int32_t offset_s);

/* A moment: ms since 1970, or ISO 8601, on the clocks of `tz` (as zone_find has it) unless it names
 * an offset. `what` is the option, for the error: USAGE. */
enum ct_code zoned_parse(const char *text, const char *tz, const char *what, int64_t *out_ms,
                         struct ct_error *err) CT_MUST_CHECK;

#endif
