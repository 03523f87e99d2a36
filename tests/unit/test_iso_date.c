/* Dates as JavaScript reads them, and moments on the clocks of a zone. */
#include <math.h>

#include "cron/iso_date.h"
#include "q/zoned.h"
#include "tests/lib/unit.h"

static const struct {
    const char *text;
    enum iso_date_kind kind;
    int64_t ms;
} dates[] = {
    {"1970-01-01", ISO_DATE_DAY, 0},
    {"2026-03-29", ISO_DATE_DAY, 1774742400000},
    {"2026-03-29T02:30", ISO_DATE_LOCAL, 1774751400000},
    {"2026-03-29 02:30:15", ISO_DATE_LOCAL, 1774751415000},
    {"2026-03-29T02:30:00Z", ISO_DATE_MOMENT, 1774751400000},
    {"2026-03-29T02:30:00.5+01:00", ISO_DATE_MOMENT, 1774747800500},
    {"2026-03-29T02:30-0330", ISO_DATE_MOMENT, 1774764000000},
    {"2026-03-29T24:00Z", ISO_DATE_MOMENT, 1774828800000},
    {"1969-12-31T23:59:59.999Z", ISO_DATE_MOMENT, -1},
};

START_TEST(test_dates)
{
    struct iso_date date;

    ck_assert(iso_date_parse(dates[_i].text, &date));
    ck_assert_int_eq(date.kind, dates[_i].kind);
    ck_assert_int_eq(date.ms, dates[_i].ms);
}
END_TEST

START_TEST(test_no_dates)
{
    static const char *const texts[] = {
        "",
        "2026",
        "2026-03",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-32",
        "26-01-01",
        "2026-01-01T",
        "2026-01-01T25:00",
        "2026-01-01T10:60",
        "2026-01-01T10:00:60",
        "2026-01-01T10:00 Z",
        "2026-01-01T10:00+1",
        "2026-01-01T10:00+01:00x",
        "2026-01-01x",
        "tomorrow",
    };
    struct iso_date date;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(!iso_date_parse(texts[i], &date), "%s", texts[i]);
}
END_TEST

/* What a date without an offset means depends on the zone; a repeated hour is the first of the two,
 * a skipped one goes on by the gap. */
START_TEST(test_zoned)
{
    static const struct {
        const char *text, *tz;
        int64_t ms;
    } moments[] = {
        {"1774751400000", "Europe/Madrid", 1774751400000},
        {"2026-01-01", "UTC", 1767225600000},
        {"2026-01-01", "UTC+3", 1767214800000},
        {"2026-01-01T00:00Z", "Europe/Madrid", 1767225600000},
        {"2026-07-01T12:00", "Europe/Madrid", 1782900000000},
        {"2026-03-29T02:30", "Europe/Madrid", 1774747800000},
    };
    const struct zone *zone;
    struct ct_error err;
    struct ct_buf text;
    int64_t ms;

    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        ck_assert_int_eq(zoned_parse(moments[i].text, moments[i].tz, "--end", &ms, &err), CT_E_OK);
        ck_assert_msg(ms == moments[i].ms, "%s: %lld", moments[i].text, (long long)ms);
    }
    ck_assert_int_eq(zoned_parse("soon", NULL, "--end", &ms, &err), CT_E_USAGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "--end soon: write a date"));
    ck_assert_int_eq(zoned_parse("2026-01-01", "Nowhere/Else", "--end", &ms, &err), CT_E_INVALID);

    ck_assert_int_eq(zone_find("Europe/Madrid", &zone, &err), CT_E_OK);
    ct_buf_init(&text);
    ck_assert_int_eq(zoned_append(&text, zone, 1774747800000), 7200);
    ct_buf_append_char(&text, '|');
    ck_assert_int_eq(zoned_append(&text, zone, 1767225600250), 3600);
    ct_buf_append_char(&text, '|');
    zoned_append_offset(&text, -12600);
    ct_buf_append_char(&text, '\0');
    ck_assert_str_eq(ct_buf_data(&text),
                     "2026-03-29 03:30:00 +02:00|2026-01-01 01:00:00.250 +01:00|-03:30");
    ct_buf_free(&text);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_dates, 0, (int)(sizeof dates / sizeof *dates));
    tcase_add_test(tcase, test_no_dates);
    tcase_add_test(tcase, test_zoned);
}

int main(void)
{
    return unit_run("iso_date", add_tests);
}
