/* worker/verdict: who pays for a dead runner, and in which words. */
#include "worker/supervisor/verdict.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

static const struct recorder_job job = {
    .entry = 3, .attempt = 2, .since_ms = 1000, .deadline_ms = 3000, .id = "7"};

static struct verdict_death segv(void)
{
    struct verdict_death death = {.number = SIGSEGV,
                                  .kill_reason = "",
                                  .plugin = "image 1.2",
                                  .doing = "running this job",
                                  .crash = {.kind = RECORDER_CRASH_SIGNAL,
                                            .number = SIGSEGV,
                                            .system_call = -1,
                                            .has_address = 1,
                                            .first = 2,
                                            .running = 2,
                                            .frame_count = 2}};

    death.crash.frames[0] =
        (struct recorder_frame){.address = 0x7f00, .offset = 0x10, .module = "libc.so.6"};
    death.crash.frames[1] = (struct recorder_frame){
        .address = 0x7fff, .offset = 0x1f30, .module = "image.so", .symbol = "resize_row"};
    return death;
}

static void check_reason(const struct verdict_death *death, const struct recorder_notes *notes,
                         const char *expected)
{
    struct ct_buf buf;
    char *text;

    ct_buf_init(&buf);
    verdict_reason(death, &job, notes, &buf);
    text = ct_buf_take(&buf, NULL);
    ck_assert_str_eq(text, expected);
    free(text);
}

static bool pays(const struct verdict_death *death, uint32_t entry, uint64_t deadline_ms)
{
    const struct recorder_job one = {.entry = entry, .deadline_ms = deadline_ms};

    return verdict_is_guilty(death, &one);
}

START_TEST(test_a_crash_is_paid_by_its_own_thread)
{
    struct verdict_death death = segv();

    ck_assert(!pays(&death, 1, 0));
    ck_assert(pays(&death, 2, 0));
    ck_assert(pays(&death, 3, 0));
    ck_assert(!pays(&death, 4, 0));
    death.crash.running = 0; /* a thread of the plugin's own */
    ck_assert(pays(&death, 1, 0));
}
END_TEST

START_TEST(test_who_is_late_pays)
{
    struct verdict_death death = {.number = SIGKILL,
                                  .kill_reason = "late",
                                  .late_before_ms = 3000,
                                  .plugin = "",
                                  .doing = ""};

    ck_assert(pays(&death, 0, 2999));
    ck_assert(pays(&death, 0, 3000));
    ck_assert(!pays(&death, 0, 3001));
    ck_assert(!pays(&death, 0, 0));
}
END_TEST

/* SIGKILL, _exit, memory: nobody can know. */
START_TEST(test_all_pay_where_nobody_can_know)
{
    struct verdict_death death = {.number = SIGKILL, .kill_reason = "", .plugin = "", .doing = ""};

    ck_assert(pays(&death, 0, 0));
    ck_assert(pays(&death, 1, 5));
}
END_TEST

START_TEST(test_a_crash_area_that_does_not_fit_the_death_counts_for_nothing)
{
    struct verdict_death death = segv();

    ck_assert(verdict_trusts_crash(&death));
    death.number = SIGALRM; /* the handler's deadline */
    ck_assert(verdict_trusts_crash(&death));
    death.number = 0; /* a sanitizer's handler came behind */
    death.status = 1;
    ck_assert(verdict_trusts_crash(&death));
    death.crash.number = 0;
    ck_assert(!verdict_trusts_crash(&death));
    death.crash.number = 4711;
    ck_assert(!verdict_trusts_crash(&death));
    death.crash.kind = RECORDER_CRASH_EXIT;
    death.crash.number = 1;
    ck_assert(verdict_trusts_crash(&death));
    death.number = SIGSEGV; /* on its way out */
    ck_assert(verdict_trusts_crash(&death));
    death.kill_reason = "it did not end";
    ck_assert(!verdict_trusts_crash(&death));

    death = segv(); /* on its way out when it was ended */
    death.number = SIGKILL;
    death.kill_reason = "it used too much";
    ck_assert(!verdict_trusts_crash(&death));
}
END_TEST

