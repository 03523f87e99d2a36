/* The rule for times to come that ends each time zone file, and that TZ may hold itself:
 * "CET-1CEST,M3.5.0,M10.5.0/3". Pure. */
#ifndef CRON_POSIX_TZ_H
#define CRON_POSIX_TZ_H

#include <stdbool.h>
#include <stdint.h>

/* A stretch of time with one offset: [from_s, until_s), seconds since 1970 UTC. */
struct zone_span {
    int64_t from_s, until_s;
    int32_t offset_s; /* east of UTC is positive */
};

/* A day of each year, and a time on it. */
struct posix_tz_date {
    enum { POSIX_TZ_MONTH_WEEK_DAY, POSIX_TZ_DAY_WITHOUT_LEAP, POSIX_TZ_DAY } kind;
    int month, week, day; /* `day` alone for the last two kinds */
    int32_t time_s;
};

struct posix_tz {
    bool has_dst;
    int32_t std_offset_s, dst_offset_s;
    struct posix_tz_date dst_start, dst_end;
};

/* False when `text` is no such rule. */
bool posix_tz_parse(const char *text, struct posix_tz *out);

struct zone_span posix_tz_span_at(const struct posix_tz *rule, int64_t at_s);

#endif
