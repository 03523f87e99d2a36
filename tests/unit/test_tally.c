/* Counts of a queue: by name and outcome, bounded. */
#include <stdio.h>
#include <string.h>

#include "queue/tally.h"
#include "tests/lib/unit.h"

START_TEST(test_counts_by_name)
{
    struct tally tally = {0};

    tally_end(&tally, CT_STR_LIT("resize"), TALLY_COMPLETED);
    tally_end(&tally, CT_STR_LIT("send"), TALLY_FAILED);
    tally_end(&tally, CT_STR_LIT("resize"), TALLY_COMPLETED);
    ck_assert_uint_eq(tally.name_count, 2);
    ck_assert_str_eq(tally.names[0].name, "resize");
    ck_assert_uint_eq(tally.names[0].ended[TALLY_COMPLETED], 2);
    ck_assert_uint_eq(tally.names[1].ended[TALLY_FAILED], 1);
    ck_assert_uint_eq(tally.ended[TALLY_COMPLETED], 2);
    ck_assert_str_eq(tally_outcome_text(TALLY_RETRIED), "retried");
    tally_fini(&tally);
}
END_TEST

START_TEST(test_names_are_bounded)
{
    struct tally tally = {0};
    char name[32];

    for (int i = 0; i < 10 * TALLY_NAMES_MAX; i++) {
        snprintf(name, sizeof name, "name-%d", i);
        tally_end(&tally, ct_str_of(name), TALLY_COMPLETED);
    }
    ck_assert_uint_eq(tally.name_count, TALLY_NAMES_MAX + 1);
    ck_assert_str_eq(tally.names[TALLY_NAMES_MAX].name, TALLY_OTHER);
    ck_assert_uint_eq(tally.names[TALLY_NAMES_MAX].ended[TALLY_COMPLETED], 9 * TALLY_NAMES_MAX);
    ck_assert_uint_eq(tally.names[0].ended[TALLY_COMPLETED], 1);
    tally_fini(&tally);
}
END_TEST

START_TEST(test_time_never_runs_back)
{
    struct tally tally = {0};

    tally_time(&tally.run, &tally_time_bounds, 1000, 3000);
    tally_time(&tally.run, &tally_time_bounds, 3000, 1000);
    ck_assert_uint_eq(tally.run.count, 2);
    ck_assert(tally.run.sum == 2);
    ck_assert_uint_eq(tally.run.buckets[0], 1);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_counts_by_name);
    tcase_add_test(tcase, test_names_are_bounded);
    tcase_add_test(tcase, test_time_never_runs_back);
}

int main(void)
{
    return unit_run("tally", add_tests);
}
