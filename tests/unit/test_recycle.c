/* worker/recycle: how far runners of one start are spread. */
#include <check.h>

#include "tests/lib/unit.h"
#include "worker/supervisor/recycle.h"

START_TEST(test_spread)
{
    uint64_t state = 1, least = UINT64_MAX, most = 0;
    struct ct_random random = ct_random_seeded(&state);

    for (int i = 0; i < 1000; i++) {
        uint64_t value = recycle_spread(&random, 1000);

        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    ck_assert_uint_gt(least, 800);
    ck_assert_uint_lt(least, 820);
    ck_assert_uint_gt(most, 980);
    ck_assert_uint_le(most, 1000);
    ck_assert_uint_eq(recycle_spread(&random, 0), 0); /* never stays never */
    ck_assert_uint_eq(recycle_spread(&random, 1), 1);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_spread);
}

int main(void)
{
    return unit_run("recycle", add_tests);
}
