/* server/cron: slots by hand-written vectors. cron_compare.test.mjs asks the real package. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cron/cron.h"
#include "tests/lib/unit.h"

#define NEXT_MAX 4

static int64_t ms_of(const char *text)
{
    struct tm tm = {.tm_mday = 1};
    const char *end = strptime(text, strlen(text) > 10 ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &tm);

    ck_assert_msg(end && *end == '\0', "%s", text);
    return (int64_t)timegm(&tm) * 1000;
}

static const struct {
    const char *text, *tz, *base;
    const char *next[NEXT_MAX]; /* NULL: no more are asked for */
} vectors[] = {
    {"* * * * *", "UTC", "2024-01-01", {"2024-01-01T00:01:00", "2024-01-01T00:02:00"}},
    {"*/10 * * * * *",
     "UTC",
     "2024-01-01T00:00:05",
     {"2024-01-01T00:00:10", "2024-01-01T00:00:20"}},
    {"0 12 1,15 * 5",
     "UTC",
     "2024-01-01T12:00:00",
     {"2024-01-05T12:00:00", "2024-01-12T12:00:00", "2024-01-15T12:00:00"}},
    {"0 0 1 * 0-6", "UTC", "2024-01-10", {"2024-01-11", "2024-01-12", "2024-01-13"}},
    {"0 0 L * *", "UTC", "2024-02-10", {"2024-02-29", "2024-03-31", "2024-04-30"}},
    {"0 0 * * 5L", "UTC", "2024-02-10", {"2024-02-23", "2024-03-29", "2024-04-26"}},
    {"0 0 * * 1#2", "UTC", "2024-02-01", {"2024-02-12", "2024-03-11", "2024-04-08"}},
    {"5/20 * * * *",
     "UTC",
     "2024-01-01",
     {"2024-01-01T00:05:00", "2024-01-01T00:25:00", "2024-01-01T00:45:00"}},
    {"30 2 * * *",
     "America/New_York",
     "2024-03-09T06:00:00",
     {"2024-03-09T07:30:00", "2024-03-10T07:30:00", "2024-03-11T06:30:00"}},
    {"30 1 * * *",
     "America/New_York",
     "2024-11-02T12:00:00",
     {"2024-11-03T05:30:00", "2024-11-04T06:30:00"}},
    {"0 * * * *",
     "America/New_York",
     "2024-11-03T04:30:00",
     {"2024-11-03T05:00:00", "2024-11-03T06:00:00", "2024-11-03T07:00:00", "2024-11-03T08:00:00"}},
    {"*/20 1 * * *",
     "America/New_York",
     "2024-11-03T04:00:00",
     {"2024-11-03T05:00:00", "2024-11-03T05:20:00", "2024-11-03T05:40:00", "2024-11-04T06:00:00"}},
    {"*/30 2 * * *",
     "America/New_York",
     "2024-03-10T05:00:00",
     {"2024-03-10T07:00:00", "2024-03-11T06:00:00", "2024-03-11T06:30:00"}},
    {"30 2,3 * * *",
     "America/New_York",
     "2024-03-10T05:00:00",
     {"2024-03-10T07:30:00", "2024-03-11T06:30:00", "2024-03-11T07:30:00"}},
    {"0 0-6 * * *",
     "Europe/Madrid",
     "2024-10-26T22:30:00",
     {"2024-10-26T23:00:00", "2024-10-27T00:00:00", "2024-10-27T02:00:00", "2024-10-27T03:00:00"}},
    {"15 */2 * * *",
     "Europe/Madrid",
     "2024-03-31",
     {"2024-03-31T01:15:00", "2024-03-31T02:15:00", "2024-03-31T04:15:00", "2024-03-31T06:15:00"}},
    {"0 0 29 2 *", "UTC", "2025-01-01", {"2028-02-29", "2032-02-29"}},
    {"@hourly", "utc+5:30", "2024-01-01", {"2024-01-01T00:30:00"}},
    {"", "UTC", "2024-01-01", {"2024-01-01T00:01:00"}},
    {" 0\t0 1 JAN Mon ", "UTC", "2024-01-02", {"2024-01-08", "2024-01-15"}},
    {"0 1* * * *", "UTC", "2024-01-01T23:30:00", {"2024-01-02T10:00:00"}},
};

