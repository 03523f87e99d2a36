/* worker/scale: when a pool grows and shrinks. */
#include <check.h>

#include "tests/lib/unit.h"
#include "worker/scale.h"

static struct pool_run pool = {.min = 1, .max = 3};

static int decide(struct scale *scale, uint32_t wanted, uint32_t ready, uint32_t busy,
                  uint32_t idle)
{
    struct scale_look look = {wanted, ready, busy, idle};

    return scale_decide(scale, &look);
}

START_TEST(test_grows_while_all_are_busy)
{
    struct scale scale = {.pool = &pool};

    ck_assert_int_eq(decide(&scale, 1, 1, 1, 0), 0);
    ck_assert_int_eq(decide(&scale, 1, 1, 1, 0), 1);
    ck_assert_int_eq(decide(&scale, 2, 1, 1, 0), 0); /* the new one is starting: wait for it */
    ck_assert_int_eq(decide(&scale, 2, 1, 1, 0), 0);
    ck_assert_int_eq(decide(&scale, 2, 2, 2, 0), 0);
    ck_assert_int_eq(decide(&scale, 2, 2, 1, 0), 0); /* one has a free thread */
    ck_assert_int_eq(decide(&scale, 2, 2, 2, 0), 0);
    ck_assert_int_eq(decide(&scale, 2, 2, 2, 0), 1);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(decide(&scale, 3, 3, 3, 0), 0); /* its maximum */
}
END_TEST

START_TEST(test_shrinks_after_a_while)
{
    struct scale scale = {.pool = &pool};

    for (unsigned i = 1; i < SCALE_DOWN_TICKS; i++)
        ck_assert_int_eq(decide(&scale, 2, 2, 0, 1), 0);
    ck_assert_int_eq(decide(&scale, 2, 2, 1, 0), 0); /* work came: from the start */
    for (unsigned i = 1; i < SCALE_DOWN_TICKS; i++)
        ck_assert_int_eq(decide(&scale, 2, 2, 0, 2), 0);
    ck_assert_int_eq(decide(&scale, 2, 2, 0, 2), -1);
    for (unsigned i = 0; i < 2 * SCALE_DOWN_TICKS; i++)
        ck_assert_int_eq(decide(&scale, 1, 1, 0, 1), 0); /* its minimum */
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_grows_while_all_are_busy);
    tcase_add_test(tcase, test_shrinks_after_a_while);
}

int main(void)
{
    return unit_run("scale", add_tests);
}
