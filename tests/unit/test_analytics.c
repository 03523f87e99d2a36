/* The pure parts of the plugin analytics: times, windows, partitions, rows for COPY. What touches a
 * database is tried in tests/interop/analytics_*.test.mjs. */
#include <check.h>
#include <stdlib.h>

#include "cartrita/sdk/error.h"
#include "tests/lib/unit.h"
#include "worker/plugins/analytics/aggregate/window.c"
#include "worker/plugins/analytics/json_text.c"
#include "worker/plugins/analytics/postgres/array.c"
#include "worker/plugins/analytics/query/time.c"
#include "worker/plugins/analytics/schema/partition.c"
#include "worker/plugins/analytics/track/event.c"

static const int64_t noon = 1769860800000; /* 2026-01-31T12:00:00Z, a Saturday */

static bool parse(const char *text, int64_t *ms)
{
    json_t *value = json_string(text);
    bool is_time = query_time_parse(value, ms);

    json_decref(value);
    return is_time;
}

START_TEST(test_times_are_read)
{
    static const char *const same[] = {"2026-01-31T12:00:00Z", "2026-01-31 12:00",
                                       "2026-01-31T14:00:00+02:00", "2026-01-31T06:30:00.000-0530",
                                       "2026-01-31T12:00:00.0004"};
    int64_t ms;

    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        ck_assert_msg(parse(same[i], &ms), "%s", same[i]);
        ck_assert_int_eq(ms, noon);
    }
    ck_assert(parse("2026-01-31", &ms) && ms == noon - 43200000);
    ck_assert(parse("1969-12-31T23:59:59.5Z", &ms) && ms == -500);
}
END_TEST

START_TEST(test_what_is_no_time_is_refused)
{
    static const char *const bad[] = {"",
                                      "now",
                                      "2026",
                                      "2026-02-30",
                                      "2026-13-01",
                                      "2026-01-31T25:00",
                                      "2026-01-31T12:00Zx",
                                      "2026-01-31T12:00+15:00",
                                      "2026-01-31x",
                                      "2026-01-31T12"};
    int64_t ms;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!parse(bad[i], &ms), "%s", bad[i]);
    ck_assert(!query_time_parse(json_null(), &ms));
}
END_TEST

START_TEST(test_times_are_printed)
{
    char text[QUERY_TIME_SIZE];

    query_time_print(noon + 7, text);
    ck_assert_str_eq(text, "2026-01-31T12:00:00.007Z");
    query_time_print(-1, text);
    ck_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
}
END_TEST

static void check_partition(enum partition_span span, int64_t at_ms, const char *name, int days)
{
    struct partition one = partition_around(span, at_ms), again;
    char given[PARTITION_NAME_SIZE];

    partition_name(&one, given);
    ck_assert_str_eq(given, name);
    ck_assert_int_eq(one.to_ms - one.from_ms, days * DAY_MS);
    ck_assert(at_ms >= one.from_ms && at_ms < one.to_ms);
    ck_assert(partition_parse(given, &again));
    ck_assert(again.from_ms == one.from_ms && again.to_ms == one.to_ms && again.span == span);
}

START_TEST(test_partitions_have_bounds_and_names)
{
    check_partition(PARTITION_DAY, noon, "events_d20260131", 1);
    check_partition(PARTITION_WEEK, noon, "events_w20260126", 7);
    check_partition(PARTITION_MONTH, noon, "events_m20260101", 31);
    check_partition(PARTITION_MONTH, noon + DAY_MS, "events_m20260201", 28);
    check_partition(PARTITION_DAY, -1, "events_d19691231", 1);
    check_partition(PARTITION_WEEK, -1, "events_w19691229", 7);
    check_partition(PARTITION_WEEK, -4 * DAY_MS, "events_w19691222", 7);
}
END_TEST