START_TEST(test_vectors)
{
    struct ct_error err = {0};
    struct cron cron;
    int64_t at_ms = ms_of(vectors[_i].base), slot_ms = 0;

    ck_assert_msg(cron_parse(vectors[_i].text, CRON_4, &cron, &err) == CT_E_OK, "%s", err.detail);
    for (int n = 0; n < NEXT_MAX && vectors[_i].next[n]; n++) {
        ck_assert_msg(cron_next(&cron, vectors[_i].tz, at_ms, INT64_MAX, &slot_ms, &err) == CT_E_OK,
                      "%s", err.detail);
        ck_assert_msg(slot_ms == ms_of(vectors[_i].next[n]), "%s %s: %lld, not %s",
                      vectors[_i].text, vectors[_i].tz, (long long)slot_ms, vectors[_i].next[n]);
        at_ms = slot_ms;
    }
}
END_TEST

START_TEST(test_end)
{
    struct ct_error err = {0};
    struct cron cron;
    int64_t end_ms = ms_of("2024-01-03"), slot_ms = 0;

    ck_assert_int_eq(cron_parse("0 0 * * *", CRON_4, &cron, &err), CT_E_OK);
    ck_assert_int_eq(cron_next(&cron, "UTC", ms_of("2024-01-02"), end_ms, &slot_ms, &err), CT_E_OK);
    ck_assert_int_eq(slot_ms, end_ms); /* the end itself still counts */
    ck_assert_int_eq(cron_next(&cron, "UTC", end_ms, end_ms, &slot_ms, &err), CT_E_NOT_FOUND);
    ck_assert_int_eq(slot_ms, end_ms);
}
END_TEST

/* Milliseconds are cut off, but a slot is always later than the base. */
START_TEST(test_milliseconds)
{
    struct ct_error err = {0};
    struct cron cron;
    int64_t slot_ms = 0, base_ms = ms_of("2024-01-01");

    ck_assert_int_eq(cron_parse("* * * * * *", CRON_4, &cron, &err), CT_E_OK);
    ck_assert_int_eq(cron_next(&cron, "UTC", base_ms + 1, INT64_MAX, &slot_ms, &err), CT_E_OK);
    ck_assert_int_eq(slot_ms, base_ms + 1000);
    ck_assert_int_eq(cron_next(&cron, "UTC", base_ms - 1, INT64_MAX, &slot_ms, &err), CT_E_OK);
    ck_assert_int_eq(slot_ms, base_ms);
}
END_TEST

static const char *const bad[][2] = {
    {"60 * * * *", "cron field 'minute' is '60': a number is out of range (0 to 59)"},
    {"* 24 * * *", "cron field 'hour' is '24'"},
    {"* * 0 * *", "cron field 'day of month' is '0'"},
    {"* * * 13 *", "cron field 'month' is '13'"},
    {"* * * * 8", "cron field 'day of week' is '8'"},
    {"* * * * * * *", "the cron expression '* * * * * * *' has more than 6 fields"},
    {"6-2 * * * *", "cron field 'minute' is '6-2': a range runs backwards"},
    {"*/0 * * * *", "cron field 'minute' is '*/0': a step (/n) must be 1 or more"},
    {"1/2/3 * * * *", "cron field 'minute' is '1/2/3': more than one slash"},
    {"1,,2 * * * *", "cron field 'minute' is '1,,2': an entry of a list is empty"},
    {"? * * * *", "cron field 'minute' is '?': a character that is not allowed"},
    {"* * * foo *", "cron field 'month' is 'foo': an unknown name"},
    {"* * * * 1#6", "cron field 'day of week' is '1#6': behind # must stand a number from 1 to 5"},
    {"* * * * 1,2#1", "cron field 'day of week' is '1,2#1': # cannot stand together"},
    {"* * * * #1", "cron field 'day of week' is '#1': a character"},
    {"0 0 30 2 *", "cron field 'day of month' is '30': the month does not have this day"},
    {"-5 * * * *", "cron field 'minute' is '-5': a minus needs"},
    {"1-L * * * *", "cron field 'minute' is '1-L'"},
    {"@reboot", "cron field 'day of week' is '@reboot': an unknown name"},
    {"every day", "cron field 'month' is 'every'"},
};

