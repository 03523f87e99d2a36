/* common/str, nearest, random, md5, list and mem: the small pieces. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/list.h"
#include "common/md5.h"
#include "common/mem.h"
#include "common/nearest.h"
#include "common/random.h"
#include "common/str.h"
#include "tests/lib/unit.h"

START_TEST(test_int)
{
    static const struct {
        const char *text;
        bool is_good;
        int64_t value;
    } rows[] = {{"0", true, 0},
                {"-0", true, 0},
                {"007", true, 7},
                {"9223372036854775807", true, INT64_MAX},
                {"-9223372036854775808", true, INT64_MIN},
                {"9223372036854775808", false, 0},
                {"-9223372036854775809", false, 0},
                {"99999999999999999999", false, 0},
                {"", false, 0},
                {"-", false, 0},
                {"+1", false, 0},
                {" 1", false, 0},
                {"1 ", false, 0},
                {"1.0", false, 0},
                {"0x1", false, 0}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t value = -77;
        ck_assert_msg(ct_str_to_int(ct_str_of(rows[i].text), &value) == rows[i].is_good, "%s",
                      rows[i].text);
        ck_assert_int_eq(value, rows[i].is_good ? rows[i].value : -77);
    }
}
END_TEST

START_TEST(test_double)
{
    static const char *const bad[] = {"",    "-",     ".5", "5.", "1e",    "1e+", "inf",
                                      "nan", "0x1p1", " 1", "1 ", "1e999", "+1",  "--1"};
    double value = 0;

    ck_assert(ct_str_to_double(CT_STR_LIT("-12.5e-1"), &value));
    ck_assert_double_eq(value, -1.25);
    ck_assert(ct_str_to_double(CT_STR_LIT("1E3"), &value));
    ck_assert_double_eq(value, 1000);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!ct_str_to_double(ct_str_of(bad[i]), &value), "%s", bad[i]);
}
END_TEST

START_TEST(test_utf8)
{
    static const struct {
        const char *text;
        size_t len;
    } rows[] = {{"a", 1},
                {"\xC3\xA9", 2},
                {"\xE2\x82\xAC", 3},
                {"\xF0\x9F\x98\x80", 4},
                {"\xF4\x8F\xBF\xBF", 4},
                {"\x80", 0},
                {"\xC0\x80", 0},
                {"\xC3", 0},
                {"\xE0\x80\x80", 0},
                {"\xED\xA0\x80", 0},
                {"\xF0\x80\x80\x80", 0},
                {"\xF4\x90\x80\x80", 0},
                {"\xE2\x82", 0},
                {"\xFF", 0}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_uint_eq(ct_str_utf8_len(ct_str_of(rows[i].text), 0), rows[i].len);
    ck_assert_uint_eq(ct_str_utf8_len(CT_STR_LIT("a"), 1), 0);
}
END_TEST

START_TEST(test_equality)
{
    ck_assert(ct_str_equal(CT_STR_NONE, CT_STR_LIT("")));
    ck_assert(!ct_str_is(CT_STR_NONE, ""));
    ck_assert(ct_str_is(CT_STR_LIT("ab"), "ab"));
    ck_assert(!ct_str_is(CT_STR_LIT("ab"), "abc"));
}
END_TEST

static const char *nearest_of(const char *word)
{
    static const char *const names[] = {"redis", "queue", "processes", "concurrency", "log-level"};
    struct ct_nearest nearest;

    ct_nearest_init(&nearest, word);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ct_nearest_offer(&nearest, names[i]);
    return nearest.best ? nearest.best : "";
}

START_TEST(test_nearest)
{
    struct ct_nearest nearest;
    char longest[200];

    ct_nearest_init(&nearest, "redsi");
    ct_nearest_offer(&nearest, "redis");
    ck_assert_uint_eq(nearest.distance, 1); /* swapped letters are one slip */
    ck_assert_str_eq(nearest_of("quue"), "queue");
    ck_assert_str_eq(nearest_of("Redsi"), "redis");
    ck_assert_str_eq(nearest_of("proc"), "processes");
    ck_assert_str_eq(nearest_of("loglevel"), "log-level");
    ck_assert_str_eq(nearest_of("banana"), "");
    ck_assert_str_eq(nearest_of(""), "");
    memset(longest, 'q', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    ck_assert_str_eq(nearest_of(longest), "");
}
END_TEST

