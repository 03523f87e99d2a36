/* See the header. */
#include "q/zoned.h"

#include <stdlib.h>

#include "cron/calendar.h"
#include "cron/iso_date.h"

#define DATE_MAX_MS 8640000000000000 /* JavaScript has no later date */
#define DAY_MS      (CALENDAR_DAY_S * INT64_C(1000))

void zoned_append_offset(struct ct_buf *buf, int32_t offset_s)
{
    int minutes = abs(offset_s) / 60;

    ct_buf_printf(buf, "%c%02d:%02d", offset_s < 0 ? '-' : '+', minutes / 60, minutes % 60);
    if (abs(offset_s) % 60 != 0)
        ct_buf_printf(buf, ":%02d", abs(offset_s) % 60);
}

int32_t zoned_append(struct ct_buf *buf, const struct zone *zone, int64_t at_ms)
{
    int32_t offset_s = zone_span_at(zone, calendar_floor_div(at_ms, 1000)).offset_s;
    int64_t local_ms = at_ms + (int64_t)offset_s * 1000;
    int64_t days = calendar_floor_div(local_ms, DAY_MS);
    int64_t year = calendar_year_of(days), left = days - calendar_year_start(year);
    int ms = (int)(local_ms - days * DAY_MS), second = ms / 1000, month = 1;

    while (left >= calendar_month_days(year, month))
        left -= calendar_month_days(year, month++);
    ct_buf_printf(buf, "%04lld-%02d-%02d %02d:%02d:%02d", (long long)year, month, (int)left + 1,
                  second / 3600, second / 60 % 60, second % 60);
    if (ms % 1000 != 0)
        ct_buf_printf(buf, ".%03d", ms % 1000);
    ct_buf_append_char(buf, ' ');
    zoned_append_offset(buf, offset_s);
    return offset_s;
}

enum ct_code zoned_parse(const char *text, const char *tz, const char *what, int64_t *out_ms,
                         struct ct_error *err)
{
    const struct zone *zone;
    struct iso_date date;
    int64_t ms;
    enum ct_code rc;

    if (ct_str_to_int(ct_str_of(text), &ms) && ms >= 0 && ms <= DATE_MAX_MS) {
        *out_ms = ms;
        return CT_E_OK;
    }
    if (!iso_date_parse(text, &date))
        return ct_error_set(err, CT_E_USAGE,
                            "%s %s: write a date such as 2026-12-31, 2026-12-31T18:00, "
                            "2026-12-31T18:00+01:00, or ms since 1970",
                            what, text);
    if (date.kind != ISO_DATE_MOMENT) {
        rc = zone_find(tz, &zone, err);
        if (rc != CT_E_OK)
            return rc;
        date.ms = zone_from_local(zone, date.ms,
                                  zone_span_at(zone, calendar_floor_div(date.ms, 1000)).offset_s);
    }
    *out_ms = date.ms;
    return CT_E_OK;
}
