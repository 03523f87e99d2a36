/* SDK files: reading and writing below roots, and that nothing leads out of them. */
#include "cartrita/sdk/file.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

/* BASE/in (the first root), BASE/out (the second), BASE/secret (outside of both). */
static char base[64];
static struct sdk_roots *roots;

static const char *at(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", base, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void setup(void)
{
    struct sdk_error error;
    json_t *paths;

    strcpy(base, "/tmp/sdk-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
    ck_assert_int_eq(mkdir(at("in"), 0755) | mkdir(at("out"), 0755) | mkdir(at("in/sub"), 0755), 0);
    put("in/a.txt", "content");
    put("secret", "secret");
    paths = json_pack("[s, s]", at("in"), at("out"));
    ck_assert_msg(sdk_roots_open(paths, &roots, &error), "%s", error.text);
    json_decref(paths);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    return remove(path);
}

static void teardown(void)
{
    sdk_roots_close(roots);
    nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void check_read(const char *path, const char *expected)
{
    struct sdk_error error = {0};
    char *bytes;
    size_t len;

    ck_assert_msg(sdk_file_read(roots, path, 1000, &bytes, &len, &error), "%s: %s", path,
                  error.text);
    ck_assert_uint_eq(len, strlen(expected));
    ck_assert_str_eq(bytes, expected);
    free(bytes);
}

static void check_refused(const char *path, const char *reason)
{
    struct sdk_error error = {0};

    ck_assert_msg(sdk_file_open(roots, path, NULL, &error) == -1, "%s", path);
    ck_assert_msg(strstr(error.text, reason) != NULL, "%s: %s", path, error.text);
    ck_assert(error.is_permanent);
    ck_assert_str_eq(error.name, "FileError");
}

START_TEST(test_reading)
{
    put("out/b", "");
    ck_assert_int_eq(symlink("../a.txt", at("in/sub/link")) | symlink("sub/link", at("in/second")) |
                         symlink("sub", at("in/dir")),
                     0);
    check_read("a.txt", "content");
    check_read("./sub//.././a.txt", "content");
    check_read(at("in/a.txt"), "content");
    check_read(at("in//sub/../a.txt"), "content");
    check_read(at("out/b"), "");
    check_read("second", "content");
    check_read("dir/link", "content");
}
END_TEST

START_TEST(test_nothing_leads_out)
{
    char absolute[256];

    snprintf(absolute, sizeof absolute, "%s", at("secret"));
    ck_assert_int_eq(symlink("../secret", at("in/up")) | symlink(absolute, at("in/absolute")) |
                         symlink("..", at("in/parent")) | symlink("../../in", at("in/sub/round")),
                     0);
    check_refused("../secret", "leads out");
    check_refused("sub/../../secret", "leads out");
    check_refused("up", "leads out");
    check_refused("absolute", "leads out");
    check_refused("parent/secret", "leads out");
    check_refused("sub/round/a.txt", "leads out"); /* although it comes back */
    check_refused(at("in/../secret"), "leads out");
    check_refused(at("secret"), "jobs may use files below");
    check_refused(at("input"), "jobs may use files below");
    check_refused("/etc/passwd", "jobs may use files below");
    check_refused("/", "jobs may use files below");
    check_refused("", "empty");
}
END_TEST

START_TEST(test_what_is_no_file)
{
    char deep[3 * 70] = "", part[300];
    struct sdk_error error;

    ck_assert_int_eq(mkfifo(at("in/pipe"), 0600) | symlink("loop", at("in/loop")), 0);
    check_refused("missing", "No such file");
    check_refused("missing/a", "No such file");
    check_refused("a.txt/b", "Not a directory");
    check_refused("sub", "Is a directory");
    check_refused(".", "Is a directory");
    check_refused(at("in"), "Is a directory");
    check_refused("pipe", "no regular file");
    check_refused("loop", "Too many levels");
    memset(part, 'x', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    check_refused(part, "name too long");
    for (int i = 0; i < 69; i++)
        strcat(deep, "d/");
    close(
        sdk_directory_open(roots, deep, true, &error)); /* one after the other, as far as it goes */
    check_refused(deep, "name too long");
}
END_TEST

START_TEST(test_size_is_bounded)
{
    struct sdk_error error = {0};
    char *bytes;
    size_t len;

    ck_assert(!sdk_file_read(roots, "a.txt", 6, &bytes, &len, &error));
    ck_assert_msg(strstr(error.text, "7 bytes, at most 6 are allowed") != NULL, "%s", error.text);
    ck_assert(sdk_file_read(roots, "a.txt", 7, &bytes, &len, &error));
    free(bytes);
    /* A file whose size is not told in advance. */
    ck_assert(sdk_file_read(NULL, "/proc/self/status", 100000, &bytes, &len, &error));
    ck_assert_uint_gt(len, 100);
    free(bytes);
    ck_assert(!sdk_file_read(NULL, "/proc/self/status", 100, &bytes, &len, &error));
    ck_assert_msg(strstr(error.text, "at most 100") != NULL, "%s", error.text);
}
END_TEST

START_TEST(test_without_roots_all_is_allowed)
{
    struct sdk_roots *whole;
    struct sdk_error error = {0};
    char *bytes;
    size_t len;

    ck_assert(sdk_roots_open(NULL, &whole, &error));
    ck_assert_ptr_null(whole);
    ck_assert_int_eq(symlink(at("secret"), at("in/absolute")), 0);
    ck_assert_msg(sdk_file_read(whole, at("in/absolute"), 100, &bytes, &len, &error), "%s",
                  error.text);
    ck_assert_str_eq(bytes, "secret");
    free(bytes);
    ck_assert_int_eq(sdk_file_open(whole, "a.txt", NULL, &error), -1);
    ck_assert_str_eq(error.text, "a.txt: give an absolute path");
}
END_TEST

START_TEST(test_bad_roots)
{
    static const char *const bad[] = {
        "[]", "7", "[7]", "\"in\"", "[\"/missing/root\"]", "[\"/etc/passwd\"]"};
    struct sdk_roots *none;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *paths = json_loads(bad[i], JSON_DECODE_ANY, NULL);
        struct sdk_error error = {0};

        ck_assert_msg(!sdk_roots_open(paths, &none, &error), "%s", bad[i]);
        ck_assert(error.text[0]);
        json_decref(paths);
    }
}
END_TEST

static int count_files(const char *directory)
{
    char command[300], text[16] = "";
    FILE *pipe;

    snprintf(command, sizeof command, "ls -A %s | wc -l", at(directory));
    pipe = popen(command, "r");
    ck_assert_ptr_nonnull(fgets(text, sizeof text, pipe));
    pclose(pipe);
    return atoi(text);
}

START_TEST(test_an_output_is_whole_or_not_there)
{
    struct sdk_output out;
    struct sdk_error error = {0};

    ck_assert_msg(sdk_output_open(roots, "a.txt", false, &out, &error), "%s", error.text);
    ck_assert(sdk_output_write(&out, "new ", 4, &error) &&
              sdk_output_write(&out, "text", 4, &error));
    check_read("a.txt", "content");
    ck_assert(sdk_output_commit(&out, &error));
    check_read("a.txt", "new text");
    sdk_output_abort(&out);
    ck_assert_int_eq(count_files("in"), 2);

    ck_assert(sdk_output_open(roots, "a.txt", false, &out, &error));
    ck_assert(sdk_output_write(&out, "never", 5, &error));
    sdk_output_abort(&out);
    check_read("a.txt", "new text");
    ck_assert_int_eq(count_files("in"), 2);
}
END_TEST

START_TEST(test_output_makes_directories)
{
    struct sdk_output out;
    struct sdk_error error = {0};
    int directory;

    ck_assert(!sdk_output_open(roots, at("out/x/y/z"), false, &out, &error));
    ck_assert_msg(strstr(error.text, "No such file") != NULL, "%s", error.text);
    sdk_output_abort(&out);
    ck_assert_msg(sdk_output_open(roots, at("out/x/y/z"), true, &out, &error), "%s", error.text);
    ck_assert(sdk_output_commit(&out, &error));
    check_read(at("out/x/y/z"), "");
    directory = sdk_directory_open(roots, "made/here", true, &error);
    ck_assert_int_ge(directory, 0);
    close(directory);
    directory = sdk_directory_open(roots, "made/here", false, &error);
    ck_assert_int_ge(directory, 0);
    close(directory);
    ck_assert_int_eq(sdk_directory_open(roots, "../out", false, &error), -1);
    ck_assert_int_eq(sdk_directory_open(roots, "a.txt", false, &error), -1);
}
END_TEST

START_TEST(test_outputs_refused)
{
    static const char *const paths[] = {"sub", "sub/", "new/", ".",  "",
                                        "..",  "../x", "up/x", "/x", "a.txt/x"};
    struct sdk_output out;

    ck_assert_int_eq(symlink("..", at("in/up")), 0);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct sdk_error error = {0};

        ck_assert_msg(!sdk_output_open(roots, paths[i], true, &out, &error), "%s", paths[i]);
        ck_assert_msg(error.text[0] && error.is_permanent, "%s", error.text);
    }
}
END_TEST

/* A link is replaced, not followed: what it names stays. */
START_TEST(test_output_over_a_link)
{
    struct sdk_output out;
    struct sdk_error error = {0};
    char *bytes;
    size_t len;

    ck_assert_int_eq(symlink("../secret", at("in/up")), 0);
    ck_assert(sdk_output_open(roots, "up", false, &out, &error));
    ck_assert(sdk_output_write(&out, "mine", 4, &error) && sdk_output_commit(&out, &error));
    check_read("up", "mine");
    ck_assert(sdk_file_read(NULL, at("secret"), 100, &bytes, &len, &error));
    ck_assert_str_eq(bytes, "secret");
    free(bytes);
}
END_TEST

START_TEST(test_a_full_disk_is_worth_a_retry)
{
    struct sdk_output out = {.fd = open("/dev/full", O_WRONLY), .directory = -1, .name = "x"};
    struct sdk_error error = {0};

    ck_assert(!sdk_output_write(&out, "x", 1, &error));
    ck_assert_str_eq(error.text, "writing x: No space left on device");
    ck_assert(!error.is_permanent);
    close(out.fd);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_reading);
    tcase_add_test(tcase, test_nothing_leads_out);
    tcase_add_test(tcase, test_what_is_no_file);
    tcase_add_test(tcase, test_size_is_bounded);
    tcase_add_test(tcase, test_without_roots_all_is_allowed);
    tcase_add_test(tcase, test_bad_roots);
    tcase_add_test(tcase, test_an_output_is_whole_or_not_there);
    tcase_add_test(tcase, test_output_makes_directories);
    tcase_add_test(tcase, test_outputs_refused);
    tcase_add_test(tcase, test_output_over_a_link);
    tcase_add_test(tcase, test_a_full_disk_is_worth_a_retry);
}

int main(void)
{
    return unit_run("sdk_file", add_tests);
}
