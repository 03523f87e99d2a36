/* One partition: its bounds and its name. Pure. See partitions.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "schema/partitions.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

static const char span_letters[] = "dwm";

static int64_t partition_day(int64_t at_ms)
{
    int64_t rest = at_ms % DAY_MS;

    return at_ms - (rest < 0 ? rest + DAY_MS : rest);
}

static struct partition partition_month(int64_t at_ms)
{
    struct partition month = {.span = PARTITION_MONTH};
    time_t day = (time_t)(partition_day(at_ms) / 1000);
    struct tm tm;

    gmtime_r(&day, &tm);
    tm.tm_mday = 1;
    month.from_ms = (int64_t)timegm(&tm) * 1000;
    tm.tm_mon++;
    month.to_ms = (int64_t)timegm(&tm) * 1000;
    return month;
}

struct partition partition_around(enum partition_span span, int64_t at_ms)
{
    int64_t day_ms = partition_day(at_ms);
    struct partition out = {.span = span, .from_ms = day_ms, .to_ms = day_ms + DAY_MS};

    if (span == PARTITION_MONTH)
        return partition_month(at_ms);
    if (span == PARTITION_WEEK) {
        int64_t weekday = (day_ms / DAY_MS % 7 + 7 + 3) % 7; /* 1970 began on a Thursday */

        out.from_ms = day_ms - weekday * DAY_MS;
        out.to_ms = out.from_ms + 7 * DAY_MS;
    }
    return out;
}

void partition_name(const struct partition *partition, char *name)
{
    time_t day = (time_t)(partition->from_ms / 1000);
    struct tm tm;

    gmtime_r(&day, &tm);
    snprintf(name, PARTITION_NAME_SIZE, "events_%c%04u%02u%02u", span_letters[partition->span],
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
             (unsigned)tm.tm_mday % 100);
}

bool partition_parse(const char *name, struct partition *out)
{
    char letter, again[PARTITION_NAME_SIZE];
    const char *span;
    struct tm tm = {0};

    if (sscanf(name, "events_%c%4d%2d%2d", &letter, &tm.tm_year, &tm.tm_mon, &tm.tm_mday) != 4)
        return false;
    span = strchr(span_letters, letter);
    if (!span || !*span)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    *out =
        partition_around((enum partition_span)(span - span_letters), (int64_t)timegm(&tm) * 1000);
    partition_name(out, again);
    return strcmp(again, name) == 0;
}
