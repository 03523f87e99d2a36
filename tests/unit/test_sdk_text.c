/* SDK texts: bounds of what grows, the encodings, and digests against published vectors. */
#include "cartrita/sdk/text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/digest.h"
#include "tests/lib/unit.h"

START_TEST(test_grows)
{
    struct sdk_string string = {0};
    size_t len;
    char *text;

    for (int i = 0; i < 1000; i++)
        sdk_string_printf(&string, "%d,", i);
    sdk_string_add(&string, "\0x", 2);
    sdk_string_puts(&string, "end");
    ck_assert(!string.is_full);
    text = sdk_string_take(&string, &len);
    ck_assert_uint_eq(len, 3890 + 5);
    ck_assert_mem_eq(text + 3890, "\0xend", 6);
    free(text);
    ck_assert_ptr_null(string.bytes);
    text = sdk_string_take(&string, NULL);
    ck_assert_str_eq(text, "");
    free(text);
    sdk_string_free(&string);
}
END_TEST

START_TEST(test_is_bounded)
{
    struct sdk_string string = {.max = 8};

    sdk_string_puts(&string, "12345678");
    ck_assert(!string.is_full);
    sdk_string_puts(&string, "9");
    ck_assert(string.is_full);
    ck_assert_str_eq(string.bytes, "12345678");
    ck_assert_ptr_null(sdk_string_take(&string, NULL));
    ck_assert(!string.is_full);
    sdk_string_printf(&string, "%s", "123456789");
    ck_assert(string.is_full);
    sdk_string_puts(&string, "1"); /* would fit, but something is missing before it */
    ck_assert_uint_eq(string.len, 0);
    sdk_string_free(&string);
    sdk_string_add(&string, "x", SIZE_MAX);
    ck_assert(string.is_full);
    sdk_string_free(&string);
}
END_TEST

static const struct {
    const char *plain, *encoded;
} pairs[] = {{"", ""},
             {"f", "Zg=="},
             {"fo", "Zm8="},
             {"foo", "Zm9v"},
             {"foob", "Zm9vYg=="},
             {"fooba", "Zm9vYmE="},
             {"foobar", "Zm9vYmFy"}};

static void check_decoded(const char *text, const char *expected)
{
    char *bytes;
    size_t len;

    ck_assert_msg(sdk_base64_decode(text, strlen(text), &bytes, &len), "%s", text);
    ck_assert_uint_eq(len, strlen(expected));
    ck_assert_str_eq(bytes, expected);
    free(bytes);
}

START_TEST(test_base64)
{
    struct sdk_string string = {0};

    sdk_base64_add(&string, pairs[_i].plain, strlen(pairs[_i].plain));
    ck_assert_str_eq(string.bytes ? string.bytes : "", pairs[_i].encoded);
    sdk_string_free(&string);
    check_decoded(pairs[_i].encoded, pairs[_i].plain);
}
END_TEST

START_TEST(test_base64_of_all_bytes)
{
    unsigned char bytes[5000];
    struct sdk_string string = {0};
    char *back;
    size_t len;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    sdk_base64_add(&string, bytes, sizeof bytes);
    ck_assert(sdk_base64_decode(string.bytes, string.len, &back, &len));
    ck_assert_uint_eq(len, sizeof bytes);
    ck_assert_mem_eq(back, bytes, len);
    free(back);
    sdk_string_free(&string);
}
END_TEST

START_TEST(test_base64_as_others_write_it)
{
    static const char *const bad[] = {
        "A", "Zg=", "Zm9v=", "Zg==Zg==", "Zm9*", "=", "Z===", "Zm9vA"};
    char *bytes;
    size_t len;

    check_decoded("Zm9v\r\nYm Fy\t", "foobar");
    check_decoded("Zg", "f");
    check_decoded("Zm8", "fo");
    check_decoded("fn5-", "~~~");
    check_decoded("Pz8_", "???");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!sdk_base64_decode(bad[i], strlen(bad[i]), &bytes, &len), "%s", bad[i]);
    ck_assert(!sdk_base64_decode("Zm\0v", 4, &bytes, &len));
}
END_TEST

START_TEST(test_urls)
{
    struct sdk_string string = {0};

    sdk_url_encode_add(&string, "a/b c~\xc3\xa9+", 9, true);
    sdk_url_encode_add(&string, "/", 1, false);
    ck_assert_str_eq(string.bytes, "a/b%20c~%C3%A9%2B%2F");
    sdk_string_free(&string);
}
END_TEST

/* FIPS 180-2 and RFC 4231. */
START_TEST(test_digests)
{
    unsigned char digest[SDK_SHA256_SIZE];
    char hex[2 * SDK_SHA256_SIZE + 1];

    sdk_sha256("abc", 3, digest);
    sdk_hex(digest, sizeof digest, hex);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sdk_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
    sdk_hex(digest, sizeof digest, hex);
    ck_assert_str_eq(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    ck_assert(sdk_equal_secret("abc", "abc", 3) && !sdk_equal_secret("abc", "abd", 3));
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_grows);
    tcase_add_test(tcase, test_is_bounded);
    tcase_add_loop_test(tcase, test_base64, 0, sizeof pairs / sizeof pairs[0]);
    tcase_add_test(tcase, test_base64_of_all_bytes);
    tcase_add_test(tcase, test_base64_as_others_write_it);
    tcase_add_test(tcase, test_urls);
    tcase_add_test(tcase, test_digests);
}

int main(void)
{
    return unit_run("sdk_text", add_tests);
}
