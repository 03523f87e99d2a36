/* Cron expressions with the meaning that cron-parser 4.9.0 gives them, because Bull's repeatable
 * jobs are named by the slots it finds. Called by the dialects; pure but for reading time zones. */
#ifndef CRON_CRON_H
#define CRON_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define CRON_TEXT_MAX 512 /* bytes of an expression */

/* Days of the week are 0 to 7, both ends Sunday. */
struct cron {
    uint64_t seconds, minutes; /* bit n: value n */
    uint32_t hours, days, months, weekdays;
    bool has_last_day;     /* L among the days */
    uint8_t last_weekdays; /* bit n: weekday n only in the last week of the month (5L); bit 7: a
                              bare L, which never comes */
    uint8_t nth_weekday;   /* 1#2: 2; 0: none */
};

/* CT_E_INVALID with the field and what is wrong with it. */
enum ct_code cron_parse(const char *text, struct cron *out, struct ct_error *err) CT_MUST_CHECK;

/* The first match after `after_ms` and not later than `end_ms` (INT64_MAX: no end), on the clocks
 * of `tz` (NULL: this process' zone). CT_E_NOT_FOUND: there is none, or none that the search limit
 * of cron-parser reaches. CT_E_INVALID: the zone is unknown. */
enum ct_code cron_next(const struct cron *cron, const char *tz, int64_t after_ms, int64_t end_ms,
                       int64_t *out_ms, struct ct_error *err) CT_MUST_CHECK;

#endif
