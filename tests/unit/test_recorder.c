/* worker/recorder: what a supervisor reads of a runner that died at any moment. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/shared/recorder_page.h"

static void start(struct recorder *recorder, size_t entry, uint32_t queue, struct ct_str id,
                  uint64_t since_ms, uint64_t deadline_ms)
{
    recorder_start(recorder, entry,
                   &(struct recorder_start){.queue = queue,
                                            .attempt = 2,
                                            .id = id,
                                            .since_ms = since_ms,
                                            .deadline_ms = deadline_ms});
}

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
        start(recorder, 0, 0, ct_str_of("81"), 1000, 2000);
        start(recorder, 1, 1, ct_str_of("82"), 1001, 0);
        start(recorder, 3, 2, ct_str_of("83"), 1002, 0);
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
    ck_assert_uint_eq(jobs[0].attempt, 2);
    ck_assert_uint_eq(jobs[0].entry, 0);
    ck_assert_uint_eq(jobs[1].entry, 3);
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
    start(recorder, 0, 0, (struct ct_str){id, RECORDER_ID_MAX}, 1, 0);
    start(recorder, 1, 0, (struct ct_str){id, RECORDER_ID_MAX + 1}, 1, 0);
    jobs = read_all(fd, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(strlen(jobs[0].id), RECORDER_ID_MAX);
    ck_assert_uint_eq(strlen(jobs[1].id), RECORDER_ID_MAX);
    free(jobs);
    recorder_close(recorder);
    close(fd);
}
END_TEST

/* A runner can be ended at any moment of its start: it had no job, and nothing is damaged. */
START_TEST(test_not_begun)
{
    struct recorder_job *jobs;
    size_t count;

    for (int size = 0; size <= 8192; size += 8192) {
        int fd = recorder_create();

        ck_assert_int_eq(ftruncate(fd, size), 0);
        jobs = read_all(fd, &count);
        ck_assert_uint_eq(count, 0);
        free(jobs);
        close(fd);
    }
}
END_TEST

/* The beginning of it, as a copy. */
static int cut(int fd, size_t len)
{
    int copy = recorder_create();
    char *bytes = malloc(len + 1);

    ck_assert_int_eq(pread(fd, bytes, len, 0), (ssize_t)len);
    ck_assert_int_eq(pwrite(copy, bytes, len, 0), (ssize_t)len);
    free(bytes);
    close(fd);
    return copy;
}

/* A job that makes it shorter would have its runner die of a signal that is nobody's. */
START_TEST(test_keeps_its_size)
{
    struct recorder *recorder;
    int fd = recorder_create();

    ck_assert(recorder_open(fd, 3, &recorder, NULL) == CT_E_OK);
    ck_assert_int_eq(ftruncate(fd, 0), -1);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq(ftruncate(fd, 1 << 30), -1);
    recorder_close(recorder);
    close(fd);
}
END_TEST

/* What overruns a neighbour in memory does not get into it: on both sides there is a page that may
 * not be touched. */