START_TEST(test_reason_of_a_crash)
{
    struct verdict_death death = segv();
    const struct recorder_notes notes = {.phase = "decode"};

    check_reason(&death, &notes,
                 "runner died while running this job: killed by signal 11 (SIGSEGV: Segmentation "
                 "fault) at 0x0 in resize_row (image.so+0x1f30), plugin image 1.2, attempt 2, "
                 "phase decode");
    death.crash.frames[1].symbol[0] = '\0';
    death.crash.is_overflow = 1;
    death.crash.address = 0x7ffc1000;
    check_reason(&death, NULL,
                 "runner died while running this job: killed by signal 11 (SIGSEGV: Segmentation "
                 "fault), stack overflow at 0x7ffc1000 in image.so+0x1f30, plugin image 1.2, "
                 "attempt 2");
}
END_TEST

START_TEST(test_reasons_of_other_deaths)
{
    struct verdict_death death = segv();

    death.number = SIGKILL;
    death.crash.kind = RECORDER_CRASH_NONE;
    check_reason(&death, NULL,
                 "runner died while running this job: killed by signal 9 (SIGKILL: Killed), plugin "
                 "image 1.2, attempt 2");
    death.kill_reason = "it used 812 MiB of memory, the limit is 512 MiB";
    check_reason(&death, NULL,
                 "runner was ended while running this job: it used 812 MiB of memory, the limit is "
                 "512 MiB, plugin image 1.2, attempt 2");
    death.late_before_ms = 4000;
    check_reason(&death, NULL,
                 "runner was ended while running this job: Promise timed out after 2000 "
                 "milliseconds, and it did not stop, plugin image 1.2, attempt 2");
    death = segv();
    death.number = 0;
    death.status = 3;
    death.crash.kind = RECORDER_CRASH_EXIT;
    death.crash.number = 3;
    death.crash.has_address = 0;
    check_reason(&death, NULL,
                 "runner died while running this job: exited with status 3 in resize_row "
                 "(image.so+0x1f30), plugin image 1.2, attempt 2");
}
END_TEST

START_TEST(test_stack_looks_like_one_of_node)
{
    struct verdict_death death = segv();
    const struct recorder_notes notes = {
        .progress = "42", .line_count = 2, .lines = {"opening cat.png", "row 17"}};
    struct ct_buf buf;
    char *text;

    death.crash.frames[0].module[0] = '\0';
    ct_buf_init(&buf);
    verdict_stack(&death, CT_STR_LIT("why"), &notes, &buf);
    text = ct_buf_take(&buf, NULL);
    ck_assert_str_eq(text, "Error: why\n"
                           "    at 0x7f00\n"
                           "    at resize_row (image.so+0x1f30)\n"
                           "last progress: 42\n"
                           "last log lines:\n"
                           "    opening cat.png\n"
                           "    row 17");
    free(text);
}
END_TEST

START_TEST(test_texts_are_bounded)
{
    char why[4 * VERDICT_STACK_MAX];
    struct verdict_death death = {.kill_reason = why, .plugin = "", .doing = ""};
    const struct recorder_notes notes = {.line_count = 0};
    struct ct_buf buf;

    for (size_t i = 0; i + 1 < sizeof why; i++)
        why[i] = i % 2 ? '\xa9' : '\xc3';
    why[sizeof why - 1] = '\0';
    ct_buf_init(&buf);
    verdict_reason(&death, &job, &notes, &buf);
    ck_assert_uint_le(buf.len, VERDICT_REASON_MAX);
    ck_assert_uint_ge(buf.len, VERDICT_REASON_MAX - 1);
    ck_assert_int_eq((unsigned char)ct_buf_data(&buf)[buf.len - 1], 0xa9);
    ct_buf_clear(&buf);
    verdict_stack(&death, ct_str_of(why), &notes, &buf);
    ck_assert_uint_le(buf.len, VERDICT_STACK_MAX);
    ct_buf_free(&buf);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_a_crash_is_paid_by_its_own_thread);
    tcase_add_test(tcase, test_who_is_late_pays);
    tcase_add_test(tcase, test_all_pay_where_nobody_can_know);
    tcase_add_test(tcase, test_a_crash_area_that_does_not_fit_the_death_counts_for_nothing);
    tcase_add_test(tcase, test_reason_of_a_crash);
    tcase_add_test(tcase, test_reasons_of_other_deaths);
    tcase_add_test(tcase, test_stack_looks_like_one_of_node);
    tcase_add_test(tcase, test_texts_are_bounded);
}

int main(void)
{
    return unit_run("verdict", add_tests);
}
