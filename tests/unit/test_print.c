/* cartrita-q's output: foreign text made safe, tables, JSON. */
#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "q/look.h"
#include "q/print.h"
#include "q/text.h"

static void check_shown(const char *text, size_t len, size_t columns, const char *expected,
                        size_t expected_columns)
{
    struct ct_buf buf;
    size_t used;

    ct_buf_init(&buf);
    used = text_append_shown(&buf, (struct ct_str){text, len}, columns);
    ct_buf_append_char(&buf, '\0');
    ck_assert_str_eq(ct_buf_data(&buf), expected);
    ck_assert_uint_eq(used, expected_columns);
    ct_buf_free(&buf);
}

#define SHOWN(text, columns, expected, used) \
    check_shown(text, sizeof(text) - 1, columns, expected, used)

START_TEST(test_shown_text_cannot_steer_a_terminal)
{
    SHOWN("plain", TEXT_NO_LIMIT, "plain", 5);
    SHOWN("\x1b[31mred", TEXT_NO_LIMIT, "\\x1b[31mred", 11);
    SHOWN("a\nb\tc\rd", TEXT_NO_LIMIT, "a\\nb\\tc\\rd", 10);
    SHOWN("\x7f", TEXT_NO_LIMIT, "\\x7f", 4);
    SHOWN("\xc2\x9b"
          "31m",
          TEXT_NO_LIMIT, "\\x9b31m", 7); /* CSI as one C1 character */
    SHOWN("a\xe2\x80\xae"
          "b",
          TEXT_NO_LIMIT, "a\\u{202e}b", 10); /* right-to-left override */
    SHOWN("\0nul", TEXT_NO_LIMIT, "\\x00nul", 7);
    SHOWN("\xff\xc3", TEXT_NO_LIMIT, "\\xff\\xc3", 8); /* not UTF-8 */
}
END_TEST

START_TEST(test_shown_text_is_cut_by_width)
{
    SHOWN("abcdef", 6, "abcdef", 6);
    SHOWN("abcdefg", 6, "abcde\xe2\x80\xa6", 6);
    SHOWN("abc", 0, "", 0);
    SHOWN("abc", 1, "\xe2\x80\xa6", 1);
    /* Each of these takes two columns: a half does not fit, nor does one beside the ellipsis. */
    SHOWN("\xe6\x97\xa5\xe6\x9c\xac", 4, "\xe6\x97\xa5\xe6\x9c\xac", 4);
    SHOWN("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 4, "\xe6\x97\xa5\xe2\x80\xa6", 3);
    /* An accent of its own takes none. */
    SHOWN("e\xcc\x81", 1, "e\xcc\x81", 1);
    /* An escape is not cut in two. */
    SHOWN("a\x1b"
          "b",
          4, "a\xe2\x80\xa6", 2);
}
END_TEST

static char *json_string_of(const char *text, size_t len)
{
    struct ct_buf buf;

    ct_buf_init(&buf);
    text_append_json_string(&buf, (struct ct_str){text, len});
    return ct_buf_take(&buf, NULL);
}

START_TEST(test_json_strings_are_safe_and_complete)
{
    static const struct {
        const char *text;
        size_t len;
        const char *expected;
    } rows[] = {
        {"", 0, "\"\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"\n\r\t\x01", 4, "\"\\n\\r\\t\\u0001\""},
        {"\x1b[2J", 4, "\"\\u001b[2J\""},
        {"\xc2\x9b", 2, "\"\\u009b\""},
        {"\xe2\x80\xae", 3, "\"\\u202e\""},
        {"\xe6\x97\xa5", 3, "\"\xe6\x97\xa5\""},
        {"\x80\xff", 2, "\"\\udc80\\udcff\""},
        {"a\0b", 3, "\"a\\u0000b\""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *got = json_string_of(rows[i].text, rows[i].len);

        ck_assert_str_eq(got, rows[i].expected);
        ck_assert_int_eq(ct_json_check(ct_str_of(got), NULL), CT_E_OK);
        free(got);
    }
}
END_TEST

START_TEST(test_stored_json_stays_json_on_one_line)
{
    static const struct {
        const char *text, *expected;
        bool is_json;
    } rows[] = {
        {"{\"a\": 1}", "{\"a\": 1}", true},
        {"{\n\t\"a\":\t1 }", "{ \"a\": 1 }", true},
        {"\"\xe2\x80\xae\"", "\"\\u202e\"", true},
        {"null", "null", true},
        {"{oops", "\"{oops\"", false},
        {"", "\"\"", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ct_buf buf;
        char *got;

        ct_buf_init(&buf);
        ck_assert_int_eq(text_append_json(&buf, ct_str_of(rows[i].text)), rows[i].is_json);
        got = ct_buf_take(&buf, NULL);
        ck_assert_str_eq(got, rows[i].expected);
        ck_assert_int_eq(ct_json_check(ct_str_of(got), NULL), CT_E_OK);
        free(got);
    }
}
END_TEST

START_TEST(test_bytes_are_rough_and_short)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0 KiB"},
        {1023, "0 KiB"},
        {(1 << 20) - 1, "1023 KiB"},
        {1 << 20, "1 MiB"},
        {INT64_C(812) << 20, "812 MiB"},
        {(INT64_C(10) << 30) - 1, "10239 MiB"},
        {INT64_C(25) << 29, "12.5 GiB"},
    };
    struct ct_buf buf;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ct_buf_init(&buf);
        text_append_bytes(&buf, rows[i].bytes);
        ct_buf_append_char(&buf, '\0');
        ck_assert_str_eq(ct_buf_data(&buf), rows[i].text);
        ct_buf_free(&buf);
    }
}
END_TEST