START_TEST(test_has_guards)
{
    struct recorder *recorder;
    int fd = recorder_create();
    unsigned long from, to, last_to = 0, end = 0;
    bool was_closed = false, has_before = false, has_behind = false;
    char line[512], rights[8];
    FILE *maps;

    ck_assert(recorder_open(fd, 3, &recorder, NULL) == CT_E_OK);
    maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        ck_assert_int_eq(sscanf(line, "%lx-%lx %7s", &from, &to, rights), 3);
        if (end && from == end && rights[0] == '-')
            has_behind = true;
        end = 0;
        if (strstr(line, "cartrita-recorder")) {
            has_before = was_closed && last_to == from;
            end = to;
        }
        was_closed = strncmp(rights, "---", 3) == 0;
        last_to = to;
    }
    fclose(maps);
    ck_assert(has_before);
    ck_assert(has_behind);
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
        const int size =
            sizeof(struct recorder_page_header) + 3 * sizeof(struct recorder_page_entry);
        struct recorder_notes notes;
        struct recorder_crash crash;
        char byte;

        ck_assert(recorder_open(fd, 3, &recorder, NULL) == CT_E_OK);
        start(recorder, 1, 0, ct_str_of("5"), 1, 0);
        recorder_close(recorder);
        for (int i = 0; i < 40; i++) {
            byte = (char)rand_r(&seed);
            ck_assert_int_eq(pwrite(fd, &byte, 1, rand_r(&seed) % (i < 4 ? 64 : size)), 1);
        }
        if (round % 3 == 0)
            fd = cut(fd, (size_t)(rand_r(&seed) % size));
        if (recorder_read(fd, &jobs, &count, &err) == CT_E_OK) {
            for (size_t i = 0; i < count; i++)
                ck_assert_uint_le(strlen(jobs[i].id), RECORDER_ID_MAX);
            free(jobs);
        } else {
            ck_assert_ptr_nonnull(strstr(err.detail, "damaged"));
        }
        recorder_read_notes(fd, 1, &notes);
        ck_assert_uint_le(notes.line_count, RECORDER_LINES);
        recorder_read_crash(fd, &crash);
        ck_assert_uint_le(crash.frame_count, RECORDER_FRAMES_MAX);
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
    const off_t place = offsetof(struct recorder_page_header, entry_size);

    ck_assert(recorder_open(fd, 3, &recorder, NULL) == CT_E_OK);
    start(recorder, 1, 0, ct_str_of("5"), 1, 0);
    recorder_close(recorder);
    ck_assert_int_eq(pwrite(fd, &entry_size, sizeof entry_size, place), sizeof entry_size);
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

/* The last lines in their order, the last of the others, and nothing of the job before. */
START_TEST(test_keeps_what_the_job_said_last)
{
    int fd = recorder_create();
    struct recorder *recorder;
    struct recorder_notes notes;
    char line[] = "line 0";

    ck_assert(recorder_open(fd, 2, &recorder, NULL) == CT_E_OK);
    start(recorder, 1, 0, ct_str_of("5"), 1, 0);
    recorder_phase(recorder, 1, CT_STR_LIT("decode"));
    recorder_phase(recorder, 1, CT_STR_LIT("scale"));
    recorder_progress(recorder, 1, CT_STR_LIT("{\"done\":7}"));
    for (; line[5] < '0' + (char)RECORDER_LINES + 1; line[5]++)
        recorder_line(recorder, 1, ct_str_of(line));
    recorder_read_notes(fd, 1, &notes);
    ck_assert_str_eq(notes.phase, "scale");
    ck_assert_str_eq(notes.progress, "{\"done\":7}");
    ck_assert_uint_eq(notes.line_count, RECORDER_LINES);
    ck_assert_str_eq(notes.lines[0], "line 1");
    ck_assert_str_eq(notes.lines[RECORDER_LINES - 1], "line 8");

    start(recorder, 1, 0, ct_str_of("6"), 1, 0);
    recorder_read_notes(fd, 1, &notes);
    ck_assert_str_eq(notes.phase, "");
    ck_assert_str_eq(notes.progress, "");
    ck_assert_uint_eq(notes.line_count, 0);
    recorder_close(recorder);
    close(fd);
}
END_TEST

/* What is too long is cut, at the end of a character; what is no text becomes blanks. */
START_TEST(test_notes_are_plain_text)
{
    int fd = recorder_create();
    struct recorder *recorder;
    struct recorder_notes notes;
    char longest[RECORDER_LINE_MAX + 2];

    memset(longest, 'x', sizeof longest);
    memcpy(longest + RECORDER_LINE_MAX - 1, "\xc3\xa9", 2);
    ck_assert(recorder_open(fd, 1, &recorder, NULL) == CT_E_OK);
    start(recorder, 0, 0, ct_str_of("5"), 1, 0);
    recorder_line(recorder, 0, (struct ct_str){longest, sizeof longest});
    recorder_line(recorder, 0, CT_STR_LIT("a\nb\x1b[2J\xff\xc2\x9b\xc3\xa9\n"));
    recorder_read_notes(fd, 0, &notes);
    ck_assert_uint_eq(notes.line_count, 2);
    ck_assert_uint_eq(strlen(notes.lines[0]), RECORDER_LINE_MAX - 1);
    ck_assert_str_eq(notes.lines[1], "a b [2J  \xc3\xa9");
    recorder_close(recorder);
    close(fd);
}
END_TEST

