/* Reads and applies rules of the form that POSIX gives the TZ variable. Called by zone.c; pure. */
#include "cron/posix_tz.h"

#include <string.h>

#include "cron/calendar.h"

#define POSIX_TZ_HOURS_MAX 167 /* of a time on a day; RFC 8536 allows a week to each side */

/* --- reading: each reader moves *at behind what it took -------------------------------------- */

static bool read_name(const char **at)
{
    size_t len;

    if (**at == '<') {
        len = strcspn(*at, ">");
        if ((*at)[len] != '>')
            return false;
        *at += len + 1;
        return len > 1;
    }
    len = strspn(*at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    *at += len;
    return len >= 3;
}

static bool read_number(const char **at, int max, int *out)
{
    int value = 0;

    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        value = value * 10 + (**at - '0');
        if (value > max)
            return false;
    }
    *out = value;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **at, int32_t *out_s)
{
    bool is_negative = **at == '-';
    int hours, minutes = 0, seconds = 0;

    if (**at == '-' || **at == '+')
        (*at)++;
    if (!read_number(at, POSIX_TZ_HOURS_MAX, &hours))
        return false;
    if (**at == ':') {
        (*at)++;
        if (!read_number(at, 59, &minutes))
            return false;
        if (**at == ':') {
            (*at)++;
            if (!read_number(at, 59, &seconds))
                return false;
        }
    }
    int32_t value = hours * 3600 + minutes * 60 + seconds;
    *out_s = is_negative ? -value : value;
    return true;
}

static bool read_separator(const char **at, char separator)
{
    if (**at != separator)
        return false;
    (*at)++;
    return true;
}

/* ,Mm.w.d or ,Jn or ,n; then /time or 2 o'clock. */
static bool read_date(const char **at, struct posix_tz_date *out)
{
    bool is_good;

    if (!read_separator(at, ','))
        return false;
    if (read_separator(at, 'M')) {
        out->kind = POSIX_TZ_MONTH_WEEK_DAY;
        is_good = read_number(at, 12, &out->month) && out->month >= 1 && read_separator(at, '.') &&
                  read_number(at, 5, &out->week) && out->week >= 1 && read_separator(at, '.') &&
                  read_number(at, 6, &out->day);
    } else if (read_separator(at, 'J')) {
        out->kind = POSIX_TZ_DAY_WITHOUT_LEAP;
        is_good = read_number(at, 365, &out->day) && out->day >= 1;
    } else {
        out->kind = POSIX_TZ_DAY;
        is_good = read_number(at, 365, &out->day);
    }
    out->time_s = 2 * 3600;
    return is_good && (!read_separator(at, '/') || read_time(at, &out->time_s));
}

bool posix_tz_parse(const char *text, struct posix_tz *out)
{
    struct posix_tz rule = {0};
    int32_t west_s;

    if (!read_name(&text) || !read_time(&text, &west_s))
        return false;
    rule.std_offset_s = -west_s;
    if (*text != '\0') {
        rule.has_dst = true;
        rule.dst_offset_s = rule.std_offset_s + 3600;
        if (!read_name(&text))
            return false;
        if (*text != '\0' && *text != ',') {
            if (!read_time(&text, &west_s))
                return false;
            rule.dst_offset_s = -west_s;
        }
        if (*text == '\0')
            text = ",M3.2.0,M11.1.0"; /* what systems take when TZ gives no dates */
        if (!read_date(&text, &rule.dst_start) || !read_date(&text, &rule.dst_end))
            return false;
    }
    if (*text != '\0')
        return false;
    *out = rule;
    return true;
}

/* --- applying -------------------------------------------------------------------------------- */

/* The moment of `date` in `year`, on clocks that are `offset_s` ahead of UTC. */
static int64_t date_in_year(const struct posix_tz_date *date, int64_t year, int32_t offset_s)
{
    int64_t day = 0;

    switch (date->kind) {
    case POSIX_TZ_MONTH_WEEK_DAY: {
        int64_t first = calendar_days(year, date->month, 1);
        int to_weekday = (date->day - calendar_weekday(first) + 7) % 7;
        int in_month = to_weekday + 7 * (date->week - 1);

        if (in_month >= calendar_month_days(year, date->month)) /* week 5 is the last one */
            in_month -= 7;
        day = first + in_month;
        break;
    }
    case POSIX_TZ_DAY_WITHOUT_LEAP:
        day = calendar_year_start(year) + date->day - 1;
        if (date->day > 31 + 28 && calendar_is_leap(year))
            day++;
        break;
    case POSIX_TZ_DAY:
        day = calendar_year_start(year) + date->day;
        break;
    }
    return day * CALENDAR_DAY_S + date->time_s - offset_s;
}

struct zone_span posix_tz_span_at(const struct posix_tz *rule, int64_t at_s)
{
    struct zone_span span = {INT64_MIN, INT64_MAX, rule->std_offset_s};

    if (!rule->has_dst)
        return span;

    int64_t year = calendar_year_of(calendar_floor_div(at_s + rule->std_offset_s, CALENDAR_DAY_S));
    /* Dates may fall a week outside of their year, and in the south summer spans new year. At equal
     * moments (summer time all the year) the start counts, hence >= and the ends first. */
    for (int64_t y = year - 2; y <= year + 2; y++) {
        const struct zone_span changes[2] = {
            {date_in_year(&rule->dst_end, y, rule->dst_offset_s), 0, rule->std_offset_s},
            {date_in_year(&rule->dst_start, y, rule->std_offset_s), 0, rule->dst_offset_s}};

        for (int i = 0; i < 2; i++) {
            int64_t moment = changes[i].from_s;
            if (moment > at_s && moment < span.until_s)
                span.until_s = moment;
            bool is_later = moment > span.from_s || (moment == span.from_s && i == 1);
            if (moment <= at_s && is_later) {
                span.from_s = moment;
                span.offset_s = changes[i].offset_s;
            }
        }
    }
    return span;
}
