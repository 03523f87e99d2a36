/* server/cron: the calendar, rules for times to come, and zone files good and broken. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/random.h"
#include "cron/calendar.h"
#include "cron/zone.h"
#include "tests/lib/unit.h"

START_TEST(test_calendar)
{
    for (int64_t day = -800000; day < 800000; day += 13) {
        time_t seconds = day * CALENDAR_DAY_S;
        struct tm tm;
        gmtime_r(&seconds, &tm);
        ck_assert_int_eq(calendar_year_of(day), tm.tm_year + 1900);
        ck_assert_int_eq(calendar_days(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday), day);
        ck_assert_int_eq(calendar_weekday(day), tm.tm_wday);
    }
}
END_TEST

/* The C library is asked through TZ, in a process that Check forks for each test. */
static const char *const names[] = {"Europe/Madrid",
                                    "America/New_York",
                                    "Australia/Lord_Howe",
                                    "America/Havana",
                                    "Africa/Casablanca",
                                    "Asia/Kathmandu",
                                    "Pacific/Apia",
                                    "Europe/Dublin",
                                    "America/Nuuk",
                                    "Antarctica/Troll",
                                    "UTC",
                                    "Etc/GMT+12"};

START_TEST(test_as_the_c_library)
{
    uint64_t state = 7;
    struct ct_random random = ct_random_seeded(&state);
    struct ct_error err = {0};
    const struct zone *zone;

    ck_assert_msg(zone_find(names[_i], &zone, &err) == CT_E_OK, "%s", err.detail);
    setenv("TZ", names[_i], 1);
    tzset();
    for (int i = 0; i < 20000; i++) {
        /* 1900 to 2150 */
        time_t at_s = -2208988800 + (time_t)(ct_random_next(&random) % 7889400000u);
        struct tm tm;
        localtime_r(&at_s, &tm);
        struct zone_span span = zone_span_at(zone, at_s);
        ck_assert_msg(span.offset_s == tm.tm_gmtoff, "%s at %lld: %d, not %ld", names[_i],
                      (long long)at_s, span.offset_s, tm.tm_gmtoff);
        ck_assert_int_le(span.from_s, at_s);
        ck_assert_int_gt(span.until_s, at_s);
        int64_t before_s = at_s - (int64_t)(ct_random_next(&random) % 315576000); /* ten years */
        if (before_s < span.from_s)
            before_s = span.from_s;
        ck_assert_int_eq(zone_span_at(zone, before_s).offset_s, span.offset_s);
        if (span.from_s > INT64_MIN)
            ck_assert_int_eq(zone_span_at(zone, span.from_s).offset_s, span.offset_s);
        if (span.until_s < INT64_MAX)
            ck_assert_int_eq(zone_span_at(zone, span.until_s - 1).offset_s, span.offset_s);
    }
}
END_TEST

