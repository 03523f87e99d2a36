/* worker/rmtree: whatever lies in a directory is gone, and nothing outside of it is touched. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/shared/rmtree.h"

#define DEEP 3000 /* levels: the whole path would be longer than PATH_MAX */

static char base[] = "/tmp/test_rmtree-XXXXXX";

static void setup(void)
{
    strcpy(base + sizeof base - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
    ck_assert_int_eq(chdir(base), 0);
    ck_assert_int_eq(mkdir("outside", 0700), 0);
    ck_assert_int_eq(close(open("outside/kept", O_CREAT | O_WRONLY, 0600)), 0);
    ck_assert_int_eq(mkdir("tree", 0700), 0);
}

static void teardown(void)
{
    ck_assert_int_eq(access("outside/kept", F_OK), 0);
    ck_assert_int_eq(unlink("outside/kept"), 0);
    ck_assert_int_eq(rmdir("outside"), 0);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(base), 0);
}

static void touch(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void check_gone(const char *name)
{
    struct ct_error err = {.detail = ""};
    struct stat status;

    ck_assert_msg(rmtree(AT_FDCWD, name, &err) == CT_E_OK, "%s", err.detail);
    ck_assert(lstat(name, &status) != 0 && errno == ENOENT);
}

START_TEST(test_all_kinds)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "tree/socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    touch("tree/file");
    touch("tree/-rf");
    touch("tree/ \n\t*\\$(id)");
    touch("tree/\xff\xfe");
    touch("tree/...");
    ck_assert_int_eq(mkdir("tree/empty", 0700), 0);
    ck_assert_int_eq(mkdir("tree/full", 0700), 0);
    touch("tree/full/file");
    ck_assert_int_eq(mkfifo("tree/fifo", 0600), 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    check_gone("tree");
}
END_TEST

START_TEST(test_links_are_not_followed)
{
    char path[64];

    snprintf(path, sizeof path, "%s/outside", base);
    ck_assert_int_eq(symlink(path, "tree/absolute"), 0);
    ck_assert_int_eq(symlink("../outside", "tree/relative"), 0);
    ck_assert_int_eq(symlink("../outside/kept", "tree/file"), 0);
    ck_assert_int_eq(symlink("..", "tree/up"), 0);
    ck_assert_int_eq(symlink("nowhere", "tree/broken"), 0);
    ck_assert_int_eq(symlink("loop", "tree/loop"), 0);
    ck_assert_int_eq(link("outside/kept", "tree/hard"), 0);
    check_gone("tree");
}
END_TEST

START_TEST(test_itself_a_link_or_a_file_or_nothing)
{
    ck_assert_int_eq(symlink("outside", "link"), 0);
    check_gone("link");
    touch("file");
    check_gone("file");
    check_gone("nothing");
    check_gone("tree");
}
END_TEST

START_TEST(test_depth)
{
    struct rlimit few = {64, 64};
    int at = open("tree", O_RDONLY | O_DIRECTORY), next;

    for (int i = 0; i < DEEP; i++) {
        ck_assert_int_eq(mkdirat(at, "deep", 0700), 0);
        /* Its own name for what is moved is taken already. */
        if (i % 1000 == 0)
            ck_assert_int_eq(mkdirat(at, ".deep-0", 0700), 0);
        next = openat(at, "deep", O_RDONLY | O_DIRECTORY);
        ck_assert_int_ge(next, 0);
        close(at);
        at = next;
    }
    close(at);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    check_gone("tree");
}
END_TEST

START_TEST(test_width)
{
    char path[64];

    for (int i = 0; i < 20000; i++) {
        snprintf(path, sizeof path, "tree/%d", i);
        touch(path);
    }
    check_gone("tree");
}
END_TEST

/* For root they are none, and so it is done as another. */
START_TEST(test_directories_without_permissions)
{
    static const mode_t modes[] = {0, 0100, 0200, 0400, 0500, 0600};
    char path[64];

    if (geteuid() == 0) {
        ck_assert_int_eq(chown(base, 65534, 65534), 0);
        ck_assert_int_eq(chown("tree", 65534, 65534), 0);
        ck_assert_int_eq(seteuid(65534), 0);
    }
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        snprintf(path, sizeof path, "tree/%zu", i);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "tree/%zu/inner", i);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "tree/%zu/inner/file", i);
        touch(path);
        snprintf(path, sizeof path, "tree/%zu/inner", i);
        ck_assert_int_eq(chmod(path, modes[i]), 0);
        snprintf(path, sizeof path, "tree/%zu", i);
        ck_assert_int_eq(chmod(path, modes[i]), 0);
    }
    ck_assert_int_eq(chmod("tree", 0), 0);
    check_gone("tree");
    ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

START_TEST(test_an_obstacle_is_named_and_the_rest_removed)
{
    struct ct_error err = {.detail = ""};

    if (geteuid() == 0) { /* to root nothing is one */
        ck_assert_int_eq(chown("tree", 65534, 65534), 0);
        ck_assert_int_eq(mkdir("tree/foreign", 0755), 0);
        touch("tree/foreign/file");
        touch("tree/own");
        ck_assert_int_eq(chmod(base, 0755), 0);
        ck_assert_int_eq(seteuid(65534), 0);
        ck_assert(rmtree(AT_FDCWD, "tree", &err) == CT_E_SYSTEM);
        ck_assert_ptr_nonnull(strstr(err.detail, "removing file: Permission denied"));
        ck_assert_int_eq(seteuid(0), 0);
        ck_assert_int_ne(access("tree/own", F_OK), 0);
        ck_assert_int_eq(access("tree/foreign/file", F_OK), 0);
    }
    check_gone("tree");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_all_kinds);
    tcase_add_test(tcase, test_links_are_not_followed);
    tcase_add_test(tcase, test_itself_a_link_or_a_file_or_nothing);
    tcase_add_test(tcase, test_depth);
    tcase_add_test(tcase, test_width);
    tcase_add_test(tcase, test_directories_without_permissions);
    tcase_add_test(tcase, test_an_obstacle_is_named_and_the_rest_removed);
}

int main(void)
{
    return unit_run("rmtree", add_tests);
}
