/* Cron expressions with the meaning that cron-parser gives them, because jobs of series are named
 * by the slots it finds: 4.9.0, which Bull and BullMQ 5 use, or 5.10, which BullMQ 6 uses. Called
 * by the dialects; pure but for reading time zones. */
#ifndef CRON_CRON_H
#define CRON_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define CRON_TEXT_MAX  512   /* bytes of an expression */
#define CRON_STEPS_MAX 10000 /* of one search; cron-parser's own limit, so part of the meaning */

enum cron_edition {
    CRON_4,
    CRON_5, /* days are "any" only as * or ?, # goes with the weekday alone, ? and H in all fields;
               what is listed twice is refused */
};

struct cron {
    enum cron_edition edition;
    uint64_t seconds, minutes; /* bit n: value n */
    uint32_t hours, days, months, weekdays;
    unsigned day_count;    /* of listed days, each time one is listed; tells "any day" */
    bool has_every_hour;   /* 24 hours are listed */
    bool has_any_weekday;  /* CRON_4: 8 weekdays are listed, as 0 and 7 are both Sunday */
    bool has_last_day;     /* L among the days */
    bool has_bare_last;    /* L alone among the weekdays: the search fails where it is asked */
    uint8_t last_weekdays; /* bit n: weekday n in the last week of the month (5L) */
    uint8_t nth_weekday;   /* 1#2: 2; 0: none; above 5: never */
};

/* CT_E_INVALID with the field and what is wrong with it. */
enum ct_code cron_parse(const char *text, enum cron_edition edition, struct cron *out,
                        struct ct_error *err) CT_MUST_CHECK;

/* The first match after `after_ms` and not later than `end_ms` (INT64_MAX: no end), on the clocks
 * of `tz` (see zone_find; NULL: this process' zone). CT_E_NOT_FOUND: there is none, or none within
 * CRON_STEPS_MAX. CT_E_INVALID: the zone is unknown, or a time is outside of what JavaScript has.
 */
enum ct_code cron_next(const struct cron *cron, const char *tz, int64_t after_ms, int64_t end_ms,
                       int64_t *out_ms, struct ct_error *err) CT_MUST_CHECK;

#endif
