/* common/json: what passes the check, what does not and where, and text that is built by hand. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "tests/lib/unit.h"

static const char *const good[] = {
    "null",
    " true ",
    "false",
    "0",
    "-0",
    "12",
    "-1.5e+10",
    "1E400",
    "123456789012345678901234",
    "\"\"",
    "\"a\\n\\u00e9\\\"\\\\\\/\"",
    "\"\xC3\xA9\xF0\x9F\x98\x80\"",
    "[]",
    "[ ]",
    "{}",
    "{ }",
    "[1,[2,[3]],{}]",
    "[{\"a\":1},[1]]",
    "{\"a\":1,\"a\":{\"b\":[null]}}",
    "\t\r\n{\"k\" : \"v\"}\n",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "{\"\\ud83d\":1}",
    "\"\\u0000\"",
    "\"\x7F\"",
};

static const struct {
    const char *text;
    size_t at;
} bad[] = {
    {"", 0},
    {"   ", 3},
    {"nul", 3},
    {"nulL", 3},
    {"01", 1},
    {"-", 1},
    {"1.", 2},
    {".5", 0},
    {"1e", 2},
    {"+1", 0},
    {"\"", 1},
    {"\"\\x\"", 2},
    {"\"\\u12g4\"", 5},
    {"\"\n\"", 1},
    {"\"\xFF\"", 1},
    {"\"\xED\xA0\x80\"", 1},
    {"[", 1},
    {"[1", 2},
    {"[1,", 3},
    {"[1,]", 3},
    {"[1 2]", 3},
    {"[1}", 2},
    {"{", 1},
    {"{\"a\"}", 4},
    {"{\"a\":}", 5},
    {"{a:1}", 1},
    {"{\"a\":1,}", 7},
    {"{\"a\":1]", 6},
    {"{} {}", 3},
    {"1 2", 2},
    {"'a'", 0},
    {"undefined", 0},
    {"NaN", 0},
    {"[1]]", 3},
};

START_TEST(test_good)
{
    struct ct_error err = {0};

    ck_assert_msg(ct_json_check(ct_str_of(good[_i]), &err) == CT_E_OK, "%s: %s", good[_i],
                  err.detail);
}
END_TEST

START_TEST(test_bad)
{
    struct ct_error err = {0};
    char place[40];

    ck_assert_msg(ct_json_check(ct_str_of(bad[_i].text), &err) == CT_E_BAD_JSON, "%s",
                  bad[_i].text);
    snprintf(place, sizeof place, "at byte %zu of ", bad[_i].at);
    ck_assert_msg(strstr(err.detail, place) != NULL, "%s: %s, not %s", bad[_i].text, err.detail,
                  place);
}
END_TEST

/* No prefix of a whole is a whole, and a NUL inside is no end. */
START_TEST(test_prefixes)
{
    const char *text = "{\"a\":[1.5e3,true,null,\"x\\u0041\\n\"],\"b\":{\"c\":false}}";

    for (size_t len = 0; len < strlen(text); len++)
        ck_assert_int_eq(ct_json_check((struct ct_str){text, len}, NULL), CT_E_BAD_JSON);
    ck_assert_int_eq(ct_json_check((struct ct_str){"1\0", 2}, NULL), CT_E_BAD_JSON);
    ck_assert_int_eq(ct_json_check(CT_STR_NONE, NULL), CT_E_BAD_JSON);
}
END_TEST

START_TEST(test_depth)
{
    char text[2 * (CT_JSON_DEPTH_MAX + 1)];
    struct ct_error err = {0};

    memset(text, '[', CT_JSON_DEPTH_MAX + 1);
    memset(text + CT_JSON_DEPTH_MAX + 1, ']', CT_JSON_DEPTH_MAX + 1);
    ck_assert_int_eq(ct_json_check((struct ct_str){text + 1, sizeof text - 2}, &err), CT_E_OK);
    ck_assert_int_eq(ct_json_check((struct ct_str){text, sizeof text}, &err), CT_E_BAD_JSON);
    ck_assert_ptr_nonnull(strstr(err.detail, "CT_JSON_DEPTH_MAX"));
}
END_TEST