START_TEST(test_bad)
{
    struct ct_error err = {0};
    struct cron cron;

    ck_assert_int_eq(cron_parse(bad[_i][0], CRON_4, &cron, &err), CT_E_INVALID);
    ck_assert_msg(strncmp(err.detail, bad[_i][1], strlen(bad[_i][1])) == 0, "%s", err.detail);
}
END_TEST

START_TEST(test_never)
{
    static const char *const texts[] = {"0 0 * * L", "0 0 31 2,4 *", "0 0 * * 1#2.5"};
    struct ct_error err = {0};
    struct cron cron;
    int64_t slot_ms = 7;

    ck_assert_int_eq(cron_parse(texts[_i], CRON_4, &cron, &err), CT_E_OK);
    ck_assert_int_eq(cron_next(&cron, "UTC", ms_of("2024-01-01"), INT64_MAX, &slot_ms, &err),
                     CT_E_NOT_FOUND);
    ck_assert_int_eq(slot_ms, 7);
}
END_TEST

START_TEST(test_limits)
{
    char text[CRON_TEXT_MAX + 2];
    struct ct_error err = {0};
    struct cron cron;
    int64_t slot_ms;

    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ck_assert_int_eq(cron_parse(text, CRON_4, &cron, &err), CT_E_TOO_LARGE);
    memset(text, '*', CRON_TEXT_MAX);
    text[CRON_TEXT_MAX] = '\0';
    ck_assert_int_eq(cron_parse(text, CRON_4, &cron, &err), CT_E_INVALID);
    ck_assert_int_eq(cron_parse("* * * * *", CRON_4, &cron, &err), CT_E_OK);
    ck_assert_int_eq(cron_next(&cron, "UTC", INT64_MAX, INT64_MAX, &slot_ms, &err), CT_E_INVALID);
    ck_assert_int_eq(cron_next(&cron, "UTC", INT64_MIN, INT64_MAX, &slot_ms, &err), CT_E_INVALID);
    ck_assert_int_eq(cron_next(&cron, "UTC", 8640000000000000, INT64_MAX, &slot_ms, &err),
                     CT_E_NOT_FOUND);
}
END_TEST

START_TEST(test_zones)
{
    struct ct_error err = {0};
    struct cron cron;
    int64_t slot_ms;

    ck_assert_int_eq(cron_parse("0 0 * * *", CRON_4, &cron, &err), CT_E_OK);
    ck_assert_int_eq(cron_next(&cron, "Mars/Olympus", 0, INT64_MAX, &slot_ms, &err), CT_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.detail, "unknown time zone 'Mars/Olympus'"));
    setenv("TZ", "Asia/Tokyo", 1);
    ck_assert_int_eq(cron_next(&cron, NULL, 0, INT64_MAX, &slot_ms, &err), CT_E_OK);
    ck_assert_int_eq(slot_ms, 15 * 3600000);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_vectors, 0, sizeof vectors / sizeof vectors[0]);
    tcase_add_test(tcase, test_end);
    tcase_add_test(tcase, test_milliseconds);
    tcase_add_loop_test(tcase, test_bad, 0, sizeof bad / sizeof bad[0]);
    tcase_add_loop_test(tcase, test_never, 0, 3);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_zones);
}

int main(void)
{
    return unit_run("cron", add_tests);
}
