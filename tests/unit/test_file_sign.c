/* worker/plugins/file/transfer/sign: the signatures that S3's own description gives for its
 * examples. */
#include <check.h>
#include <string.h>

#include "cartrita/sdk/text.h"
#include "tests/lib/unit.h"
#include "worker/plugins/file/transfer/sign.c"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HELLO "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
#define HOST  "host:examplebucket.s3.amazonaws.com"
#define TIME  "20130524T000000Z"

static const struct {
    const char *method, *path, *query, *payload;
    const char *lines[6];
    const char *signature;
} examples[] = {
    {"GET",
     "/test.txt",
     "",
     EMPTY,
     {HOST, "range:bytes=0-9", "x-amz-content-sha256:" EMPTY, "x-amz-date:" TIME},
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"PUT",
     "/test%24file.text",
     "",
     HELLO,
     {"date:Fri, 24 May 2013 00:00:00 GMT", HOST, "x-amz-content-sha256:" HELLO, "x-amz-date:" TIME,
      "x-amz-storage-class:REDUCED_REDUNDANCY"},
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"GET",
     "/",
     "lifecycle=",
     EMPTY,
     {HOST, "x-amz-content-sha256:" EMPTY, "x-amz-date:" TIME},
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"GET",
     "/",
     "max-keys=2&prefix=J",
     EMPTY,
     {HOST, "x-amz-content-sha256:" EMPTY, "x-amz-date:" TIME},
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

START_TEST(test_examples)
{
    struct sign_request request = {.method = examples[_i].method,
                                   .path = examples[_i].path,
                                   .query = examples[_i].query,
                                   .lines = examples[_i].lines,
                                   .payload_sha256 = examples[_i].payload,
                                   .time = TIME,
                                   .region = "us-east-1",
                                   .access_key = "AKIAIOSFODNN7EXAMPLE",
                                   .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
    struct sdk_string out = {0};

    while (request.lines[request.line_count])
        request.line_count++;
    sign_authorization(&request, &out);
    ck_assert_str_eq(strstr(out.bytes, "Signature=") + 10, examples[_i].signature);
    ck_assert_ptr_nonnull(strstr(out.bytes, "/20130524/us-east-1/s3/aws4_request,"));
    ck_assert_ptr_null(strstr(out.bytes, "wJalr"));
    sdk_string_free(&out);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_examples, 0, sizeof examples / sizeof examples[0]);
}

int main(void)
{
    return unit_run("file_sign", add_tests);
}