/* A thread that was stopped while it noted something holds up nobody. */
START_TEST(test_a_note_that_never_ends_is_not_waited_for)
{
    int fd = recorder_create();
    struct recorder *recorder;
    struct recorder_notes notes;
    uint32_t taken = 1;
    size_t place = offsetof(struct recorder_page_entry, is_noting);

    ck_assert(recorder_open(fd, 1, &recorder, NULL) == CT_E_OK);
    start(recorder, 0, 0, ct_str_of("5"), 1, 0);
    recorder_phase(recorder, 0, CT_STR_LIT("before"));
    ck_assert_int_eq(pwrite(fd, &taken, 4, (off_t)(sizeof(struct recorder_page_header) + place)),
                     4);
    recorder_phase(recorder, 0, CT_STR_LIT("behind"));
    recorder_read_notes(fd, 0, &notes);
    ck_assert_str_eq(notes.phase, "before");
    recorder_close(recorder);
    close(fd);
}
END_TEST

/* The first crash alone counts, and no number in it is believed. */
START_TEST(test_crash_area)
{
    int fd = recorder_create();
    struct recorder *recorder;
    struct recorder_crash *area, crash;

    ck_assert(recorder_open(fd, 4, &recorder, NULL) == CT_E_OK);
    recorder_read_crash(fd, &crash);
    ck_assert_uint_eq(crash.kind, RECORDER_CRASH_NONE);
    area = recorder_take_crash(recorder);
    ck_assert_ptr_nonnull(area);
    ck_assert_ptr_null(recorder_take_crash(recorder));
    recorder_read_crash(fd, &crash);
    ck_assert_uint_eq(crash.kind, RECORDER_CRASH_NONE);

    *area = (struct recorder_crash){
        .kind = RECORDER_CRASH_SIGNAL, .number = SIGSEGV, .first = 2, .running = 2};
    area->frame_count = 1;
    memset(area->frames[0].symbol, 'f', sizeof area->frames[0].symbol);
    recorder_read_crash(fd, &crash);
    ck_assert_uint_eq(crash.kind, RECORDER_CRASH_SIGNAL);
    ck_assert_uint_eq(crash.first, 2);
    ck_assert_uint_eq(crash.running, 2);
    ck_assert_uint_eq(strlen(crash.frames[0].symbol), RECORDER_SYMBOL_MAX - 1);

    area->running = 3; /* beyond the last entry */
    area->frame_count = RECORDER_FRAMES_MAX + 1;
    recorder_read_crash(fd, &crash);
    ck_assert_uint_eq(crash.running, 0);
    ck_assert_uint_eq(crash.frame_count, 0);
    area->first = UINT32_MAX;
    area->running = UINT32_MAX;
    recorder_read_crash(fd, &crash);
    ck_assert_uint_eq(crash.running, 0);
    area->kind = 77;
    recorder_read_crash(fd, &crash);
    ck_assert_uint_eq(crash.kind, RECORDER_CRASH_NONE);
    recorder_close(recorder);
    close(fd);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_outlives_the_runner);
    tcase_add_test(tcase, test_runner_that_never_opened_it);
    tcase_add_test(tcase, test_long_id_is_cut);
    tcase_add_test(tcase, test_not_begun);
    tcase_add_test(tcase, test_keeps_its_size);
    tcase_add_test(tcase, test_has_guards);
    tcase_add_test(tcase, test_damage_is_survived);
    tcase_add_test(tcase, test_other_layout_is_refused);
    tcase_add_test(tcase, test_keeps_what_the_job_said_last);
    tcase_add_test(tcase, test_notes_are_plain_text);
    tcase_add_test(tcase, test_a_note_that_never_ends_is_not_waited_for);
    tcase_add_test(tcase, test_crash_area);
    tcase_add_test(tcase, test_too_many_entries_are_refused);
}

int main(void)
{
    return unit_run("recorder", add_tests);
}
