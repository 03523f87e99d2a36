/* Socket files: left over ones are replaced, served ones and foreign files are not. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/listener.h"
#include "tests/lib/unit.h"

struct bench {
    uv_loop_t loop;
    char dir[32], path[64], address[96];
};

static void bench_open(struct bench *bench)
{
    uv_loop_init(&bench->loop);
    snprintf(bench->dir, sizeof bench->dir, "/tmp/cartrita-listener-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(bench->dir));
    snprintf(bench->path, sizeof bench->path, "%s/sub/q.sock", bench->dir);
    snprintf(bench->address, sizeof bench->address, "unix:%s", bench->path);
}

static void bench_close(struct bench *bench)
{
    char sub[80];

    uv_run(&bench->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&bench->loop), 0);
    unlink(bench->path);
    snprintf(sub, sizeof sub, "%s/sub", bench->dir);
    rmdir(sub);
    ck_assert_int_eq(rmdir(bench->dir), 0);
}

static void on_accept(void *ctx, uv_stream_t *server)
{
}

static enum ct_code try_open(struct bench *bench, struct listener **out, struct ct_error *err)
{
    return listener_open(&bench->loop, bench->address, on_accept, NULL, out, err);
}

START_TEST(test_makes_folder_and_file)
{
    struct bench bench;
    struct listener *listener;
    struct stat found;
    struct ct_error err;

    bench_open(&bench);
    ck_assert_int_eq(try_open(&bench, &listener, &err), CT_E_OK);
    ck_assert_int_eq(stat(bench.path, &found), 0);
    ck_assert_int_eq(found.st_mode & 0777, 0660);
    listener_close(listener, NULL, NULL);
    ck_assert_int_ne(stat(bench.path, &found), 0);
    bench_close(&bench);
}
END_TEST

START_TEST(test_served_file_is_refused)
{
    struct bench bench;
    struct listener *first, *second;
    struct stat found;
    struct ct_error err;

    bench_open(&bench);
    ck_assert_int_eq(try_open(&bench, &first, &err), CT_E_OK);
    ck_assert_int_eq(try_open(&bench, &second, &err), CT_E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(err.detail, "another daemon listens"));
    ck_assert_int_eq(stat(bench.path, &found), 0);
    listener_close(first, NULL, NULL);
    bench_close(&bench);
}
END_TEST

START_TEST(test_left_over_file_is_replaced)
{
    struct bench bench;
    struct listener *listener;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ct_error err;
    char sub[80];

    bench_open(&bench);
    snprintf(sub, sizeof sub, "%s/sub", bench.dir);
    mkdir(sub, 0700);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", bench.path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    ck_assert_int_eq(try_open(&bench, &listener, &err), CT_E_OK);
    listener_close(listener, NULL, NULL);
    bench_close(&bench);
}
END_TEST

START_TEST(test_foreign_file_is_left_alone)
{
    struct bench bench;
    struct listener *listener;
    struct stat found;
    struct ct_error err;
    char sub[80];

    bench_open(&bench);
    snprintf(sub, sizeof sub, "%s/sub", bench.dir);
    mkdir(sub, 0700);
    close(open(bench.path, O_CREAT | O_WRONLY, 0600));
    ck_assert_int_eq(try_open(&bench, &listener, &err), CT_E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(err.detail, "no socket"));
    ck_assert_int_eq(stat(bench.path, &found), 0);
    bench_close(&bench);
}
END_TEST

/* A file that somebody else put in its place is not ours to remove. */
START_TEST(test_replaced_file_is_left_alone)
{
    struct bench bench;
    struct listener *first, *second;
    struct stat found;
    struct ct_error err;

    bench_open(&bench);
    ck_assert_int_eq(try_open(&bench, &first, &err), CT_E_OK);
    unlink(bench.path);
    ck_assert_int_eq(try_open(&bench, &second, &err), CT_E_OK);
    listener_close(first, NULL, NULL);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    ck_assert_int_eq(stat(bench.path, &found), 0);
    listener_close(second, NULL, NULL);
    bench_close(&bench);
}
END_TEST

START_TEST(test_missing_folders)
{
    struct bench bench;
    struct listener *listener;
    struct ct_error err;

    bench_open(&bench);
    snprintf(bench.address, sizeof bench.address, "unix:%s/a/b/q.sock", bench.dir);
    ck_assert_int_eq(try_open(&bench, &listener, &err), CT_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.detail, "/a/b"));
    ck_assert_ptr_nonnull(strstr(err.detail, "--listen"));
    bench_close(&bench);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_makes_folder_and_file);
    tcase_add_test(tcase, test_served_file_is_refused);
    tcase_add_test(tcase, test_left_over_file_is_replaced);
    tcase_add_test(tcase, test_foreign_file_is_left_alone);
    tcase_add_test(tcase, test_replaced_file_is_left_alone);
    tcase_add_test(tcase, test_missing_folders);
}

int main(void)
{
    return unit_run("listener", add_tests);
}
