/* common/sha256 against published vectors, in one piece and byte by byte. */
#include "common/sha256.h"

#include <check.h>
#include <string.h>

#include "tests/lib/unit.h"

static const struct {
    const char *text, *digest;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

START_TEST(test_vectors)
{
    struct ct_str text = ct_str_of(vectors[_i].text);
    struct ct_sha256 sha;
    char hex[CT_SHA256_HEX + 1];

    ct_sha256_init(&sha);
    ct_sha256_add(&sha, text);
    ct_sha256_hex(&sha, hex);
    ck_assert_str_eq(hex, vectors[_i].digest);
    ct_sha256_init(&sha);
    for (size_t i = 0; i < text.len; i++)
        ct_sha256_add(&sha, (struct ct_str){text.data + i, 1});
    ct_sha256_hex(&sha, hex);
    ck_assert_str_eq(hex, vectors[_i].digest);
}
END_TEST

START_TEST(test_a_million)
{
    struct ct_sha256 sha;
    char hex[CT_SHA256_HEX + 1], piece[1000];

    memset(piece, 'a', sizeof piece);
    ct_sha256_init(&sha);
    for (int i = 0; i < 1000; i++)
        ct_sha256_add(&sha, (struct ct_str){piece, sizeof piece});
    ct_sha256_hex(&sha, hex);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_vectors, 0, sizeof vectors / sizeof vectors[0]);
    tcase_add_test(tcase, test_a_million);
}

int main(void)
{
    return unit_run("sha256", add_tests);
}
