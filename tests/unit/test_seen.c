/* The doctor's memory of ids: never forgets one, and seldom knows one that it has not met. */
#include "dialect/shared/seen.h"

#include <stdio.h>

#include "tests/lib/unit.h"

static struct ct_str number(char out[24], int i)
{
    return (struct ct_str){out, (size_t)snprintf(out, 24, "%d", i)};
}

START_TEST(test_what_was_met_is_known)
{
    struct seen seen;
    char text[24];

    seen_init(&seen, 10);
    ck_assert(!seen_has(&seen, CT_STR_LIT("")));
    for (int i = 0; i < 1000; i++)
        ck_assert(!seen_add(&seen, number(text, i)));
    for (int i = 0; i < 1000; i++)
        ck_assert(seen_add(&seen, number(text, i)));
    seen_fini(&seen);
}
END_TEST

START_TEST(test_what_was_not_met_is_seldom_known)
{
    struct seen seen;
    char text[24];
    int wrong = 0;

    seen_init(&seen, 1000000);
    ck_assert_uint_lt(seen.mask / 8, SEEN_BYTES_MAX);
    for (int i = 0; i < 1000000; i++)
        seen_add(&seen, number(text, i));
    for (int i = 1000000; i < 2000000; i++)
        wrong += seen_has(&seen, number(text, i));
    ck_assert_int_lt(wrong, 500);
    seen_fini(&seen);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_what_was_met_is_known);
    tcase_add_test(tcase, test_what_was_not_met_is_seldom_known);
}

int main(void)
{
    return unit_run("seen", add_tests);
}
