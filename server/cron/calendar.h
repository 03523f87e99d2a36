/* The Gregorian calendar as arithmetic on days since 1970-01-01. */
#ifndef CRON_CALENDAR_H
#define CRON_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#define CALENDAR_DAY_S 86400

/* Division that rounds down, also for times before 1970. */
static inline int64_t calendar_floor_div(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

static inline bool calendar_is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* `month` from 1. */
static inline int calendar_month_days(int64_t year, int month)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && calendar_is_leap(year) ? 1 : 0);
}

/* Days from 1970-01-01 to the first of January of `year`. */
static inline int64_t calendar_year_start(int64_t year)
{
    int64_t past = year - 1; /* leap days come from the years before */

    return 365 * (year - 1970) + (calendar_floor_div(past, 4) - 492) -
           (calendar_floor_div(past, 100) - 19) + (calendar_floor_div(past, 400) - 4);
}

static inline int64_t calendar_days(int64_t year, int month, int day)
{
    int64_t days = calendar_year_start(year) + day - 1;

    for (int m = 1; m < month; m++)
        days += calendar_month_days(year, m);
    return days;
}

/* The year that holds the day `days` after 1970-01-01. */
static inline int64_t calendar_year_of(int64_t days)
{
    int64_t year = 1970 + calendar_floor_div(days * 400, 146097); /* off by one at most */

    if (calendar_year_start(year) > days)
        year--;
    else if (calendar_year_start(year + 1) <= days)
        year++;
    return year;
}

/* 0: Sunday. 1970-01-01 was a Thursday. */
static inline int calendar_weekday(int64_t days)
{
    return (int)(days - 7 * calendar_floor_div(days + 4, 7) + 4);
}

#endif
