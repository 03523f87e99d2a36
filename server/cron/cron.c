/* Walks the clock to the next match of a cron expression. Pure but for reading time zones.
 *
 * The walk is cron-parser's, step for step: it goes by days, months, hours, minutes or seconds,
 * whichever does not fit, and treats the hours around clock changes by what a step did to the wall
 * clock. The number of steps is limited, and the limit is part of the meaning. */
#include "cron/cron.h"

#include "cron/calendar.h"
#include "cron/zone.h"

#define HOUR_MS   3600000
#define MINUTE_MS 60000
#define SECOND_MS 1000
#define DAY_MS    ((int64_t)CALENDAR_DAY_S * 1000)
#define NO_HOUR   (-1)
#define NTH_MAX   5
#define DATE_MAX_MS \
    8640000000000000 /* JavaScript has no later date, and no earlier than minus this */

/* Where the walk is, as a moment and as clocks show it. */
struct walk {
    const struct cron *cron;
    const struct zone *zone;
    struct zone_span span; /* the offset around at_ms, so that most steps need no search */
    int64_t at_ms;
    int64_t local_ms; /* at_ms on the wall clock */
    int64_t day;      /* since 1970, on the wall clock, as is all below */
    int64_t year;
    int month, month_day, weekday, hour, minute, second;
    int hour_after_gap; /* hour that a step over a spring gap reached; NO_HOUR */
    int hour_repeated;  /* hour that a step entered for the second time; NO_HOUR */
};

static void walk_to(struct walk *walk, int64_t at_ms)
{
    int64_t at_s = calendar_floor_div(at_ms, SECOND_MS);

    if (at_s < walk->span.from_s || at_s >= walk->span.until_s)
        walk->span = zone_span_at(walk->zone, at_s);
    walk->at_ms = at_ms;
    walk->local_ms = at_ms + (int64_t)walk->span.offset_s * SECOND_MS;

    int64_t day = calendar_floor_div(walk->local_ms, DAY_MS);
    int second = (int)((walk->local_ms - day * DAY_MS) / SECOND_MS);
    walk->hour = second / 3600;
    walk->minute = second / 60 % 60;
    walk->second = second % 60;
    if (day == walk->day)
        return;
    walk->day = day;
    walk->year = calendar_year_of(day);
    walk->weekday = calendar_weekday(day);
    walk->month = 1;
    int64_t left = day - calendar_year_start(walk->year);
    while (left >= calendar_month_days(walk->year, walk->month))
        left -= calendar_month_days(walk->year, walk->month++);
    walk->month_day = (int)left + 1;
}

static void walk_to_local(struct walk *walk, int64_t local_ms)
{
    walk_to(walk, zone_from_local(walk->zone, local_ms, walk->span.offset_s));
}

static void walk_to_start_of(struct walk *walk, int64_t unit_ms)
{
    walk_to_local(walk, calendar_floor_div(walk->local_ms, unit_ms) * unit_ms);
}

/* --- steps ------------------------------------------------------------------------------------ */

static void step_hour_plain(struct walk *walk)
{
    int64_t before_ms = walk->at_ms;

    walk_to(walk, before_ms + HOUR_MS);
    walk_to_start_of(walk, HOUR_MS);
    if (walk->at_ms <= before_ms)
        walk_to(walk, walk->at_ms + HOUR_MS);
}

/* Where midnight does not exist, the start of the next day can be where the walk already is. */
static void leave_standstill(struct walk *walk, int64_t before_ms)
{
    if (walk->at_ms == before_ms && walk->minute == 0 && walk->second == 0)
        step_hour_plain(walk);
}

static void step_day(struct walk *walk)
{
    int64_t before_ms = walk->at_ms;

    walk_to_local(walk, walk->local_ms + DAY_MS);
    walk_to_start_of(walk, DAY_MS);
    leave_standstill(walk, before_ms);
}

static void step_month(struct walk *walk)
{
    int64_t before_ms = walk->at_ms;
    int64_t year = walk->month == 12 ? walk->year + 1 : walk->year;
    int month = walk->month % 12 + 1;
    int last = calendar_month_days(year, month);
    int day = walk->month_day < last ? walk->month_day : last;
    int64_t time_ms = walk->local_ms - walk->day * DAY_MS;

    walk_to_local(walk, calendar_days(year, month, day) * DAY_MS + time_ms);
    walk_to_local(walk, calendar_days(walk->year, walk->month, 1) * DAY_MS);
    leave_standstill(walk, before_ms);
}

static void step_within_hour(struct walk *walk, int64_t unit_ms)
{
    int64_t before_ms = walk->at_ms;

    walk_to(walk, before_ms + unit_ms);
    walk_to_start_of(walk, unit_ms);
    if (walk->at_ms < before_ms)
        walk_to(walk, walk->at_ms + HOUR_MS);
}