/* Objects and lists that alternate use every bit of the stack of brackets. */
START_TEST(test_mixed_depth)
{
    struct ct_buf buf = {0};

    for (int i = 0; i < CT_JSON_DEPTH_MAX / 2; i++)
        ct_buf_append_str(&buf, CT_STR_LIT("[{\"k\":"));
    ct_buf_append_str(&buf, CT_STR_LIT("1"));
    for (int i = 0; i < CT_JSON_DEPTH_MAX / 2; i++)
        ct_buf_append_str(&buf, CT_STR_LIT("}]"));
    ck_assert_int_eq(ct_json_check(ct_buf_str(&buf), NULL), CT_E_OK);
    ct_buf_data(&buf)[buf.len - 1] = '}';
    ck_assert_int_eq(ct_json_check(ct_buf_str(&buf), NULL), CT_E_BAD_JSON);
    ct_buf_free(&buf);
}
END_TEST

START_TEST(test_object)
{
    struct ct_error err = {0};
    json_t *object = NULL;

    ck_assert_int_eq(ct_json_object(CT_STR_LIT("{\"attempts\":3}"), &object, &err), CT_E_OK);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "attempts")), 3);
    json_decref(object);
    object = NULL;
    ck_assert_int_eq(ct_json_object(CT_STR_LIT("[1]"), &object, &err), CT_E_BAD_JSON);
    ck_assert_int_eq(ct_json_object(CT_STR_LIT("{\"a\":"), &object, &err), CT_E_BAD_JSON);
    ck_assert_ptr_nonnull(strstr(err.detail, "byte 5 of 5"));
    ck_assert_int_eq(ct_json_object(CT_STR_NONE, &object, &err), CT_E_BAD_JSON);
    ck_assert_ptr_null(object);
}
END_TEST

/* What JSON.stringify writes and jansson would refuse. */
START_TEST(test_object_of_javascript)
{
    struct ct_str text =
        CT_STR_LIT("{\"half\":\"a\\uD83Db\",\"pair\":\"\\ud83d\\ude00\",\"back\":\""
                   "\\\\ud800\",\"big\":12345678901234567000,\"small\":-7,"
                   "\"nul\":\"a\\u0000b\",\"digits\":\"12345678901234567000\"}");
    struct ct_error err = {0};
    json_t *object;

    ck_assert_int_eq(ct_json_object(text, &object, &err), CT_E_OK);
    ck_assert_str_eq(json_string_value(json_object_get(object, "half")), "a\xEF\xBF\xBD"
                                                                         "b");
    ck_assert_str_eq(json_string_value(json_object_get(object, "pair")), "\xF0\x9F\x98\x80");
    ck_assert_str_eq(json_string_value(json_object_get(object, "back")), "\\ud800");
    ck_assert_double_eq(json_number_value(json_object_get(object, "big")), 12345678901234567000.0);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "small")), -7);
    ck_assert_uint_eq(json_string_length(json_object_get(object, "nul")), 3);
    ck_assert_str_eq(json_string_value(json_object_get(object, "digits")), "12345678901234567000");
    json_decref(object);
}
END_TEST

START_TEST(test_append_string)
{
    struct ct_buf buf = {0};

    ct_json_append_string(&buf, (struct ct_str){"a\"\\\n\r\t\b\f\x01\0\xC3\xA9\xFFz", 14});
    ck_assert(ct_str_is(ct_buf_str(&buf), "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u0000\xC3\xA9"
                                          "\xEF\xBF\xBDz\""));
    ck_assert_int_eq(ct_json_check(ct_buf_str(&buf), NULL), CT_E_OK);
    ct_buf_clear(&buf);
    ct_json_append_string(&buf, CT_STR_NONE);
    ck_assert(ct_str_is(ct_buf_str(&buf), "\"\""));
    ct_buf_free(&buf);
}
END_TEST

START_TEST(test_one_line)
{
    struct ct_buf buf = {0};

    ct_json_append_one_line(&buf, CT_STR_LIT("{\r\n  \"a\": [1,\n2],\n\"b\": \"x\\ny\"\n}\n"));
    ck_assert(ct_str_is(ct_buf_str(&buf), "{  \"a\": [1,2],\"b\": \"x\\ny\"}"));
    ct_buf_free(&buf);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_good, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tcase, test_bad, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tcase, test_prefixes);
    tcase_add_test(tcase, test_depth);
    tcase_add_test(tcase, test_mixed_depth);
    tcase_add_test(tcase, test_object);
    tcase_add_test(tcase, test_object_of_javascript);
    tcase_add_test(tcase, test_append_string);
    tcase_add_test(tcase, test_one_line);
}

int main(void)
{
    return unit_run("json", add_tests);
}
