/* worker/plugins/exec/line: values are cut out of lines byte for byte, and no line is too broken.
 * The plugin is no part of the libraries, so its source is compiled in here. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "worker/plugins/exec/line.c"

static void check_value(const char *text, const char *key, const char *expected)
{
    struct line line;
    struct span value;

    ck_assert_msg(line_scan(text, strlen(text), &line), "%s", text);
    value = line_get(&line, key);
    if (!expected) {
        ck_assert_ptr_null(value.at);
        return;
    }
    ck_assert_uint_eq(value.len, strlen(expected));
    ck_assert_mem_eq(value.at, expected, value.len);
}

START_TEST(test_values_are_cut_out_as_they_are)
{
    check_value("{\"type\":\"completed\",\"id\":\"7\",\"returnvalue\":1.0}", "returnvalue", "1.0");
    check_value(" { \"a\" : [1, {\"b\":\"}]\"}] , \"c\":2 } ", "a", "[1, {\"b\":\"}]\"}]");
    check_value("{\"a\":\"x\\\"y\\\\\",\"b\":null}", "a", "\"x\\\"y\\\\\"");
    check_value("{\"a\":\"x\\\"y\\\\\",\"b\":null}", "b", "null");
    check_value("{\"a\":-12345678901234567890e3}", "a", "-12345678901234567890e3");
    check_value("{\"a\":{\"id\":\"inner\"},\"id\":\"outer\"}", "id", "\"outer\"");
    check_value("{}", "a", NULL);
    check_value("{\"ab\":1}", "a", NULL);
}
END_TEST

START_TEST(test_what_is_no_object)
{
    static const char *const texts[] = {
        "",         "x",        "[]",          "\"a\"",      "{",          "{\"a\"",
        "{\"a\":",  "{\"a\":1", "{\"a\":1,",   "{\"a\":1,}", "{\"a\":[1}", "{\"a\":\"x}",
        "{\"a\":}", "{a:1}",    "{\"a\":1} x", "{\"a\" 1}",  "{\"a\":\"\\"};
    struct line line;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        /* Behind the text nothing may be read: the sanitizer watches. */
        char *exact = malloc(strlen(texts[i]) + 1);

        memcpy(exact, texts[i], strlen(texts[i]));
        exact = realloc(exact, strlen(texts[i]) ? strlen(texts[i]) : 1);
        ck_assert_msg(!line_scan(exact, strlen(texts[i]), &line), "%s", texts[i]);
        free(exact);
    }
}
END_TEST

/* Of a line that breaks off, what came before is known: that names the job it was for. */
START_TEST(test_members_before_the_break)
{
    static const char text[] = "{\"type\":\"completed\",\"id\":\"7\",\"returnvalue\":\"xxxxx";
    struct line line;
    char *id;

    ck_assert(!line_scan(text, sizeof text - 1, &line));
    id = line_text(&line, "id");
    ck_assert_str_eq(id, "7");
    free(id);
}
END_TEST

START_TEST(test_depth_is_bounded)
{
    char text[2 * LINE_DEPTH_MAX + 64];
    struct line line;
    size_t len = 5;

    memcpy(text, "{\"a\":", 5);
    memset(text + len, '[', LINE_DEPTH_MAX + 1);
    len += LINE_DEPTH_MAX + 1;
    memset(text + len, ']', sizeof text - len);
    ck_assert(!line_scan(text, sizeof text, &line));
}
END_TEST

START_TEST(test_many_members_are_skipped)
{
    struct text text = {0};
    struct line line;

    text_printf(&text, "{\"id\":\"7\"");
    for (int i = 0; i < 100; i++)
        text_printf(&text, ",\"m%d\":%d", i, i);
    text_printf(&text, "}");
    ck_assert(line_scan(text.data, text.len, &line));
    ck_assert_uint_eq(line.count, LINE_MEMBERS_MAX);
    ck_assert_ptr_nonnull(line_get(&line, "id").at);
    text_free(&text);
}
END_TEST

START_TEST(test_texts_and_numbers)
{
    static const char source[] = "{\"s\":\"a\\nb\\u00e9\",\"n\":500,\"r\":2.5,\"t\":true,"
                                 "\"odd\":\"\\ud800\",\"o\":{\"x\":1},\"z\":null}";
    struct line line;
    double number;
    char *text;

    ck_assert(line_scan(source, sizeof source - 1, &line));
    text = line_text(&line, "s");
    ck_assert_str_eq(text, "a\nb\xc3\xa9");
    free(text);
    text = line_text(&line, "odd"); /* no UTF-8 can say it: as it was written */
    ck_assert_str_eq(text, "\"\\ud800\"");
    free(text);
    text = line_text(&line, "o");
    ck_assert_str_eq(text, "{\"x\":1}");
    free(text);
    ck_assert_ptr_null(line_text(&line, "nothing"));
    ck_assert(line_number(&line, "n", &number) && number == 500);
    ck_assert(line_number(&line, "r", &number) && number == 2.5);
    ck_assert(!line_number(&line, "s", &number));
    ck_assert(line_is_true(&line, "t"));
    ck_assert(!line_is_true(&line, "n"));
}
END_TEST

START_TEST(test_building_stays_on_one_line)
{
    static const char json[] = "{\n  \"a\": \"x\\n\",\r\n  \"b\": [\n1]\n}";
    struct text text = {0};

    text_add_json(&text, json, sizeof json - 1);
    ck_assert_ptr_null(memchr(text.data, '\n', text.len));
    ck_assert_ptr_null(memchr(text.data, '\r', text.len));
    text_free(&text);
    text_add_string(&text, "a\"b\\c\n\x01\xc3\xa9");
    ck_assert_str_eq(text.data, "\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa9\"");
    text_free(&text);
}
END_TEST

/* Any bytes: it neither crashes nor reads beyond. */
START_TEST(test_noise)
{
    static const char alphabet[] = "{}[]\",:\\ a1\n";
    unsigned seed = 99;
    struct line line;

    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)(rand_r(&seed) % 24);
        char *text = malloc(len ? len : 1);

        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
        if (len > 2 && round % 2)
            memcpy(text, "{\"", 2);
        (void)line_scan(text, len, &line);
        for (size_t i = 0; i < line.count; i++)
            ck_assert(line.members[i].value.at + line.members[i].value.len <= text + len);
        free(text);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_values_are_cut_out_as_they_are);
    tcase_add_test(tcase, test_what_is_no_object);
    tcase_add_test(tcase, test_members_before_the_break);
    tcase_add_test(tcase, test_depth_is_bounded);
    tcase_add_test(tcase, test_many_members_are_skipped);
    tcase_add_test(tcase, test_texts_and_numbers);
    tcase_add_test(tcase, test_building_stays_on_one_line);
    tcase_add_test(tcase, test_noise);
}

int main(void)
{
    return unit_run("exec_line", add_tests);
}