START_TEST(test_spans_are_rough_and_short)
{
    static const struct {
        int64_t ms;
        const char *expected;
    } rows[] = {
        {0, "now"},       {999, "now"},       {1000, "1 s"},
        {-8000, "7 s"},   {119999, "119 s"},  {120000, "2 min"},
        {7200000, "2 h"}, {172800000, "2 d"}, {INT64_MIN, "106751991167 d"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ct_buf buf;
        char *got;

        ct_buf_init(&buf);
        text_append_span(&buf, rows[i].ms);
        got = ct_buf_take(&buf, NULL);
        ck_assert_str_eq(got, rows[i].expected);
        free(got);
    }
}
END_TEST

static char *table_text(size_t width, const char *long_name)
{
    static const struct print_column columns[] = {
        {.title = "name", .is_flexible = true},
        {.title = "jobs", .is_right = true},
        {.title = ""},
    };
    struct print_table table;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    print_table_init(&table, columns, 3);
    print_table_cell(&table, ct_str_of("mail"));
    print_table_cell(&table, CT_STR_LIT("12"));
    print_table_cell(&table, ct_str_of("paused"));
    print_table_cell(&table, ct_str_of(long_name));
    print_table_cell(&table, CT_STR_LIT("-3"));
    print_table_cell(&table, CT_STR_NONE);
    print_table_write(&table, width, out);
    print_table_fini(&table);
    fclose(out);
    return text;
}

START_TEST(test_tables_are_aligned_and_fit)
{
    char *text = table_text(0, "an-image-\x1b-queue");

    ck_assert_str_eq(text, "name                 jobs\n"
                           "mail                   12  paused\n"
                           "an-image-\\x1b-queue    -3\n");
    free(text);
    text = table_text(30, "a-queue-with-a-name-that-is-long");
    ck_assert_str_eq(text, "name              jobs\n"
                           "mail                12  paused\n"
                           "a-queue-with-a-\xe2\x80\xa6    -3\n");
    free(text);
}
END_TEST

START_TEST(test_a_column_keeps_its_least_width)
{
    char *text = table_text(10, "a-queue-with-a-name-that-is-long");

    ck_assert_str_eq(text, "name          jobs\n"
                           "mail            12  paused\n"
                           "a-queue-wit\xe2\x80\xa6    -3\n");
    free(text);
}
END_TEST

/* The last one may be a sentence, which is of no use in part, and makes no other one narrower. */
START_TEST(test_a_whole_column_is_never_cut)
{
    static const struct print_column columns[] = {{.title = "name", .is_flexible = true},
                                                  {.title = "what", .is_whole = true}};
    char sentence[3 * PRINT_CELL_MAX] = "", expected[4 * PRINT_CELL_MAX];
    struct print_table table;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    memset(sentence, 'a', sizeof sentence - 1);
    snprintf(expected, sizeof expected, "name              what\na-longer-one-...  %s\n", sentence);
    print_table_init(&table, columns, 2);
    print_table_cell(&table, CT_STR_LIT("a-longer-one-..."));
    print_table_cell(&table, ct_str_of(sentence));
    print_table_write(&table, 30, out);
    print_table_fini(&table);
    fclose(out);
    ck_assert_str_eq(text, expected);
    free(text);
}
END_TEST

/* Only the text is coloured: blanks stay where they are, and no blanks end a line. */
START_TEST(test_colours_do_not_move_anything)
{
    static const struct print_column columns[] = {{.title = "a"}, {.title = "b", .is_right = true}};
    struct print_table table;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    print_table_init(&table, columns, 2);
    table.has_color = true;
    print_table_cell(&table, ct_str_of("failed"));
    print_table_style(&table, PRINT_BAD);
    print_table_cell(&table, ct_str_of("1"));
    print_table_cell(&table, ct_str_of(""));
    print_table_style(&table, PRINT_BAD);
    print_table_cell(&table, ct_str_of("2"));
    print_table_style(&table, PRINT_FAINT);
    print_table_write(&table, 0, out);
    print_table_fini(&table);
    fclose(out);
    ck_assert_str_eq(text, "\x1b[1ma\x1b[0m       \x1b[1mb\x1b[0m\n"
                           "\x1b[31mfailed\x1b[0m  1\n"
                           "        \x1b[2m2\x1b[0m\n");
    free(text);
}
END_TEST

static void check_moment(enum look_time time, int64_t at_ms, const char *brief, const char *full)
{
    const struct look look = {.time = time, .now_ms = 1000000};
    struct ct_buf buf;

    ct_buf_init(&buf);
    look_append_moment(&look, &buf, at_ms);
    ck_assert_msg(ct_str_is(ct_buf_str(&buf), brief), "%.*s", (int)buf.len, ct_buf_data(&buf));
    ct_buf_clear(&buf);
    look_append_moment_long(&look, &buf, at_ms);
    ck_assert_msg(ct_str_is(ct_buf_str(&buf), full), "%.*s", (int)buf.len, ct_buf_data(&buf));
    ct_buf_free(&buf);
}

START_TEST(test_moments)
{
    check_moment(TIME_RELATIVE, 1000000, "now", "1970-01-01T00:16:40.000Z (now)");
    check_moment(TIME_RELATIVE, 995000, "5 s ago", "1970-01-01T00:16:35.000Z (5 s ago)");
    check_moment(TIME_RELATIVE, 1005001, "in 5 s", "1970-01-01T00:16:45.001Z (in 5 s)");
    check_moment(TIME_ISO, -1, "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z");
    check_moment(TIME_MS, 17, "17", "17");
    check_moment(TIME_ISO, INT64_MAX, "292278994-08-17T07:12:55.807Z",
                 "292278994-08-17T07:12:55.807Z");
}
END_TEST

START_TEST(test_json_has_commas_where_they_belong)
{
    struct print_json json = {0};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    print_json_open(&json, NULL, '[');
    print_json_open(&json, NULL, '{');
    print_json_string(&json, "a\"b", ct_str_of("x"));
    print_json_open(&json, "list", '[');
    print_json_close(&json, ']');
    print_json_int(&json, "n", INT64_MIN);
    print_json_bool(&json, "yes", true);
    print_json_null(&json, "none");
    ck_assert(print_json_value(&json, "value", ct_str_of("[1,2]")));
    ck_assert(!print_json_value(&json, "broken", ct_str_of("[1,2")));
    print_json_close(&json, '}');
    print_json_flush(&json, out);
    print_json_open(&json, NULL, '{');
    print_json_close(&json, '}');
    print_json_close(&json, ']');
    print_json_flush(&json, out);
    fclose(out);
    ck_assert_str_eq(text, "[{\"a\\\"b\":\"x\",\"list\":[],\"n\":-9223372036854775808,\"yes\":true,"
                           "\"none\":null,\"value\":[1,2],\"broken\":\"[1,2\"},{}]");
    free(text);
    ct_buf_free(&json.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("print");
    TCase *tcase = tcase_create("print");
    SRunner *runner = srunner_create(suite);
    int failed;

    setlocale(LC_CTYPE, "C.UTF-8");
    tcase_add_test(tcase, test_shown_text_cannot_steer_a_terminal);
    tcase_add_test(tcase, test_shown_text_is_cut_by_width);
    tcase_add_test(tcase, test_json_strings_are_safe_and_complete);
    tcase_add_test(tcase, test_stored_json_stays_json_on_one_line);
    tcase_add_test(tcase, test_spans_are_rough_and_short);
    tcase_add_test(tcase, test_bytes_are_rough_and_short);
    tcase_add_test(tcase, test_tables_are_aligned_and_fit);
    tcase_add_test(tcase, test_a_column_keeps_its_least_width);
    tcase_add_test(tcase, test_a_whole_column_is_never_cut);
    tcase_add_test(tcase, test_colours_do_not_move_anything);
    tcase_add_test(tcase, test_moments);
    tcase_add_test(tcase, test_json_has_commas_where_they_belong);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