static const struct {
    const char *text;
    bool is_good;
} rules[] = {
    {"UTC0", true},
    {"CET-1CEST,M3.5.0,M10.5.0/3", true},
    {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", true},
    {"IST-1GMT0,M10.5.0,M3.5.0/1", true},
    {"EST5EDT", true},
    {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true},
    {"EET-2EEST,M3.5.4/50,M10.5.4/50", true},
    {"", false},
    {"UTC", false},
    {"U0", false},
    {"<UTC0", false},
    {"<>0", false},
    {"CET-1x", false},
    {"CET-1CEST,", false},
    {"CET-1CEST,M3.5.0", false},
    {"CET-1CEST,M13.5.0,M10.5.0", false},
    {"CET-1CEST,M3.6.0,M10.5.0", false},
    {"CET-1CEST,M3.5.7,M10.5.0", false},
    {"CET-1CEST,J0,J5", false},
    {"CET-1CEST,M3.5.0/168,M10.5.0", false},
    {"CET-1CEST,M3.5.0,M10.5.0 ", false},
    {"CET-1:60", false},
};

START_TEST(test_rules)
{
    struct posix_tz rule;

    ck_assert_msg(posix_tz_parse(rules[_i].text, &rule) == rules[_i].is_good, "%s", rules[_i].text);
    if (!rules[_i].is_good)
        return;
    /* Without rules the C library goes by files and habits of its own; ours are those of the US. */
    setenv("TZ", strcmp(rules[_i].text, "EST5EDT") == 0 ? "EST5EDT,M3.2.0,M11.1.0" : rules[_i].text,
           1);
    tzset();
    for (int64_t at_s = 1700000000; at_s < 1900000000; at_s += 3599) {
        struct tm tm;
        localtime_r(&at_s, &tm);
        ck_assert_msg(posix_tz_span_at(&rule, at_s).offset_s == tm.tm_gmtoff, "%s at %lld: %d",
                      rules[_i].text, (long long)at_s, posix_tz_span_at(&rule, at_s).offset_s);
    }
}
END_TEST

/* Summer time all the year, as RFC 8536 writes it: no gap at new year. */
START_TEST(test_rule_without_winter)
{
    struct posix_tz rule;

    ck_assert(posix_tz_parse("XXX3EDT4,0/0,J365/23", &rule));
    for (int64_t at_s = 1700000000; at_s < 1800000000; at_s += 1799)
        ck_assert_int_eq(posix_tz_span_at(&rule, at_s).offset_s, -4 * 3600);
}
END_TEST

START_TEST(test_names)
{
    static const char *const bad[] = {
        "",
        "..",
        "../passwd",
        "/etc/localtime",
        "Europe",
        "Europe/",
        "Europe//Madrid",
        "posix/Europe/Madrid",
        "right/UTC",
        "tzdata.zi",
        "zone.tab",
        "posixrules",
        "utc+",
        "utc+123",
        "utc+1:2",
        "utc+1:234",
        "Europe/Madrid\n",
        "Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const struct {
        const char *name;
        int32_t offset_s;
    } good[] = {
        {"europe/MADRID", 3600}, {"utc", 0},           {"GMT", 0},           {"utc+3", 10800},
        {"UTC-03:30", -12600},   {"utc-00:30", -1800}, {"Etc/GMT+5", -18000}};
    const struct zone *zone = NULL;
    struct ct_error err = {0};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(zone_find(bad[i], &zone, &err) == CT_E_INVALID, "%s", bad[i]);
        ck_assert_ptr_null(zone);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_int_eq(zone_find(good[i].name, &zone, &err), CT_E_OK);
        ck_assert_int_eq(zone_span_at(zone, 0).offset_s, good[i].offset_s);
    }
}
END_TEST

/* More zones than the cache holds: the oldest go, and come back when they are asked for. */
START_TEST(test_cache_is_bounded)
{
    const struct zone *zone;
    struct ct_error err = {0};

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < ZONE_CACHE_MAX + 20; i++) {
            char name[32];
            snprintf(name, sizeof name, "utc+%d:%02d", i / 60, i % 60);
            ck_assert_int_eq(zone_find(name, &zone, &err), CT_E_OK);
            ck_assert_int_eq(zone_span_at(zone, 0).offset_s, i * 60);
        }
    }
}
END_TEST

static const struct {
    const char *tz;
    int32_t offset_s;
} locals[] = {{"Asia/Tokyo", 32400},
              {":Asia/Tokyo", 32400},
              {"", 0},
              {"/usr/share/zoneinfo/Asia/Tokyo", 32400},
              {"ABC-3", 10800}};

START_TEST(test_local)
{
    const struct zone *zone;
    struct ct_error err = {0};

    setenv("TZ", locals[_i].tz, 1);
    ck_assert_msg(zone_find(_i % 2 ? NULL : "Local", &zone, &err) == CT_E_OK, "%s", err.detail);
    ck_assert_int_eq(zone_span_at(zone, 0).offset_s, locals[_i].offset_s);
}
END_TEST

START_TEST(test_local_unknown)
{
    const struct zone *zone;
    struct ct_error err = {0};

    setenv("TZ", "Nowhere/City", 1);
    ck_assert_int_eq(zone_find(NULL, &zone, &err), CT_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.detail, "TZ of this process is 'Nowhere/City'"));
    unsetenv("TZ"); /* /etc/localtime, or UTC where there is none */
    ck_assert_int_eq(zone_find(NULL, &zone, &err), CT_E_OK);
}
END_TEST

/* A good file cut at each length, and with each byte of its front changed: refused or read, never
 * more than that (the sanitizers watch). */
START_TEST(test_broken_files)
{
    char folder[] = "/tmp/cartrita-zone-XXXXXX", path[64], name[32];
    unsigned char data[8192];
    const struct zone *zone;
    struct ct_error err = {0};

    FILE *file = fopen("/usr/share/zoneinfo/Europe/Madrid", "rb");
    ck_assert_ptr_nonnull(file);
    size_t len = fread(data, 1, sizeof data, file);
    fclose(file);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("TZDIR", folder, 1);
    for (size_t i = 0; i < len; i++) {
        bool is_cut = i % 2 == 0;
        unsigned char saved = data[i];

        snprintf(name, sizeof name, "Z%zu", i);
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (!is_cut)
            data[i] ^= 0xFF;
        file = fopen(path, "wb");
        fwrite(data, 1, is_cut ? i : len, file);
        fclose(file);
        data[i] = saved;
        enum ct_code rc = zone_find(name, &zone, &err);
        if (is_cut)
            ck_assert_int_eq(rc, CT_E_INVALID);
        else if (rc == CT_E_OK)
            (void)zone_span_at(zone, 1700000000);
        unlink(path);
    }
    rmdir(folder);
}
END_TEST

