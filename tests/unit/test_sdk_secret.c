/* SDK secrets and errors: where secrets come from, and that no text tells them. */
#include "cartrita/sdk/secret.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static char directory[64], path[128];

static void setup(void)
{
    strcpy(directory, "/tmp/sdk-secret-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/token", directory);
}

static void teardown(void)
{
    unlink(path);
    rmdir(directory);
}

static void put(const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    fwrite(bytes, 1, len, file);
    fclose(file);
}

static void check_value(const char *reference, const char *expected)
{
    struct sdk_error error = {0};
    char *value;

    ck_assert_msg(sdk_secret_read(reference, &value, &error), "%s: %s", reference, error.text);
    ck_assert_str_eq(value, expected);
    sdk_secret_free(value);
}

static void check_refused(const char *reference, const char *reason)
{
    struct sdk_error error = {0};
    char *value;

    ck_assert_msg(!sdk_secret_read(reference, &value, &error), "%s", reference);
    ck_assert_msg(strstr(error.text, reason) != NULL, "%s", error.text);
    ck_assert_str_eq(error.name, "SecretError");
}

START_TEST(test_where_they_come_from)
{
    char reference[160];

    setenv("TEST_TOKEN", "from environment", 1);
    setenv("CREDENTIALS_DIRECTORY", directory, 1);
    snprintf(reference, sizeof reference, "file:%s", path);
    check_value("env:TEST_TOKEN", "from environment");
    check_value("literal: as it is", "literal: as it is");
    put("one line\n", 9);
    check_value(reference, "one line");
    check_value("credential:token", "one line");
    put("dos\r\n", 5);
    check_value(reference, "dos");
    put("two\nlines\n\n", 11);
    check_value(reference, "two\nlines\n");
}
END_TEST

START_TEST(test_refused)
{
    char reference[160], *large = malloc(SDK_SECRET_MAX + 1);

    unsetenv("TEST_TOKEN");
    unsetenv("CREDENTIALS_DIRECTORY");
    snprintf(reference, sizeof reference, "file:%s", path);
    check_refused("env:TEST_TOKEN", "there is no such environment variable");
    check_refused("credential:token", "$CREDENTIALS_DIRECTORY");
    setenv("CREDENTIALS_DIRECTORY", directory, 1);
    check_refused("credential:token", "No such file");
    check_refused("credential:../token", "no name of a credential");
    check_refused("credential:..", "no name of a credential");
    check_refused("credential:", "no name of a credential");
    check_refused(reference, "No such file");
    check_refused("file:/", "Is a directory");
    check_refused("", "is empty");
    put("\n", 1);
    check_refused(reference, "is empty");
    put("a\0b", 3);
    check_refused(reference, "NUL");
    memset(large, 'x', SDK_SECRET_MAX + 1);
    put(large, SDK_SECRET_MAX);
    large[SDK_SECRET_MAX] = '\0';
    check_value(reference, large);
    put("", 0);
    large[SDK_SECRET_MAX] = 'x';
    put(large, SDK_SECRET_MAX + 1);
    check_refused(reference, "more than 65536 bytes");
    free(large);
}
END_TEST

START_TEST(test_redacted)
{
    char text[] = "hunter22 hunter2, hunter2hunter2 and abc", shorter[] = "hunter";

    check_value("hunter2", "hunter2");
    check_value("hunter22", "hunter22");
    check_value("abc", "abc"); /* too short to look for */
    sdk_redact(text);
    ck_assert_str_eq(text, "**** ****, ******** and abc");
    sdk_redact(shorter);
    ck_assert_str_eq(shorter, "hunter");
}
END_TEST

/* An error is cleaned before it is cut: half of a secret would not be known. */
START_TEST(test_errors_tell_no_secret)
{
    struct sdk_error error;
    char fill[SDK_ERROR_TEXT_MAX - 3];

    check_value("s3cret-value", "s3cret-value");
    memset(fill, '.', sizeof fill - 1);
    fill[sizeof fill - 1] = '\0';
    sdk_refuse(&error, "E", "%ss3cret-value", fill);
    ck_assert_ptr_null(strstr(error.text, "s3"));
    ck_assert_ptr_nonnull(strstr(error.text, "***"));
    sdk_refuse(&error, "E", "x");
    sdk_error_wrap(&error, "%ss3cret-value", fill);
    ck_assert_ptr_null(strstr(error.text, "s3"));
}
END_TEST

START_TEST(test_errors_are_one_line_of_whole_characters)
{
    struct sdk_error error;
    char long_text[2000];

    ck_assert(!sdk_retry_later(&error, "E", "a\r\nb\tc"));
    ck_assert_str_eq(error.text, "a  b c");
    ck_assert(!error.is_permanent && error.delay_ms == -1);
    long_text[0] = '\0';
    for (int i = 0; i < 600; i++)
        strcat(long_text, "\xe2\x82\xac");
    ck_assert(!sdk_refuse(&error, "E", "%s", long_text));
    ck_assert_uint_eq(strlen(error.text) % 3, 0);
    ck_assert_uint_gt(strlen(error.text), 1000);
    ck_assert(!sdk_refuse(&error, "E", "inner") && !sdk_error_wrap(&error, "outer %d", 7));
    ck_assert_str_eq(error.text, "outer 7: inner");
    ck_assert(error.is_permanent);
    ck_assert(!sdk_refuse(NULL, "E", "x") && !sdk_error_wrap(NULL, "x"));
}
END_TEST

START_TEST(test_their_number_is_bounded)
{
    char reference[32], *value;
    struct sdk_error error = {0};

    for (unsigned i = 0; i < SDK_SECRETS_MAX; i++) {
        snprintf(reference, sizeof reference, "secret-%u", i);
        check_value(reference, reference);
    }
    check_value("secret-0", "secret-0"); /* known ones need no room */
    check_value("abc", "abc");
    ck_assert(!sdk_secret_read("one more", &value, &error));
    ck_assert_str_eq(error.text, "a process keeps at most 256 secrets");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_where_they_come_from);
    tcase_add_test(tcase, test_refused);
    tcase_add_test(tcase, test_redacted);
    tcase_add_test(tcase, test_errors_tell_no_secret);
    tcase_add_test(tcase, test_errors_are_one_line_of_whole_characters);
    tcase_add_test(tcase, test_their_number_is_bounded);
}

int main(void)
{
    return unit_run("sdk_secret", add_tests);
}
