/* common/error: codes have texts, details are cut and never overrun. */
#include <check.h>
#include <string.h>

#include "common/error.h"
#include "tests/lib/unit.h"

START_TEST(test_texts)
{
    ck_assert_str_eq(ct_error_text(CT_E_OK), "ok");
    ck_assert_str_eq(ct_error_text(CT_E_INTERNAL), "a bug in Cartrita");
    ck_assert_str_eq(ct_error_text((enum ct_code)9999), "unknown error");
}
END_TEST

START_TEST(test_set_returns_its_code)
{
    struct ct_error err = {0};

    ck_assert_int_eq(ct_error_set(&err, CT_E_TIMEOUT, "after %d ms", 50), CT_E_TIMEOUT);
    ck_assert_int_eq(err.code, CT_E_TIMEOUT);
    ck_assert_str_eq(err.detail, "after 50 ms");
    ck_assert_int_eq(ct_error_set(NULL, CT_E_CLOSED, "nobody asks"), CT_E_CLOSED);
    ct_error_wrap(NULL, "nobody asks");
}
END_TEST

START_TEST(test_set_may_quote_the_old_detail)
{
    struct ct_error err = {0};

    (void)ct_error_set(&err, CT_E_CLOSED, "gone");
    (void)ct_error_set(&err, CT_E_SYSTEM, "first: %s", err.detail);
    ck_assert_str_eq(err.detail, "first: gone");
}
END_TEST

START_TEST(test_wrap_goes_in_front)
{
    struct ct_error err = {0};

    (void)ct_error_set(&err, CT_E_NOT_FOUND, "no such file");
    ct_error_wrap(&err, "plugin %s", "echo");
    ct_error_wrap(&err, "pool %d", 1);
    ck_assert_str_eq(err.detail, "pool 1: plugin echo: no such file");
    ck_assert_int_eq(err.code, CT_E_NOT_FOUND);

    struct ct_error bare = {.code = CT_E_CANCELLED};
    ct_error_wrap(&bare, "job 7");
    ck_assert_str_eq(bare.detail, "job 7: cancelled");
}
END_TEST

START_TEST(test_long_details_are_cut)
{
    char text[2 * CT_ERROR_DETAIL_MAX];
    struct ct_error err = {0};

    memset(text, 'x', sizeof text);
    /* Every length around the limit, as context and as cause. */
    for (int len = CT_ERROR_DETAIL_MAX - 6; len <= CT_ERROR_DETAIL_MAX + 2; len++) {
        (void)ct_error_set(&err, CT_E_INVALID, "%.*s", len, text);
        ct_error_wrap(&err, "context");
        ck_assert_uint_eq(strlen(err.detail), CT_ERROR_DETAIL_MAX - 1);
        ck_assert_int_eq(strncmp(err.detail, "context: xxx", 12), 0);
        (void)ct_error_set(&err, CT_E_INVALID, "cause");
        ct_error_wrap(&err, "%.*s", len, text);
        ck_assert_uint_lt(strlen(err.detail), CT_ERROR_DETAIL_MAX);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_texts);
    tcase_add_test(tcase, test_set_returns_its_code);
    tcase_add_test(tcase, test_set_may_quote_the_old_detail);
    tcase_add_test(tcase, test_wrap_goes_in_front);
    tcase_add_test(tcase, test_long_details_are_cut);
}

int main(void)
{
    return unit_run("error", add_tests);
}