static void put_be32(unsigned char **at, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *(*at)++ = (unsigned char)(value >> shift);
}

/* The smallest files of version 1: two changes between two types, each row with one fault. */
static const struct {
    bool is_good;
    int kind, type_count;
    uint32_t second_change_s, offset_s;
} small_files[] = {
    {true, 1, 2, 2000, 3600},    {false, 2, 2, 2000, 3600}, /* a type that is not there */
    {false, 1, 0, 2000, 3600},                              /* no types */
    {false, 1, 300, 2000, 3600},                            /* more types than bytes */
    {false, 1, -1, 2000, 3600},                             /* a negative count */
    {false, 1, 2, 1000, 3600},                              /* changes out of order */
    {false, 1, 2, 2000, 200000},                            /* more than a day from UTC */
};

START_TEST(test_small_files)
{
    char folder[] = "/tmp/cartrita-zone-XXXXXX", path[64];
    unsigned char data[128] = "TZif", *at = data + 20;
    const struct zone *zone;
    struct ct_error err = {0};
    const uint32_t counts[6] = {0, 0, 0, 2, (uint32_t)small_files[_i].type_count, 4};

    for (int i = 0; i < 6; i++)
        put_be32(&at, counts[i]);
    put_be32(&at, 1000);
    put_be32(&at, small_files[_i].second_change_s);
    *at++ = 0;
    *at++ = (unsigned char)small_files[_i].kind;
    put_be32(&at, 60); /* each type: offset, is summer time, name */
    at += 2;
    put_be32(&at, small_files[_i].offset_s);
    at += 2 + 4;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("TZDIR", folder, 1);
    snprintf(path, sizeof path, "%s/Small", folder);
    FILE *file = fopen(path, "wb");
    fwrite(data, 1, (size_t)(at - data), file);
    fclose(file);
    enum ct_code rc = zone_find("small", &zone, &err);
    unlink(path);
    rmdir(folder);
    ck_assert_int_eq(rc, small_files[_i].is_good ? CT_E_OK : CT_E_INVALID);
    if (rc != CT_E_OK)
        return;
    ck_assert_int_eq(zone_span_at(zone, 1999).offset_s, 60);
    ck_assert_int_eq(zone_span_at(zone, 2000).offset_s, 3600);
}
END_TEST

START_TEST(test_from_local)
{
    const struct zone *zone;
    struct ct_error err = {0};
    int64_t hour_ms = 3600000;
    int64_t spring_ms = 1711846800000; /* 2024-03-31 01:00 UTC: 2:00 becomes 3:00 in Madrid */
    int64_t autumn_ms = 1729990800000; /* 2024-10-27 01:00 UTC: 3:00 becomes 2:00 */

    ck_assert_int_eq(zone_find("Europe/Madrid", &zone, &err), CT_E_OK);
    /* 2:30 does not exist: half an hour after the change, 3:30. */
    ck_assert_int_eq(zone_from_local(zone, spring_ms + 3 * hour_ms / 2, 3600),
                     spring_ms + hour_ms / 2);
    ck_assert_int_eq(zone_from_local(zone, spring_ms + 3 * hour_ms / 2, 7200),
                     spring_ms + hour_ms / 2);
    /* 2:30 comes twice: the offset decides. */
    ck_assert_int_eq(zone_from_local(zone, autumn_ms + 3 * hour_ms / 2, 7200),
                     autumn_ms - hour_ms / 2);
    ck_assert_int_eq(zone_from_local(zone, autumn_ms + 3 * hour_ms / 2, 3600),
                     autumn_ms + hour_ms / 2);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_calendar);
    tcase_add_loop_test(tcase, test_as_the_c_library, 0, sizeof names / sizeof names[0]);
    tcase_add_loop_test(tcase, test_rules, 0, sizeof rules / sizeof rules[0]);
    tcase_add_test(tcase, test_rule_without_winter);
    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_cache_is_bounded);
    tcase_add_loop_test(tcase, test_local, 0, sizeof locals / sizeof locals[0]);
    tcase_add_test(tcase, test_local_unknown);
    tcase_add_test(tcase, test_broken_files);
    tcase_add_loop_test(tcase, test_small_files, 0, sizeof small_files / sizeof small_files[0]);
    tcase_add_test(tcase, test_from_local);
}

int main(void)
{
    return unit_run("zone", add_tests);
}
