/* common/log: one line an event, whatever the values hold and whoever writes. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"
#include "tests/lib/unit.h"

#define THREAD_COUNT 4
#define THREAD_LINES 500

static int saved_stderr;
static FILE *caught;

/* From here on stderr goes to a file that caught_text reads. */
static void catch_begin(void)
{
    caught = tmpfile();
    ck_assert_ptr_nonnull(caught);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(caught), STDERR_FILENO);
}

static char *catch_end(void)
{
    struct ct_buf buf = {0};
    ssize_t len;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    lseek(fileno(caught), 0, SEEK_SET);
    while ((len = read(fileno(caught), ct_buf_reserve(&buf, 4096), 4096)) > 0)
        buf.len += (size_t)len;
    fclose(caught);
    return ct_buf_take(&buf, NULL);
}

START_TEST(test_form)
{
    struct ct_error err = {0};
    const char *none = NULL;

    ct_log_setup(CT_LOG_INFO, NULL);
    catch_begin();
    ct_log_debug("not shown", CT_INT("a", 1));
    ct_log_warn("lease expired", CT_STR("queue", "mail"), CT_INT("job", 81),
                CT_INT("held_ms", -30004));
    (void)ct_error_set(&err, CT_E_TIMEOUT, "after \"5\" s\n");
    ct_log_error("it failed", CT_ERR(&err), CT_STR("empty", ""), CT_STR("none", none),
                 CT_STR("eq", "a=b"), CT_BYTES("raw", CT_STR_LIT("\xC3\xA9\xFF\x01")));
    ct_log_setup(CT_LOG_DEBUG, "cartrita-queued");
    ct_log_debug("shown", CT_STR("tz", "Europe/Madrid"));
    char *text = catch_end();
    ck_assert_str_eq(text,
                     "level=warn msg=\"lease expired\" queue=mail job=81 held_ms=-30004\n"
                     "level=error msg=\"it failed\" error=\"after \\\"5\\\" s\\n\" empty=\"\" "
                     "none=\"\" eq=\"a=b\" raw=\"\xC3\xA9\\xff\\x01\"\n"
                     "program=cartrita-queued level=debug msg=shown tz=Europe/Madrid\n");
    free(text);
}
END_TEST

START_TEST(test_long_values_are_cut)
{
    char value[2 * CT_LOG_VALUE_MAX + 1];

    ct_log_setup(CT_LOG_INFO, NULL);
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    memcpy(value + CT_LOG_VALUE_MAX - 1, "\xC3\xA9", 2); /* across the cut */
    catch_begin();
    ct_log_info("cut", CT_STR("v", value), CT_INT("after", 1));
    char *text = catch_end();
    char *end = strstr(text, "x\"... after=1\n");
    ck_assert_ptr_nonnull(end);
    ck_assert_int_eq(end + 1 - strchr(text, '"') - 1, CT_LOG_VALUE_MAX - 1);
    free(text);
}
END_TEST

/* Fields that no longer fit are left out; the line stays a line. */
START_TEST(test_line_is_bounded)
{
    char value[CT_LOG_VALUE_MAX + 1];

    ct_log_setup(CT_LOG_INFO, NULL);
    memset(value, '\n', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    struct ct_log_field fields[10];
    for (int i = 0; i < 10; i++)
        fields[i] = CT_STR("v", value);
    catch_begin();
    ct_log_write(CT_LOG_INFO, "long", fields, 10);
    char *text = catch_end();
    ck_assert_uint_le(strlen(text), 4096);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    ck_assert_int_eq(strncmp(text, "level=info msg=long v=\"\\n\\n", 26), 0);
    free(text);
}
END_TEST

START_TEST(test_levels)
{
    enum ct_log_level level = CT_LOG_INFO;
    struct ct_error err = {0};

    ck_assert_int_eq(ct_log_level_parse("error", &level, &err), CT_E_OK);
    ck_assert_int_eq(level, CT_LOG_ERROR);
    ck_assert_int_eq(ct_log_level_parse("loud", &level, &err), CT_E_USAGE);
    ck_assert_str_eq(err.detail, "'loud' is not a log level: use debug, info, warn or error");
    ck_assert_int_eq(level, CT_LOG_ERROR);
}
END_TEST

/* A pipe that nobody reads holds nobody up; read again, it gets what is logged from then on. */
START_TEST(test_full_pipe_does_not_block)
{
    char text[65536], value[1000];
    int ends[2], saved = dup(STDERR_FILENO);
    ssize_t len, last = 0;

    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    ck_assert_int_eq(pipe(ends), 0);
    ct_log_setup(CT_LOG_INFO, NULL);
    dup2(ends[1], STDERR_FILENO);
    for (int i = 0; i < 500; i++)
        ct_log_warn("filling", CT_STR("value", value));
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    while (read(ends[0], text, sizeof text) > 0)
        ;
    ct_log_warn("read again", CT_INT("n", 1));
    dup2(saved, STDERR_FILENO);
    while ((len = read(ends[0], text, sizeof text - 1)) > 0)
        last = len;
    text[last] = '\0';
    ck_assert_str_eq(text, "level=warn msg=\"read again\" n=1\n");
    close(saved);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static void *write_lines(void *name)
{
    for (int i = 0; i < THREAD_LINES; i++)
        ct_log_info("from a thread", CT_STR("thread", name), CT_INT("line", i));
    return NULL;
}

START_TEST(test_threads_do_not_mix)
{
    static const char *const names[THREAD_COUNT] = {"a", "b", "c", "d"};
    pthread_t threads[THREAD_COUNT];
    int next[THREAD_COUNT] = {0}, count = 0;

    ct_log_setup(CT_LOG_INFO, NULL);
    catch_begin();
    fcntl(STDERR_FILENO, F_SETFL, O_APPEND);
    for (int i = 0; i < THREAD_COUNT; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, (void *)names[i]), 0);
    for (int i = 0; i < THREAD_COUNT; i++)
        pthread_join(threads[i], NULL);
    char *text = catch_end(), *rest = text, *line;
    while ((line = strsep(&rest, "\n")) && *line) {
        char thread;
        int number;
        ck_assert_msg(sscanf(line, "level=info msg=\"from a thread\" thread=%c line=%d", &thread,
                             &number) == 2,
                      "%s", line);
        ck_assert_int_eq(number, next[thread - 'a']++);
        count++;
    }
    ck_assert_int_eq(count, THREAD_COUNT * THREAD_LINES);
    free(text);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_form);
    tcase_add_test(tcase, test_long_values_are_cut);
    tcase_add_test(tcase, test_line_is_bounded);
    tcase_add_test(tcase, test_levels);
    tcase_add_test(tcase, test_full_pipe_does_not_block);
    tcase_add_test(tcase, test_threads_do_not_mix);
}

int main(void)
{
    return unit_run("log", add_tests);
}
