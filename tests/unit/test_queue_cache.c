/* server/queue/cache: which questions and results are taken. */
#include "queue/cache.h"

#include <check.h>
#include <string.h>

#include "tests/lib/unit.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static enum ct_code get(const char *key, const char *tags)
{
    struct redis_command command;
    struct ct_error err;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    rc = cache_build_get(ct_str_of(key), ct_str_of(tags), &command, &err);
    redis_command_fini(&command);
    return rc;
}

START_TEST(test_questions)
{
    char long_tag[CACHE_TAG_MAX + 2];

    memset(long_tag, 't', sizeof long_tag - 1);
    long_tag[sizeof long_tag - 1] = '\0';
    ck_assert_int_eq(get(KEY, ""), CT_E_OK);
    ck_assert_int_eq(get(KEY, "a\nb c"), CT_E_OK);
    ck_assert_int_eq(get(KEY, "1\n2\n3\n4\n5\n6\n7\n8"), CT_E_OK);
    ck_assert_int_eq(get(KEY, "1\n2\n3\n4\n5\n6\n7\n8\n9"), CT_E_TOO_LARGE);
    ck_assert_int_eq(get(KEY, "a\n\nb"), CT_E_INVALID);
    ck_assert_int_eq(get(KEY, "a\tb"), CT_E_INVALID);
    ck_assert_int_eq(get(KEY, long_tag), CT_E_INVALID);
    ck_assert_int_eq(get(KEY, long_tag + 1), CT_E_OK);
    ck_assert_int_eq(get("", ""), CT_E_INVALID);
    ck_assert_int_eq(get("x" KEY, ""), CT_E_INVALID);
    ck_assert_int_eq(get("X123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", ""),
                     CT_E_INVALID);
}
END_TEST

static enum ct_code put(struct ct_str stamp, size_t len, uint64_t ttl_ms)
{
    static char value[CACHE_VALUE_MAX + 1];
    struct redis_command command;
    struct ct_error err;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    rc = cache_build_put(CT_STR_LIT(KEY), stamp, (struct ct_str){value, len}, ttl_ms, &command,
                         &err);
    redis_command_fini(&command);
    return rc;
}

START_TEST(test_results)
{
    const struct ct_str stamp = CT_STR_LIT("-,-");

    ck_assert_int_eq(put(stamp, CACHE_VALUE_MAX, 1), CT_E_OK);
    ck_assert_int_eq(put(stamp, CACHE_VALUE_MAX + 1, 1), CT_E_TOO_LARGE);
    ck_assert_int_eq(put(CT_STR_LIT("-\n-"), 1, 1), CT_E_TOO_LARGE);
    ck_assert_int_eq(put(stamp, 1, 0), CT_E_INVALID);
    ck_assert_int_eq(put(stamp, 1, CACHE_TTL_MAX_MS + 1), CT_E_INVALID);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_questions);
    tcase_add_test(tcase, test_results);
}

int main(void)
{
    return unit_run("queue_cache", add_tests);
}
