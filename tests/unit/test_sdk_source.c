/* Content that a job names: paths, data URLs, base64, text; URLs are tested with the client's own
 * server. */
#include "cartrita/sdk/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static struct sdk_error error;
static struct sdk_content content;
static char directory[] = "/tmp/cartrita-source-XXXXXX";
static const struct sdk_sources small = {.max_bytes = 10};

static bool read_json(const char *json)
{
    json_t *data = json_loads(json, 0, NULL);
    struct sdk_reader reader = sdk_reader(data, "data", &error);
    bool is_read;

    ck_assert_ptr_nonnull(data);
    sdk_content_free(&content);
    is_read = sdk_source_read(&small, NULL, &reader, "in", &content);
    ck_assert(is_read == sdk_reader_ok(&reader));
    json_decref(data);
    return is_read;
}

static void check_refused(const char *json, const char *text)
{
    ck_assert(!read_json(json));
    ck_assert_str_eq(error.text, text);
    ck_assert(error.is_permanent);
}

START_TEST(test_contents_are_read)
{
    ck_assert(read_json("{\"in\": {\"base64\": \"aGVsbG8=\"}}"));
    ck_assert_str_eq(content.bytes, "hello");
    ck_assert_uint_eq(content.len, 5);
    ck_assert(read_json("{\"in\": {\"text\": \"hallo\", \"path\": null}}"));
    ck_assert_str_eq(content.bytes, "hallo");
    ck_assert(read_json("{\"in\": \"data:image/png;x=y;base64,aGVsbG8=\"}"));
    ck_assert_str_eq(content.bytes, "hello");
    ck_assert_str_eq(content.type, "image/png");
    sdk_content_free(&content);
}
END_TEST

START_TEST(test_wrong_ones_are_refused)
{
    check_refused("{}", "data.in: is missing");
    check_refused("{\"in\": 7}",
                  "data.in: must be a text, or an object with path, url, base64 or text");
    check_refused("{\"in\": {}}", "data.in: needs one of path, url, base64, text");
    check_refused("{\"in\": {\"path\": \"a\", \"url\": \"b\"}}", "data.in: has both path and url");
    check_refused("{\"in\": {\"path\": 1}}", "data.in: path must be a text");
    check_refused("{\"in\": \"https://x/y\"}", "data.in: URLs are not taken here");
    check_refused("{\"in\": \"data:text/plain,x\"}",
                  "data.in: a data URL must be base64: \"data:TYPE;base64,...\"");
    check_refused("{\"in\": {\"base64\": \"!\"}}", "data.in: is no base64");
    check_refused("{\"in\": {\"text\": \"01234567890\"}}",
                  "data.in: is larger than the 10 bytes that are allowed");
    check_refused("{\"in\": {\"base64\": \"MDEyMzQ1Njc4OTA=\"}}",
                  "data.in: is larger than the 10 bytes that are allowed");
}
END_TEST

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
}

START_TEST(test_files_are_read)
{
    char json[300], *path;
    json_t *data;
    struct sdk_reader reader;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    write_file("a.txt", "seven77");
    snprintf(json, sizeof json, "{\"in\": \"%s/a.txt\"}", directory);
    ck_assert(read_json(json));
    ck_assert_str_eq(content.bytes, "seven77");
    ck_assert_str_eq(content.name, "a.txt");
    sdk_content_free(&content);
    data = json_loads(json, 0, NULL);
    reader = sdk_reader(data, "data", &error);
    ck_assert(sdk_source_file(&small, NULL, &reader, "in", &path, &error));
    ck_assert_str_eq(path, json_string_value(json_object_get(data, "in")));
    free(path);
    json_decref(data);
    remove_file("a.txt");
    ck_assert(!read_json(json));
    ck_assert(error.is_permanent);
    ck_assert(strncmp(error.text, "data.in: ", 9) == 0);
    rmdir(directory);
}
END_TEST

static const char *temporary(struct cartrita_job *job)
{
    return directory;
}

START_TEST(test_a_content_becomes_a_file)
{
    struct cartrita_host host = {.job_temp_dir = temporary};
    struct sdk_call call = {.host = &host};
    json_t *data = json_loads("{\"base64\": \"aGVsbG8=\"}", 0, NULL);
    struct sdk_reader reader = sdk_reader(data, "data", &error);
    char *path, bytes[16] = "";
    FILE *file;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert(sdk_source_file(&small, &call, &reader, NULL, &path, &error));
    file = fopen(path, "r");
    ck_assert_uint_eq(fread(bytes, 1, sizeof bytes, file), 5);
    ck_assert_str_eq(bytes, "hello");
    fclose(file);
    unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
    free(path);
    json_decref(data);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_contents_are_read);
    tcase_add_test(tcase, test_wrong_ones_are_refused);
    tcase_add_test(tcase, test_files_are_read);
    tcase_add_test(tcase, test_a_content_becomes_a_file);
}

int main(void)
{
    return unit_run("sdk_source", add_tests);
}