/* RFC 1321, appendix A.5, and lengths around the block. */
START_TEST(test_md5_vectors)
{
    static const char *const vectors[][2] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"1234567890123456789012345678901234567890123456789012345678901234567890"
         "1234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
        {"__default__::::* * * * *", "b1bb69cc98214a79949717b7500b2d30"}};
    char hex[CT_MD5_HEX_LEN + 1];

    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        ct_md5_hex(ct_str_of(vectors[i][0]), hex);
        ck_assert_str_eq(hex, vectors[i][1]);
    }
}
END_TEST

START_TEST(test_md5_lengths)
{
    /* MD5 over the digests of "x" times 0 to 199, made with another implementation. */
    struct {
        char text[200 * CT_MD5_HEX_LEN + 1];
    } all;
    char text[200], hex[CT_MD5_HEX_LEN + 1];

    memset(text, 'x', sizeof text);
    for (size_t len = 0; len < sizeof text; len++)
        ct_md5_hex((struct ct_str){text, len}, all.text + len * CT_MD5_HEX_LEN);
    ct_md5_hex(ct_str_of(all.text), hex);
    ck_assert_str_eq(hex, "0f0e2ac786e6a42eac7e7de3a518cd0c");
}
END_TEST

START_TEST(test_random)
{
    uint64_t a = 1, b = 1;
    struct ct_random first = ct_random_seeded(&a), second = ct_random_seeded(&b);
    char uuid[CT_UUID_LEN + 1], other[CT_UUID_LEN + 1];

    ct_uuid(&first, uuid);
    ct_uuid(&second, other);
    ck_assert_str_eq(uuid, other);
    ct_uuid(&ct_random_system, other);
    ck_assert_str_ne(uuid, other);
    for (int i = 0; i < 1000; i++) {
        ct_uuid(&first, uuid);
        ck_assert_uint_eq(strlen(uuid), CT_UUID_LEN);
        ck_assert_uint_eq(strspn(uuid, "0123456789abcdef-"), CT_UUID_LEN);
        ck_assert_int_eq(uuid[8], '-');
        ck_assert_int_eq(uuid[13], '-');
        ck_assert_int_eq(uuid[14], '4');
        ck_assert_ptr_nonnull(strchr("89ab", uuid[19]));
    }
}
END_TEST

START_TEST(test_clock)
{
    int64_t before = ct_monotonic_ms(&ct_clock_system);

    ck_assert_int_gt(ct_wall_ms(&ct_clock_system), 1600000000000);
    ck_assert_int_ge(ct_monotonic_ms(&ct_clock_system), before);
}
END_TEST

START_TEST(test_mem)
{
    char *copy = ct_strndup("abcdef", 3);
    char *text = ct_asprintf("%s-%d", copy, 42);
    int *zeroes = ct_zalloc(4 * sizeof *zeroes);

    ck_assert_str_eq(copy, "abc");
    ck_assert_str_eq(text, "abc-42");
    ck_assert_int_eq(zeroes[3], 0);
    free(ct_alloc(0));
    free(zeroes);
    free(text);
    free(copy);
}
END_TEST

struct item {
    int number;
    struct ct_list link;
};

START_TEST(test_list)
{
    struct ct_list head, other;
    struct item items[4];
    int expected = 0;

    ct_list_init(&head);
    ct_list_init(&other);
    for (int i = 0; i < 4; i++) {
        items[i].number = i;
        ct_list_push_back(i < 2 ? &head : &other, &items[i].link);
    }
    ct_list_append(&head, &other);
    ck_assert(ct_list_is_empty(&other));
    CT_LIST_FOREACH (node, &head)
        ck_assert_int_eq(CT_CONTAINER(node, struct item, link)->number, expected++);
    ck_assert_int_eq(expected, 4);
    CT_LIST_FOREACH_SAFE (node, next, &head)
        ct_list_remove(node);
    ct_list_remove(&items[0].link); /* twice is harmless */
    ck_assert(ct_list_is_empty(&head));
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_int);
    tcase_add_test(tcase, test_double);
    tcase_add_test(tcase, test_utf8);
    tcase_add_test(tcase, test_equality);
    tcase_add_test(tcase, test_nearest);
    tcase_add_test(tcase, test_md5_vectors);
    tcase_add_test(tcase, test_md5_lengths);
    tcase_add_test(tcase, test_random);
    tcase_add_test(tcase, test_clock);
    tcase_add_test(tcase, test_mem);
    tcase_add_test(tcase, test_list);
}

int main(void)
{
    return unit_run("str", add_tests);
}
