/* worker/temp_root: each runner has a directory of its own, and none outlives its worker for long.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/shared/rmtree.h"
#include "worker/supervisor/temp_root.h"

#define DEADLINE_MS 10000

static char base[64];
static uv_loop_t loop;
static uv_timer_t deadline;
static bool is_closed;

static void late(uv_timer_t *timer)
{
    ck_abort_msg("deadline passed");
}

static void setup(void)
{
    strcpy(base, "/tmp/test_temp_root-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
    setenv("TMPDIR", base, 1);
    is_closed = false;
    uv_loop_init(&loop);
    uv_timer_init(&loop, &deadline);
    uv_timer_start(&deadline, late, DEADLINE_MS, 0);
}

static void teardown(void)
{
    struct ct_error err;

    uv_close((uv_handle_t *)&deadline, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert(rmtree(AT_FDCWD, base, &err) == CT_E_OK);
}

static void root_closed(void *ctx)
{
    is_closed = true;
}

static void close_root(struct temp_root *root)
{
    temp_root_close(root, root_closed, NULL);
    ck_assert(!is_closed);
    while (!is_closed)
        uv_run(&loop, UV_RUN_ONCE);
}

static int count_in_base(void)
{
    DIR *directory = opendir(base);
    int count = -2; /* . and .. */

    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void until_count(int count)
{
    while (count_in_base() != count)
        uv_run(&loop, UV_RUN_ONCE);
}

static char *make(struct temp_root *root)
{
    struct user user = {.uid = geteuid(), .gid = getegid()};
    struct ct_error err = {.detail = ""};
    char *path = NULL;

    ck_assert_msg(temp_root_make(root, &user, &path, &err) == CT_E_OK, "%s", err.detail);
    return path;
}

static void touch(const char *folder, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void until_gone(const char *path)
{
    while (access(path, F_OK) == 0)
        uv_run(&loop, UV_RUN_ONCE);
}

START_TEST(test_a_runner_has_its_own)
{
    struct temp_root root;
    struct stat status;
    char *one, *other, *copy;

    ck_assert(temp_root_open(&root, &loop, NULL, NULL) == CT_E_OK);
    one = make(&root);
    other = make(&root);
    copy = strdup(one);
    ck_assert_str_ne(one, other);
    ck_assert_int_eq(stat(one, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0700);
    touch(one, "file");
    touch(other, "file");
    temp_root_discard(&root, one);
    until_gone(copy);
    ck_assert_int_eq(access(other, F_OK), 0);
    temp_root_discard(&root, NULL);
    close_root(&root); /* which takes along what was not discarded */
    ck_assert_int_eq(count_in_base(), 0);
    free(other);
    free(copy);
}
END_TEST

START_TEST(test_it_belongs_to_the_user)
{
    struct user user = {.uid = 12345, .gid = 54321, .is_other = true};
    struct temp_root root;
    struct stat status;
    struct ct_error err;
    char *path = NULL;

    ck_assert(temp_root_open(&root, &loop, NULL, NULL) == CT_E_OK);
    if (geteuid() == 0) {
        ck_assert(temp_root_make(&root, &user, &path, &err) == CT_E_OK);
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert_uint_eq(status.st_uid, 12345);
        ck_assert_uint_eq(status.st_gid, 54321);
        temp_root_discard(&root, path);
    } else {
        ck_assert(temp_root_make(&root, &user, &path, &err) == CT_E_SYSTEM);
        ck_assert_ptr_nonnull(strstr(err.detail, "giving away"));
    }
    close_root(&root);
    ck_assert_int_eq(count_in_base(), 0);
}
END_TEST

/* A worker that is killed: its directory is there, and nobody holds the lock. */
static void leave_one(void)
{
    int told[2];
    char byte;
    pid_t child;

    ck_assert_int_eq(pipe(told), 0);
    child = fork();
    if (child == 0) {
        struct temp_root root;
        uv_loop_t own;

        uv_loop_init(&own);
        if (temp_root_open(&root, &own, NULL, NULL) != CT_E_OK)
            _exit(1);
        touch(make(&root), "file");
        byte = 'x';
        (void)!write(told[1], &byte, 1);
        pause();
        _exit(0);
    }
    ck_assert_int_eq(read(told[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(told[0]);
    close(told[1]);
}

START_TEST(test_leftovers_go_and_the_living_stay)
{
    char foreign[128], link[128], stranger[128], open_to_all[128];
    struct temp_root living, root;
    char *used;

    ck_assert(temp_root_open(&living, &loop, NULL, NULL) == CT_E_OK);
    used = make(&living);
    leave_one();
    leave_one();
    snprintf(foreign, sizeof foreign, "%s/something-else", base);
    snprintf(link, sizeof link, "%s/cartrita-held-linked", base);
    snprintf(stranger, sizeof stranger, "%s/cartrita-held-strang", base);
    snprintf(open_to_all, sizeof open_to_all, "%s/cartrita-held-public", base);
    ck_assert_int_eq(mkdir(foreign, 0700), 0);
    ck_assert_int_eq(symlink(foreign, link), 0);
    ck_assert_int_eq(mkdir(open_to_all, 0700), 0);
    ck_assert_int_eq(chmod(open_to_all, 0777), 0); /* we make none that others may write to */
    ck_assert_int_eq(mkdir(stranger, 0700), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(stranger, 65534, 65534), 0);
    else
        ck_assert_int_eq(rmdir(stranger), 0);
    ck_assert(temp_root_open(&root, &loop, NULL, NULL) == CT_E_OK);
    until_count(geteuid() == 0 ? 6 : 5); /* two roots, and what is not ours */
    ck_assert_int_eq(access(used, F_OK), 0);
    free(used);
    close_root(&root);
    is_closed = false;
    close_root(&living);
}
END_TEST

START_TEST(test_no_place)
{
    struct temp_root root;
    struct ct_error err;
    char gone[128];

    snprintf(gone, sizeof gone, "%s/gone", base);
    setenv("TMPDIR", gone, 1);
    ck_assert(temp_root_open(&root, &loop, NULL, &err) == CT_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.detail, "set TMPDIR"));
    ck_assert_ptr_nonnull(strstr(err.detail, "No such file"));
}
END_TEST

START_TEST(test_no_descriptor)
{
    struct rlimit limit, before;
    struct held_dir dir;
    struct ct_error err;
    int free_fd = open("/dev/null", O_RDONLY);

    close(free_fd);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)free_fd;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert(held_dir_make(base, &dir, &err) == CT_E_SYSTEM);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_ptr_nonnull(strstr(err.detail, "Too many open files"));
    ck_assert_int_eq(rmdir(base), 0); /* nothing is left in it */
    ck_assert_int_eq(mkdir(base, 0700), 0);
}
END_TEST

START_TEST(test_closed_while_it_removes)
{
    struct temp_root root;

    ck_assert(temp_root_open(&root, &loop, NULL, NULL) == CT_E_OK);
    for (int i = 0; i < 5; i++)
        temp_root_discard(&root, make(&root));
    close_root(&root);
    ck_assert_int_eq(count_in_base(), 0);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_a_runner_has_its_own);
    tcase_add_test(tcase, test_it_belongs_to_the_user);
    tcase_add_test(tcase, test_leftovers_go_and_the_living_stay);
    tcase_add_test(tcase, test_no_place);
    tcase_add_test(tcase, test_no_descriptor);
    tcase_add_test(tcase, test_closed_while_it_removes);
}

int main(void)
{
    return unit_run("temp_root", add_tests);
}
