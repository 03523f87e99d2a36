/* Reads ISO 8601; see the header. */
#include "cron/iso_date.h"

#include <string.h>

#include "cron/calendar.h"

struct fields {
    int year, month, day, hour, minute, second, ms;
};

/* Digits at *text, exactly `len` of them, then moves behind them; -1 when they are not there. */
static int take_digits(const char **text, int len)
{
    int number = 0;

    for (int i = 0; i < len; i++) {
        if ((*text)[i] < '0' || (*text)[i] > '9')
            return -1;
        number = number * 10 + ((*text)[i] - '0');
    }
    *text += len;
    return number;
}

/* What stands behind `mark`, `fallback` where the mark is not there. */
static int take_part(const char **text, char mark, int len, int fallback)
{
    if (**text != mark)
        return fallback;
    (*text)++;
    return take_digits(text, len);
}

static int take_fraction(const char **text)
{
    int ms = 0, digits = 0;

    if (**text != '.')
        return 0;
    for ((*text)++; **text >= '0' && **text <= '9'; (*text)++) {
        if (digits++ < 3)
            ms = ms * 10 + (**text - '0');
    }
    for (; digits < 3; digits++)
        ms *= 10;
    return ms;
}

static bool take_day(const char **text, struct fields *out)
{
    out->year = take_digits(text, 4);
    out->month = out->year < 0 ? -1 : take_part(text, '-', 2, -1);
    out->day = out->month < 0 ? -1 : take_part(text, '-', 2, -1);
    return out->month >= 1 && out->month <= 12 && out->day >= 1 && out->day <= 31;
}

static bool take_time(const char **text, struct fields *out)
{
    out->hour = take_digits(text, 2);
    out->minute = out->hour < 0 ? -1 : take_part(text, ':', 2, 0);
    out->second = out->minute < 0 ? -1 : take_part(text, ':', 2, 0);
    if (out->hour < 0 || out->hour > 24 || out->minute < 0 || out->minute > 59 || out->second < 0 ||
        out->second > 59)
        return false;
    out->ms = take_fraction(text);
    return true;
}

/* Behind the time: Z, +hh:mm, +hhmm, or nothing. */
static bool take_offset(const char **text, struct iso_date *out)
{
    int sign = **text == '-' ? -1 : **text == '+' ? 1 : 0;

    if (**text == '\0') {
        out->kind = ISO_DATE_LOCAL;
        return true;
    }
    out->kind = ISO_DATE_MOMENT;
    if (strcmp(*text, "Z") == 0)
        return true;
    if (sign == 0)
        return false;
    (*text)++;
    int hours = take_digits(text, 2);
    if (hours >= 0 && **text == ':')
        (*text)++;
    int minutes = hours >= 0 ? take_digits(text, 2) : -1;
    if (minutes < 0 || **text)
        return false;
    out->ms -= sign * (hours * 60 + minutes) * INT64_C(60000);
    return true;
}

bool iso_date_parse(const char *text, struct iso_date *out)
{
    struct iso_date date = {.kind = ISO_DATE_DAY};
    struct fields at = {0};

    if (!take_day(&text, &at))
        return false;
    bool has_time = *text == 'T' || *text == ' ';
    if (!has_time && *text)
        return false;
    text += has_time;
    if (has_time && !take_time(&text, &at))
        return false;
    date.ms = (((calendar_days(at.year, at.month, at.day) * 24 + at.hour) * 60 + at.minute) * 60 +
               at.second) *
                  1000 +
              at.ms;
    if (has_time && !take_offset(&text, &date))
        return false;
    *out = date;
    return true;
}
