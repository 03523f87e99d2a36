/* The number of workers that a queue wants, one property a test. */
#include "server/scaling.h"
#include "tests/lib/unit.h"

static const struct scaling_settings plain = {SCALING_TARGET_MS, SCALING_HOLD_MS, SCALING_MIN,
                                              SCALING_MAX, SCALING_SLOTS};

START_TEST(test_idle_wants_none)
{
    struct scaling scaling = {0};

    ck_assert_uint_eq(scaling_look(&scaling, &plain, &(struct scaling_look){.now_ms = 1000}), 0);
}
END_TEST

START_TEST(test_one_job_wants_one)
{
    struct scaling scaling = {0};
    const struct scaling_look look = {.now_ms = 1000, .waiting = 1};

    ck_assert_uint_eq(scaling_look(&scaling, &plain, &look), 1);
}
END_TEST

/* 600 jobs of 2 s within 15 s. */
START_TEST(test_backlog_is_gone_in_half_of_the_target)
{
    struct scaling scaling = {0};
    struct scaling_settings four = plain;
    struct scaling_look look = {.now_ms = 1000, .waiting = 600, .run_ms_sum = 4000, .run_count = 2};

    ck_assert_uint_eq(scaling_look(&scaling, &plain, &look), 80);
    four.slots = 4;
    scaling = (struct scaling){0};
    ck_assert_uint_eq(scaling_look(&scaling, &four, &look), 20);
    four.max = 7;
    scaling = (struct scaling){0};
    ck_assert_uint_eq(scaling_look(&scaling, &four, &look), 7);
}
END_TEST

START_TEST(test_an_old_backlog_is_urgent)
{
    struct scaling scaling = {0};
    struct scaling_look look = {.now_ms = 1000, .waiting = 150, .run_ms_sum = 1000, .run_count = 1};

    ck_assert_uint_eq(scaling_look(&scaling, &plain, &look), 10);
    look.oldest_ms = 3 * SCALING_TARGET_MS;
    look.now_ms += 5000;
    ck_assert_uint_ge(scaling_look(&scaling, &plain, &look), 20);
}
END_TEST

/* 10 jobs a second of 500 ms: five places, though nothing ever waits. */
START_TEST(test_steady_work_keeps_its_workers)
{
    struct scaling scaling = {0};
    uint32_t wanted = 0;

    for (int64_t now_ms = 1000; now_ms < 3600000; now_ms += 5000)
        wanted = scaling_look(&scaling, &plain,
                              &(struct scaling_look){.now_ms = now_ms,
                                                     .active = 5,
                                                     .ended = 50,
                                                     .run_ms_sum = 50 * 500,
                                                     .run_count = 50});
    ck_assert_uint_ge(wanted, 5);
    ck_assert_uint_le(wanted, 6);
}
END_TEST

START_TEST(test_wants_fewer_only_after_the_hold)
{
    struct scaling scaling = {0};
    struct scaling_look look = {.now_ms = 1000, .waiting = 600, .run_ms_sum = 4000, .run_count = 2};
    int64_t fell_ms = 0;

    scaling_look(&scaling, &plain, &look);
    look = (struct scaling_look){.now_ms = look.now_ms};
    while (fell_ms == 0 && look.now_ms < 3600000) {
        look.now_ms += 5000;
        if (scaling_look(&scaling, &plain, &look) < 80)
            fell_ms = look.now_ms;
    }
    ck_assert_int_ge(fell_ms, SCALING_HOLD_MS - SCALING_HOLD_MS / SCALING_HOLD_STEPS);
    ck_assert_int_le(fell_ms, SCALING_HOLD_MS + 15000);
    for (int i = 0; i < 500; i++) {
        look.now_ms += 5000;
        scaling_look(&scaling, &plain, &look);
    }
    ck_assert_uint_eq(scaling.wanted, 0);
}
END_TEST

START_TEST(test_bounds_and_odd_times)
{
    struct scaling scaling = {0};
    struct scaling_settings settings = plain;
    struct scaling_look look = {.now_ms = 100000000, .active = 3};

    settings.min = 2;
    ck_assert_uint_eq(scaling_look(&scaling, &settings, &look), 3); /* who runs is not stopped */
    look = (struct scaling_look){.now_ms = 1000};                   /* the clock went back */
    ck_assert_uint_eq(scaling_look(&scaling, &settings, &look), 2);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_idle_wants_none);
    tcase_add_test(tcase, test_one_job_wants_one);
    tcase_add_test(tcase, test_backlog_is_gone_in_half_of_the_target);
    tcase_add_test(tcase, test_an_old_backlog_is_urgent);
    tcase_add_test(tcase, test_steady_work_keeps_its_workers);
    tcase_add_test(tcase, test_wants_fewer_only_after_the_hold);
    tcase_add_test(tcase, test_bounds_and_odd_times);
}

int main(void)
{
    return unit_run("scaling", add_tests);
}