/* An hour, minute or second on, watching what that does to the hour on the wall clock. */
static void step_time(struct walk *walk, int64_t unit_ms)
{
    int hour_before = walk->hour;

    if (unit_ms == HOUR_MS)
        step_hour_plain(walk);
    else
        step_within_hour(walk, unit_ms);
    if (walk->cron->has_every_hour)
        return; /* every real hour counts then */
    if (walk->hour - hour_before == 2 ||
        (walk->cron->edition == CRON_5 && walk->hour - hour_before == 2 - 24))
        walk->hour_after_gap = walk->hour;
    else if (walk->hour == hour_before && walk->minute == 0 && walk->second == 0)
        walk->hour_repeated = walk->hour;
}

/* --- matching --------------------------------------------------------------------------------- */

static bool has_bit(uint64_t bits, int value)
{
    return value >= 0 && (bits >> value & 1);
}

static bool nth_fits(const struct walk *walk)
{
    return walk->cron->nth_weekday == 0 || (walk->month_day + 6) / 7 == walk->cron->nth_weekday;
}

/* False in *is_asked_in_vain: a bare L among the weekdays, where cron-parser gives up. */
static bool weekday_fits(const struct walk *walk, bool *is_asked_in_vain)
{
    const struct cron *cron = walk->cron;
    bool is_in_last_week = walk->month_day + 7 > calendar_month_days(walk->year, walk->month);

    *is_asked_in_vain = false;
    if (has_bit(cron->weekdays, walk->weekday) && (cron->edition == CRON_4 || nth_fits(walk)))
        return true;
    if (is_in_last_week && has_bit(cron->last_weekdays, walk->weekday))
        return true;
    *is_asked_in_vain = cron->has_bare_last;
    return false;
}

static bool day_fits(const struct walk *walk, bool weekday_fits_too)
{
    static const unsigned char longest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const struct cron *cron = walk->cron;
    bool is_last = walk->month_day == calendar_month_days(walk->year, walk->month);
    bool month_day_fits = has_bit(cron->days, walk->month_day) || (cron->has_last_day && is_last);
    bool is_any_day = cron->day_count >= longest[walk->month - 1];

    if (!month_day_fits && (!weekday_fits_too || cron->has_any_weekday))
        return false;
    if (is_any_day && !cron->has_any_weekday && !weekday_fits_too)
        return false;
    return cron->edition == CRON_5 || nth_fits(walk);
}

/* Goes one step where the hour does not fit; false: it fits. */
static bool step_from_hour(struct walk *walk)
{
    const struct cron *cron = walk->cron;

    if (has_bit(cron->hours, walk->hour)) {
        if (walk->hour_repeated != walk->hour)
            return false;
        walk->hour_repeated = NO_HOUR;
        step_time(walk, HOUR_MS);
        return true;
    }
    if (walk->hour_after_gap != walk->hour) {
        walk->hour_after_gap = NO_HOUR;
        step_time(walk, HOUR_MS);
        return true;
    }
    if (has_bit(cron->hours, cron->edition == CRON_4 ? walk->hour - 1 : (walk->hour + 23) % 24))
        return false; /* the hour that was asked for was skipped: this one stands in */
    step_hour_plain(walk);
    return true;
}

/* One step towards the match; false: the walk stands on it. */
static bool step(struct walk *walk, int64_t after_ms, bool weekday_fits_too)
{
    const struct cron *cron = walk->cron;

    bool is_month = has_bit(cron->months, walk->month);

    if ((is_month || cron->edition == CRON_4) && !day_fits(walk, weekday_fits_too)) {
        step_day(walk);
        return true;
    }
    if (!is_month) {
        step_month(walk);
        return true;
    }
    if (step_from_hour(walk))
        return true;
    if (!has_bit(cron->minutes, walk->minute)) {
        step_time(walk, MINUTE_MS);
        return true;
    }
    if (!has_bit(cron->seconds, walk->second) || walk->at_ms == after_ms) {
        step_time(walk, SECOND_MS);
        return true;
    }
    return false;
}

enum ct_code cron_next(const struct cron *cron, const char *tz, int64_t after_ms, int64_t end_ms,
                       int64_t *out_ms, struct ct_error *err)
{
    struct walk walk = {.cron = cron,
                        .span = {0, 0, 0},
                        .day = INT64_MIN,
                        .hour_after_gap = NO_HOUR,
                        .hour_repeated = NO_HOUR};
    enum ct_code rc = zone_find(tz, &walk.zone, err);

    if (rc != CT_E_OK)
        return rc;
    if (after_ms > DATE_MAX_MS || after_ms < -DATE_MAX_MS)
        return ct_error_set(err, CT_E_INVALID, "cron cannot count from a time so far away");
    walk_to(&walk, after_ms);
    for (int steps = 1; steps < CRON_STEPS_MAX; steps++) {
        bool is_in_vain;
        bool weekday_fits_too = weekday_fits(&walk, &is_in_vain);

        if (walk.at_ms > end_ms)
            return ct_error_set(err, CT_E_NOT_FOUND,
                                "no match of the cron expression before its end");
        if (walk.at_ms > DATE_MAX_MS || is_in_vain)
            break;
        if (!step(&walk, after_ms, weekday_fits_too)) {
            *out_ms = walk.at_ms;
            return CT_E_OK;
        }
    }
    return ct_error_set(err, CT_E_NOT_FOUND,
                        "no match of the cron expression within %d steps of the search",
                        CRON_STEPS_MAX);
}
