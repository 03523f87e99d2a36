/* Times as JSON has them: ISO 8601 texts and milliseconds since 1970. See query.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "query/query.h"

#define TIME_MS_MAX 253402300799999 /* the end of the year 9999 */

/* Digits at *at, exactly `count` of them; moves on behind. */
static bool time_digits(const char **at, int count, int *out)
{
    *out = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool time_part(const char **at, char before, int *out)
{
    return **at == before && (++*at, time_digits(at, 2, out));
}

/* Fractions of a second; what is finer than a millisecond is dropped. */
static void time_fraction(const char **at, int64_t *ms)
{
    int64_t unit = 100;

    if (**at != '.')
        return;
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
        *ms += (**at - '0') * unit;
}

/* "Z", "+02:00" or "+0200"; none is UTC, as "Z". */
static bool time_zone(const char **at, int64_t *ms)
{
    int sign = **at == '-' ? 1 : -1, hours = 0, minutes = 0;

    if (**at == 'Z')
        (*at)++;
    if (!**at)
        return true;
    if (**at != '+' && **at != '-')
        return false;
    (*at)++;
    if (!time_digits(at, 2, &hours))
        return false;
    if (**at == ':')
        (*at)++;
    if (!time_digits(at, 2, &minutes) || hours > 14 || minutes > 59)
        return false;
    *ms += sign * ((int64_t)hours * 60 + minutes) * 60000;
    return **at == '\0';
}

static bool time_parse_text(const char *at, int64_t *ms)
{
    struct tm tm = {0}, normal;
    time_t seconds;
    int second = 0;

    if (!time_digits(&at, 4, &tm.tm_year) || !time_part(&at, '-', &tm.tm_mon) ||
        !time_part(&at, '-', &tm.tm_mday))
        return false;
    *ms = 0;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    if (*at == 'T' || *at == ' ') {
        if (!time_part(&at, *at, &tm.tm_hour) || !time_part(&at, ':', &tm.tm_min) ||
            (*at == ':' && !time_part(&at, ':', &second)))
            return false;
        tm.tm_sec = second;
        time_fraction(&at, ms);
        if (!time_zone(&at, ms))
            return false;
    }
    normal = tm;
    seconds = timegm(&normal);
    *ms += (int64_t)seconds * 1000;
    /* What is no date (February 30) comes back as another one. */
    return *at == '\0' && normal.tm_mon == tm.tm_mon && normal.tm_mday == tm.tm_mday &&
           normal.tm_hour == tm.tm_hour && normal.tm_min == tm.tm_min;
}

bool query_time_parse(const json_t *value, int64_t *ms)
{
    if (json_is_integer(value))
        *ms = json_integer_value(value);
    else if (json_is_real(value) && fabs(json_real_value(value)) <= TIME_MS_MAX)
        *ms = (int64_t)json_real_value(value);
    else if (!json_is_string(value) || !time_parse_text(json_string_value(value), ms))
        return false;
    return *ms >= -62135596800000 && *ms <= TIME_MS_MAX; /* years 1 to 9999 */
}

void query_time_print(int64_t ms, char *out)
{
    int64_t rest = ms % 1000 < 0 ? ms % 1000 + 1000 : ms % 1000;
    time_t seconds = (time_t)((ms - rest) / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    snprintf(out, QUERY_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
             (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100, (unsigned)rest);
}
