/* common/buf and common/base64: bytes come out as they went in, however they are moved inside. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/buf.h"
#include "common/random.h"
#include "tests/lib/unit.h"

START_TEST(test_text_forms)
{
    struct ct_buf buf = {0};

    ck_assert(ct_str_is(ct_buf_str(&buf), ""));
    ct_buf_append(&buf, "ab", 2);
    ct_buf_append_str(&buf, CT_STR_LIT("cd"));
    ct_buf_append_char(&buf, '-');
    ct_buf_append_int(&buf, INT64_MIN);
    ct_buf_printf(&buf, "|%03d|%s", 7, "end");
    ct_buf_append_str(&buf, CT_STR_NONE);
    ck_assert(ct_str_is(ct_buf_str(&buf), "abcd--9223372036854775808|007|end"));
    ct_buf_clear(&buf);
    ck_assert_uint_eq(buf.len, 0);
    ct_buf_free(&buf);
    ct_buf_free(&buf);
}
END_TEST

START_TEST(test_take_moves_out)
{
    struct ct_buf buf = {0};
    size_t len;

    char *empty = ct_buf_take(&buf, NULL);
    ck_assert_str_eq(empty, "");
    free(empty);
    ct_buf_append_str(&buf, CT_STR_LIT("skip this"));
    ct_buf_consume(&buf, 5);
    char *text = ct_buf_take(&buf, &len);
    ck_assert_str_eq(text, "this");
    ck_assert_uint_eq(len, 4);
    ck_assert_ptr_null(buf.data);
    ck_assert_uint_eq(buf.len, 0);
    free(text);
}
END_TEST

START_TEST(test_impossible_size_is_refused)
{
    struct ct_buf buf = {0};

    ct_buf_append_char(&buf, 'x');
    ck_assert(!ct_buf_try_reserve(&buf, SIZE_MAX - 1));
    ck_assert(ct_str_is(ct_buf_str(&buf), "x"));
    ct_buf_free(&buf);
}
END_TEST

/* A stream of counted bytes through appends and consumes of random size. */
START_TEST(test_stream_keeps_order)
{
    uint64_t state = 42;
    struct ct_random random = ct_random_seeded(&state);
    struct ct_buf buf = {0};
    unsigned char in = 0, out = 0;

    for (int round = 0; round < 20000; round++) {
        size_t more = ct_random_next(&random) % 300;
        char *place = ct_buf_reserve(&buf, more);

        for (size_t i = 0; i < more; i++)
            place[i] = (char)in++;
        buf.len += more;
        size_t less = ct_random_next(&random) % (buf.len + 1);
        if (buf.len < 5000)
            less /= 2;
        for (size_t i = 0; i < less; i++)
            ck_assert_uint_eq((unsigned char)ct_buf_data(&buf)[i], (unsigned char)(out + i));
        out = (unsigned char)(out + less);
        ct_buf_consume(&buf, less);
    }
    ck_assert_uint_lt(buf.cap, 64 * 1024); /* consumed bytes do not pile up in front */
    ct_buf_free(&buf);
}
END_TEST

/* RFC 4648, section 10. */
START_TEST(test_base64_vectors)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    struct ct_buf buf = {0};

    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        ct_buf_clear(&buf);
        ct_base64_append(&buf, ct_str_of(vectors[i][0]));
        ck_assert(ct_str_is(ct_buf_str(&buf), vectors[i][1]));
    }
    ct_buf_clear(&buf);
    ct_base64_append(&buf, (struct ct_str){"\x00\xff\xfe\xfb", 4});
    ck_assert(ct_str_is(ct_buf_str(&buf), "AP/++w=="));
    ct_buf_free(&buf);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_text_forms);
    tcase_add_test(tcase, test_take_moves_out);
    tcase_add_test(tcase, test_impossible_size_is_refused);
    tcase_add_test(tcase, test_stream_keeps_order);
    tcase_add_test(tcase, test_base64_vectors);
}

int main(void)
{
    return unit_run("buf", add_tests);
}
