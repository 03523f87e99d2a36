/* worker/recorder: what a supervisor reads of a runner that died at any moment. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/recorder.h"

static struct recorder_job *read_all(int fd, size_t *count)
{
    struct recorder_job *jobs;
    struct ct_error err;

    ck_assert_msg(recorder_read(fd, &jobs, count, &err) == CT_E_OK, "%s", err.detail);
    return jobs;
}

/* The runner is another process, and it is killed while two of its three jobs run. */
START_TEST(test_outlives_the_runner)
{
    int fd = recorder_create(), status;
    size_t count;
    struct recorder_job *jobs;
    pid_t runner = fork();

    if (runner == 0) {
        struct recorder *recorder;

        if (recorder_open(fd, 4, &recorder, NULL) != CT_E_OK)
            _exit(1);
        recorder_start(recorder, 0, 0, ct_str_of("81"), 1000, 2000);
        recorder_start(recorder, 1, 1, ct_str_of("82"), 1001, 0);
        recorder_start(recorder, 3, 2, ct_str_of("83"), 1002, 0);
        recorder_stop(recorder, 1);
        recorder_deadline(recorder, 3, 7777);
        raise(SIGKILL);
    }
    ck_assert_int_eq(waitpid(runner, &status, 0), runner);
    ck_assert(WIFSIGNALED(status));
    jobs = read_all(fd, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(jobs[0].id, "81");
    ck_assert_uint_eq(jobs[0].queue, 0);
    ck_assert_uint_eq(jobs[0].since_ms, 1000);
    ck_assert_uint_eq(jobs[0].deadline_ms, 2000);
    ck_assert_str_eq(jobs[1].id, "83");
    ck_assert_uint_eq(jobs[1].queue, 2);
    ck_assert_uint_eq(jobs[1].deadline_ms, 7777);
    free(jobs);
    close(fd);
}
END_TEST

START_TEST(test_runner_that_never_opened_it)
{
    int fd = recorder_create();
    size_t count = 9;

    ck_assert_ptr_null(read_all(fd, &count));
    ck_assert_uint_eq(count, 0);
    close(fd);
}
END_TEST

START_TEST(test_long_id_is_cut)
{
    int fd = recorder_create();
    struct recorder *recorder;
    struct recorder_job *jobs;
    size_t count;
    char id[RECORDER_ID_MAX + 2];

    memset(id, 'x', sizeof id);
    ck_assert(recorder_open(fd, 2, &recorder, NULL) == CT_E_OK);
    recorder_start(recorder, 0, 0, (struct ct_str){id, RECORDER_ID_MAX}, 1, 0);
    recorder_start(recorder, 1, 0, (struct ct_str){id, RECORDER_ID_MAX + 1}, 1, 0);
    jobs = read_all(fd, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(strlen(jobs[0].id), RECORDER_ID_MAX);
    ck_assert_uint_eq(strlen(jobs[1].id), RECORDER_ID_MAX);
    free(jobs);
    recorder_close(recorder);
    close(fd);
}
END_TEST

/* A crash may have written anything anywhere: any byte of it, and any length, is survived. */
START_TEST(test_damage_is_survived)
{
    struct recorder *recorder;
    struct recorder_job *jobs;
    struct ct_error err;
    size_t count;
    unsigned seed = 4711;

    for (int round = 0; round < 300; round++) {
        int fd = recorder_create();
        char byte;

        ck_assert(recorder_open(fd, 3, &recorder, NULL) == CT_E_OK);
        recorder_start(recorder, 1, 0, ct_str_of("5"), 1, 0);
        recorder_close(recorder);
        for (int i = 0; i < 40; i++) {
            byte = (char)rand_r(&seed);
            ck_assert_int_eq(pwrite(fd, &byte, 1, rand_r(&seed) % (i < 4 ? 64 : 1700)), 1);
        }
        if (round % 3 == 0)
            ck_assert_int_eq(ftruncate(fd, rand_r(&seed) % 1700), 0);
        if (recorder_read(fd, &jobs, &count, &err) == CT_E_OK) {
            for (size_t i = 0; i < count; i++)
                ck_assert_uint_le(strlen(jobs[i].id), RECORDER_ID_MAX);
            free(jobs);
        } else {
            ck_assert_ptr_nonnull(strstr(err.detail, "damaged"));
        }
        close(fd);
    }
}
END_TEST

/* Runner and supervisor are of different versions: an upgrade in place. */
START_TEST(test_other_layout_is_refused)
{
    int fd = recorder_create();
    struct recorder *recorder;
    struct recorder_job *jobs;
    struct ct_error err;
    size_t count;
    uint32_t entry_size = 24;

    ck_assert(recorder_open(fd, 3, &recorder, NULL) == CT_E_OK);
    recorder_start(recorder, 1, 0, ct_str_of("5"), 1, 0);
    recorder_close(recorder);
    ck_assert_int_eq(pwrite(fd, &entry_size, sizeof entry_size, 4), sizeof entry_size);
    ck_assert(recorder_read(fd, &jobs, &count, &err) == CT_E_INVALID);
    close(fd);
}
END_TEST

START_TEST(test_too_many_entries_are_refused)
{
    int fd = recorder_create();
    struct recorder *recorder = NULL;
    struct ct_error err;

    ck_assert(recorder_open(fd, RECORDER_ENTRIES_MAX + 1, &recorder, &err) == CT_E_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "lower the concurrency"));
    ck_assert_ptr_null(recorder);
    close(fd);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_outlives_the_runner);
    tcase_add_test(tcase, test_runner_that_never_opened_it);
    tcase_add_test(tcase, test_long_id_is_cut);
    tcase_add_test(tcase, test_damage_is_survived);
    tcase_add_test(tcase, test_other_layout_is_refused);
    tcase_add_test(tcase, test_too_many_entries_are_refused);
}

int main(void)
{
    return unit_run("recorder", add_tests);
}
