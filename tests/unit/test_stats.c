/* Percentiles, and values at paths in a job's data. */
#include "q/job_data.h"
#include "q/stats.h"

#include "tests/lib/unit.h"

START_TEST(test_spreads)
{
    int64_t few[] = {5, 1, 9}, many[200];
    struct stats_spread spread = stats_spread_of(few, 3);

    ck_assert_int_eq(spread.p50, 5);
    ck_assert_int_eq(spread.p95, 9);
    ck_assert_int_eq(spread.max, 9);
    for (int i = 0; i < 200; i++)
        many[i] = 200 - i;
    spread = stats_spread_of(many, 200);
    ck_assert_int_eq(spread.count, 200);
    ck_assert_int_eq(spread.p50, 100);
    ck_assert_int_eq(spread.p95, 190);
    ck_assert_int_eq(spread.p99, 198);
    spread = stats_spread_of(few, 1);
    ck_assert_int_eq(spread.p99, 1);
    spread = stats_spread_of(NULL, 0);
    ck_assert_int_eq(spread.count, 0);
}
END_TEST

static bool matches(const char *data, const char *wanted)
{
    const char *items[] = {wanted};

    return job_data_matches(ct_str_of(data), &(struct ct_option_list){items, 1});
}

START_TEST(test_paths)
{
    static const char data[] = "{\"a\":{\"b\":[1,{\"c\":\"x=y\"}],\"d.e\":true},\"n\":null,\"\":7}";

    ck_assert(matches(data, "a.b.0=1"));
    ck_assert(matches(data, "a.b.0=1e0"));
    ck_assert(matches(data, "a.b.1.c=x=y"));
    ck_assert(matches(data, "a.b.1={\"c\":\"x=y\"}"));
    ck_assert(matches(data, "a.d.e=true"));
    ck_assert(matches(data, "n=null"));
    ck_assert(!matches(data, "n.x=null"));
    ck_assert(!matches(data, "missing=null"));
    ck_assert(!matches(data, "a.b.2=1"));
    ck_assert(!matches(data, "a.b.x=1"));
    ck_assert(!matches(data, "a.b.-1=1"));
    ck_assert(!matches(data, "a.b.99999999999999999999=1"));
    ck_assert(!matches(data, "a..b=1"));
    ck_assert(!matches("[1", "0=1"));
    ck_assert(!matches("\"text\"", "x=1"));
    ck_assert(!matches(NULL, "x=1"));
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_spreads);
    tcase_add_test(tcase, test_paths);
}

int main(void)
{
    return unit_run("stats", add_tests);
}
