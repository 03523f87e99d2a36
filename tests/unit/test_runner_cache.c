/* worker/runner/cache_memory: bounded in bytes, oldest use first out, nothing outlives its time. */
#include "worker/runner/cache_memory.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

#define BYTES_MAX 4096u

static void check_value(struct cache_memory *memory, const char *key, uint64_t now_ms,
                        const char *expected)
{
    size_t len;
    char *value = cache_memory_get(memory, key, now_ms, &len);

    ck_assert_msg(!value == !expected, "%s", key);
    if (expected) {
        ck_assert_str_eq(value, expected);
        ck_assert_uint_eq(len, strlen(expected));
    }
    free(value);
}

START_TEST(test_time)
{
    struct cache_memory *memory = cache_memory_new(BYTES_MAX);

    cache_memory_put(memory, "a", CT_STR_LIT("1"), 100);
    check_value(memory, "a", 99, "1");
    check_value(memory, "b", 99, NULL);
    check_value(memory, "a", 100, NULL);
    ck_assert_uint_eq(cache_memory_bytes(memory), 0);
    cache_memory_put(memory, "a", CT_STR_LIT("2"), 100);
    cache_memory_put(memory, "a", CT_STR_LIT("3"), 200);
    check_value(memory, "a", 150, "3");
    cache_memory_free(memory);
}
END_TEST

START_TEST(test_size)
{
    struct cache_memory *memory = cache_memory_new(BYTES_MAX);
    char large[BYTES_MAX], key[16];

    memset(large, 'x', sizeof large);
    cache_memory_put(memory, "kept", CT_STR_LIT("1"), 100);
    cache_memory_put(memory, "large", (struct ct_str){large, sizeof large}, 100);
    check_value(memory, "large", 1, NULL);
    check_value(memory, "kept", 1, "1"); /* and nothing had to go for it */
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        cache_memory_put(memory, key, CT_STR_LIT("value"), 100);
        check_value(memory, "kept", 1, "1"); /* used all the time */
        ck_assert_uint_le(cache_memory_bytes(memory), BYTES_MAX);
    }
    check_value(memory, "999", 1, "value");
    check_value(memory, "0", 1, NULL);
    cache_memory_free(memory);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_time);
    tcase_add_test(tcase, test_size);
}

int main(void)
{
    return unit_run("runner_cache", add_tests);
}
