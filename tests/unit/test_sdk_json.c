/* SDK readers: what is read, what a user is told about data that is not as it should be. */
#include "cartrita/sdk/json.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static struct sdk_error error;
static json_t *data;

static struct sdk_reader reader(const char *text)
{
    json_decref(data);
    memset(&error, 0, sizeof error);
    data = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    ck_assert_msg(data != NULL, "%s", text);
    return sdk_reader(data, "data", &error);
}

static void check_refused(const struct sdk_reader *in, const char *reason)
{
    ck_assert(!sdk_reader_ok(in));
    ck_assert_str_eq(error.text, reason);
    ck_assert_str_eq(error.name, "ValidationError");
    ck_assert(error.is_permanent);
}

static void teardown(void)
{
    json_decref(data);
}

START_TEST(test_values)
{
    static const char *const fits[] = {"cover", "contain", NULL};
    struct sdk_reader in = reader(
        "{\"t\":\"text\",\"i\":-5,\"e\":1e3,\"n\":1.5,\"b\":true,\"c\":\"contain\",\"o\":{\"k\":1},"
        "\"a\":[1,2],\"z\":null}");

    ck_assert_str_eq(sdk_text(&in, "t", SDK_REQUIRED, 4), "text");
    ck_assert_int_eq(sdk_integer(&in, "i", 0, -5, 5), -5);
    ck_assert_int_eq(sdk_integer(&in, "e", 0, 0, 1000), 1000);
    ck_assert(sdk_number(&in, "n", 0, 0, 2) == 1.5);
    ck_assert(sdk_number(&in, "i", 0, -9, 2) == -5);
    ck_assert(sdk_boolean(&in, "b", false));
    ck_assert_int_eq(sdk_choice(&in, "c", fits, -1), 1);
    ck_assert_uint_eq(json_object_size(sdk_object(&in, "o")), 1);
    ck_assert_uint_eq(json_array_size(sdk_array(&in, "a", 2)), 2);
    ck_assert(sdk_has(&in, "t") && !sdk_has(&in, "z") && !sdk_has(&in, "x"));
    ck_assert(sdk_reader_need(&in, "t"));
    ck_assert(sdk_reader_ok(&in));
}
END_TEST

START_TEST(test_absent_and_null_give_the_fallback)
{
    static const char *const choices[] = {"a", NULL};
    struct sdk_reader in = reader("{\"z\":null}");

    for (int i = 0; i < 2; i++) {
        const char *name = i ? "z" : "absent";

        ck_assert_ptr_null(sdk_text(&in, name, NULL, 1));
        ck_assert_str_eq(sdk_text(&in, name, "longer", 1), "longer");
        ck_assert_int_eq(sdk_integer(&in, name, 7, 0, 1), 7);
        ck_assert(sdk_number(&in, name, 7, 0, 1) == 7);
        ck_assert(sdk_boolean(&in, name, true));
        ck_assert_int_eq(sdk_choice(&in, name, choices, -1), -1);
        ck_assert_ptr_null(sdk_object(&in, name));
        ck_assert_ptr_null(sdk_array(&in, name, 1));
        ck_assert_ptr_null(sdk_any(&in, name));
    }
    ck_assert(sdk_reader_ok(&in));
    in = sdk_reader(NULL, "data", &error);
    ck_assert_ptr_null(sdk_text(&in, "a", NULL, 1));
    ck_assert(sdk_reader_ok(&in));
}
END_TEST

static void read_text(struct sdk_reader *in)
{
    sdk_text(in, "a", SDK_REQUIRED, 3);
}
static void read_integer(struct sdk_reader *in)
{
    sdk_integer(in, "a", 0, 1, 10);
}
static void read_number(struct sdk_reader *in)
{
    sdk_number(in, "a", 0, 0, 1);
}
static void read_boolean(struct sdk_reader *in)
{
    sdk_boolean(in, "a", false);
}
static void read_object(struct sdk_reader *in)
{
    sdk_object(in, "a");
}
static void read_array(struct sdk_reader *in)
{
    sdk_array(in, "a", 2);
}
static void read_need(struct sdk_reader *in)
{
    sdk_reader_need(in, "a");
}
static void read_choice(struct sdk_reader *in)
{
    static const char *const choices[] = {"cover", "contain", NULL};

    sdk_choice(in, "a", choices, 0);
}
static void read_only(struct sdk_reader *in)
{
    static const char *const names[] = {"width", "height", NULL};

    sdk_reader_only(in, names);
}

