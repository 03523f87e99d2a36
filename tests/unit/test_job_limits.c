/* worker/job_limits: limits by name, from the file to the runner. */
#include <check.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "worker/config/pool_options.h"
#include "worker/shared/job_limits.h"

static struct pool_options options;
static struct ct_option_set pool;
static struct job_limits *list;
static size_t count;
static struct ct_error err;

static enum ct_code read_text(const char *text)
{
    struct ct_yaml *yaml;
    enum ct_code rc;

    list = NULL;
    count = 0;
    ct_option_open(&pool, &pool_program, &options);
    options.timeout_ms = 7000;
    options.output_max_kib = 64;
    ck_assert_int_eq(ct_yaml_parse("test", ct_str_of(text), &yaml, &err), CT_E_OK);
    rc = job_limits_read(yaml->root, &pool, &list, &count, &err);
    ct_yaml_free(yaml);
    return rc;
}

static void end(void)
{
    job_limits_free(list, count);
    ct_option_close(&pool);
}

START_TEST(test_what_a_name_does_not_set_is_the_pools)
{
    ck_assert_int_eq(
        read_text("resize: {timeout: 1m, memory-max: 512, cpu-max: 10s}\nmail: {result-max: 5}\n"),
        CT_E_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(list[0].name, "resize");
    ck_assert_int_eq(list[0].timeout_ms, 60000);
    ck_assert_int_eq(list[0].memory_max_mib, 512);
    ck_assert_int_eq(list[0].cpu_max_ms, 10000);
    ck_assert_int_eq(list[0].output_max_kib, 64);
    ck_assert_int_eq(list[1].timeout_ms, 7000);
    ck_assert_int_eq(list[1].result_max_kib, 5);
    end();
}
END_TEST

START_TEST(test_refuses_what_is_no_limit)
{
    ck_assert_int_ne(read_text("resize: {tiemout: 1m}\n"), CT_E_OK);
    ck_assert_ptr_nonnull(strstr(err.detail, "test:1:"));
    ck_assert_ptr_nonnull(strstr(err.detail, "'tiemout' is no limit of a job"));
    end();
    ck_assert_int_ne(read_text("resize: {timeout: never}\n"), CT_E_OK);
    end();
    ck_assert_int_ne(read_text("resize: 5\n"), CT_E_OK);
    end();
}
END_TEST

START_TEST(test_travels_and_is_found)
{
    struct job_limits sent[] = {
        {.timeout_ms = 1, .cpu_max_ms = 2},
        {.name = (char *)"a", .memory_max_mib = 3, .output_max_kib = 4, .result_max_kib = 5},
        {.name = (char *)"b", .timeout_ms = 6},
    };
    json_t *json = job_limits_print(sent, 3);

    list = job_limits_parse(json, &count);
    json_decref(json);
    ck_assert_uint_eq(count, 3);
    ck_assert_ptr_null(list[0].name);
    ck_assert_int_eq(list[0].timeout_ms, 1);
    ck_assert_int_eq(list[0].cpu_max_ms, 2);
    ck_assert_int_eq(list[1].memory_max_mib, 3);
    ck_assert_int_eq(list[1].output_max_kib, 4);
    ck_assert_int_eq(list[1].result_max_kib, 5);
    ck_assert_uint_eq(job_limits_find(list, count, CT_STR_LIT("b")), 2);
    ck_assert_uint_eq(job_limits_find(list, count, CT_STR_LIT("a")), 1);
    ck_assert_uint_eq(job_limits_find(list, count, CT_STR_LIT("c")), 0);
    ck_assert_uint_eq(job_limits_find(list, count, CT_STR_LIT("")), 0);
    job_limits_free(list, count);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_what_a_name_does_not_set_is_the_pools);
    tcase_add_test(tcase, test_refuses_what_is_no_limit);
    tcase_add_test(tcase, test_travels_and_is_found);
}

int main(void)
{
    return unit_run("job_limits", add_tests);
}