START_TEST(test_other_tables_are_no_partitions)
{
    static const char *const bad[] = {"events",           "events_default",    "events_x20260101",
                                      "events_d20260132", "events_m20260102",  "events_w20260131",
                                      "events_d2026010",  "events_d202601011", "tracked"};
    struct partition one;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!partition_parse(bad[i], &one), "%s", bad[i]);
}
END_TEST

static bool read_windows(const char *json, struct windows *out, struct sdk_error *error)
{
    json_t *data = json_loads(json, 0, NULL);
    struct sdk_reader reader = sdk_reader(data, "data", error);
    bool is_good = windows_read(&reader, noon + 59999, 10, out);

    json_decref(data);
    return is_good;
}

START_TEST(test_windows)
{
    struct sdk_error error = {0};
    struct windows windows;

    ck_assert(read_windows("{\"window\": \"minute\"}", &windows, &error));
    ck_assert(windows.to_ms == noon && windows.from_ms == noon - 60000);
    ck_assert(read_windows("{\"from\": 5, \"to\": 7}", &windows, &error));
    ck_assert_int_eq(windows_end(&windows, 5), 7);
    ck_assert(
        read_windows("{\"window\": \"hour\", \"from\": 0, \"to\": 36000000}", &windows, &error));
    ck_assert_int_eq(windows_end(&windows, 0), 3600000);
    ck_assert(
        !read_windows("{\"window\": \"hour\", \"from\": 0, \"to\": 39600000}", &windows, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "windowsMax"));
    ck_assert(!read_windows("{\"window\": \"year\"}", &windows, &error));
    ck_assert(!read_windows("{\"to\": 7}", &windows, &error));
}
END_TEST

START_TEST(test_rows_are_escaped)
{
    json_t *data = json_loads(
        "{\"eventType\": \"a\\tb\\\\\\nc\", \"data\": {\"k\": \"\\n\"}, \"at\": 0}", 0, NULL);
    struct event_origin origin = {.queue = "q\t", .job_id = "7", .at_ms = noon};
    struct event_limits limits = {.events_max = 1, .bytes_max = 100, .last_ms = noon};
    struct sdk_error error = {0};
    struct event_rows rows;

    ck_assert_msg(event_rows_read(data, &origin, &limits, &rows, &error), "%s", error.text);
    ck_assert_str_eq(rows.rows.bytes, "1970-01-01T00:00:00.000Z\ta\\tb\\\\\\nc\t\\N\t"
                                      "{\"k\":\"\\\\n\"}\tq\\t\t7\t0\n");
    ck_assert(rows.count == 1 && rows.times_ms[0] == 0);
    event_rows_free(&rows);
    limits.oldest_ms = 1;
    ck_assert(!event_rows_read(data, &origin, &limits, &rows, &error));
    ck_assert(error.is_permanent && strstr(error.text, "data.at: 1970"));
    event_rows_free(&rows);
    json_decref(data);
}
END_TEST

START_TEST(test_arrays_are_quoted)
{
    struct sdk_string array = {0};

    pg_array_end(&array);
    ck_assert_str_eq(array.bytes, "{}");
    sdk_string_free(&array);
    array = (struct sdk_string){0};
    pg_array_add(&array, "");
    pg_array_add(&array, "a\"b\\c,{d}");
    pg_array_end(&array);
    ck_assert_str_eq(array.bytes, "{\"\",\"a\\\"b\\\\c,{d}\"}");
    sdk_string_free(&array);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_times_are_read);
    tcase_add_test(tcase, test_what_is_no_time_is_refused);
    tcase_add_test(tcase, test_times_are_printed);
    tcase_add_test(tcase, test_partitions_have_bounds_and_names);
    tcase_add_test(tcase, test_other_tables_are_no_partitions);
    tcase_add_test(tcase, test_windows);
    tcase_add_test(tcase, test_rows_are_escaped);
    tcase_add_test(tcase, test_arrays_are_quoted);
}

int main(void)
{
    return unit_run("analytics", add_tests);
}