static const struct {
    void (*read)(struct sdk_reader *in);
    const char *data, *reason;
} wrong[] = {
    {read_text, "{}", "data.a: is missing"},
    {read_text, "{\"a\":null}", "data.a: is missing"},
    {read_text, "{\"a\":[]}", "data.a: must be a text, not an array"},
    {read_text, "{\"a\":\"1234\"}", "data.a: has 4 bytes, at most 3 are allowed"},
    {read_text, "{\"a\":\"1\\u00002\"}", "data.a: holds a NUL character"},
    {read_text, "[]", "data: must be an object, not an array"},
    {read_text, "null", "data: must be an object, not null"},
    {read_integer, "{\"a\":\"5\"}", "data.a: must be a whole number, not a text"},
    {read_integer, "{\"a\":1.5}", "data.a: must be a whole number, not a number"},
    {read_integer, "{\"a\":1e300}", "data.a: must be a whole number, not a number"},
    {read_integer, "{\"a\":11}", "data.a: must be from 1 to 10, not 11"},
    {read_integer, "{\"a\":-9223372036854775808}",
     "data.a: must be from 1 to 10, not -9223372036854775808"},
    {read_number, "{\"a\":true}", "data.a: must be a number, not true"},
    {read_number, "{\"a\":1.25}", "data.a: must be from 0 to 1, not 1.25"},
    {read_boolean, "{\"a\":1}", "data.a: must be true or false, not a number"},
    {read_object, "{\"a\":\"x\"}", "data.a: must be an object, not a text"},
    {read_array, "{\"a\":{}}", "data.a: must be an array, not an object"},
    {read_array, "{\"a\":[1,2,3]}", "data.a: has 3 items, at most 2 are allowed"},
    {read_need, "{}", "data.a: is missing"},
    {read_choice, "{\"a\":\"xxx\"}", "data.a: must be one of cover, contain, not \"xxx\""},
    {read_choice, "{\"a\":\"contian\"}",
     "data.a: must be one of cover, contain, not \"contian\" (did you mean \"contain\"?)"},
    {read_only, "{\"wdith\":1}", "data: there is no \"wdith\" here (did you mean \"width\"?)"},
    {read_only, "{\"width\":1,\"Hieght\":1}",
     "data: there is no \"Hieght\" here (did you mean \"height\"?)"},
    {read_only, "{\"colour\":1}", "data: there is no \"colour\" here"},
};

START_TEST(test_wrong)
{
    struct sdk_reader in = reader(wrong[_i].data);

    wrong[_i].read(&in);
    check_refused(&in, wrong[_i].reason);
}
END_TEST

START_TEST(test_the_first_complaint_stays)
{
    struct sdk_reader in = reader("{\"a\":1,\"b\":2,\"c\":\"c\"}");

    ck_assert_ptr_null(sdk_text(&in, "a", NULL, 9));
    ck_assert_int_eq(sdk_integer(&in, "b", 7, 0, 9), 7); /* all else reads as absent */
    ck_assert_str_eq(sdk_text(&in, "c", SDK_REQUIRED, 9), "");
    ck_assert(!sdk_reader_refuse(&in, "c", "is not liked"));
    check_refused(&in, "data.a: must be a text, not a number");
}
END_TEST

START_TEST(test_readers_within)
{
    struct sdk_reader in = reader("{\"o\":{\"p\":{\"x\":1}},\"l\":[{\"x\":1},{\"x\":\"2\"},3]}");
    struct sdk_reader o = sdk_reader_in(&in, "o"), p = sdk_reader_in(&o, "p");
    struct sdk_reader none = sdk_reader_in(&in, "none");
    struct sdk_reader first = sdk_reader_at(&in, "l", 0), second = sdk_reader_at(&in, "l", 1);
    struct sdk_reader third;

    ck_assert_int_eq(sdk_integer(&p, "x", 0, 0, 9), 1);
    ck_assert_int_eq(sdk_integer(&none, "x", 5, 0, 9), 5);
    ck_assert_int_eq(sdk_integer(&first, "x", 0, 0, 9), 1);
    ck_assert(sdk_reader_ok(&p) && sdk_reader_ok(&none) && sdk_reader_ok(&first));
    sdk_integer(&second, "x", 0, 0, 9);
    check_refused(&second, "data.l[1].x: must be a whole number, not a text");
    ck_assert(sdk_reader_ok(&in));
    third = sdk_reader_at(&in, "l", 2);
    check_refused(&third, "data.l[2]: must be an object, not a number");
    /* What is read in one that has failed has failed, too, and says nothing new. */
    p = sdk_reader_in(&second, "p");
    check_refused(&p, "data.l[2]: must be an object, not a number");
}
END_TEST

START_TEST(test_long_names_are_cut)
{
    char text[1000], name[500];
    struct sdk_reader in, inner;

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "{\"%s\":1}", name);
    in = reader(text);
    inner = sdk_reader_in(&in, name);
    ck_assert(!sdk_reader_ok(&inner));
    in = reader(text);
    ck_assert(!sdk_reader_only(&in, (const char *const[]){"a", NULL}));
    ck_assert_uint_lt(strlen(error.text), 200);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, test_values);
    tcase_add_test(tcase, test_absent_and_null_give_the_fallback);
    tcase_add_loop_test(tcase, test_wrong, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_test(tcase, test_the_first_complaint_stays);
    tcase_add_test(tcase, test_readers_within);
    tcase_add_test(tcase, test_long_names_are_cut);
}

int main(void)
{
    return unit_run("sdk_json", add_tests);
}
