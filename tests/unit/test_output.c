/* worker/output, worker/budget: what a runner writes passes, is dropped and is kept. */
#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/lib/unit.h"
#include "worker/supervisor/output.h"

static uv_loop_t loop;
static struct output output;
static int writer, log_ends[2];

static void begin(bool is_log, uint64_t rate)
{
    uv_loop_init(&loop);
    ck_assert_int_eq(pipe2(log_ends, O_NONBLOCK), 0);
    fcntl(log_ends[1], F_SETPIPE_SZ, 1 << 20);
    ct_log_to(log_ends[1]);
    ct_log_setup(CT_LOG_INFO, NULL);
    ck_assert_int_eq(output_open(&output, &loop, is_log, rate, NULL), 0);
    writer = dup(output.child_end);
    output_started(&output, "mail", 3, 77);
}

static void say(const char *text)
{
    ck_assert_int_eq(write(writer, text, strlen(text)), (ssize_t)strlen(text));
    uv_run(&loop, UV_RUN_NOWAIT);
}

/* What was logged meanwhile. */
static const char *logged(void)
{
    static char text[1 << 20];
    ssize_t len = read(log_ends[0], text, sizeof text - 1);

    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void end(void)
{
    output_close(&output, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ct_log_to(STDERR_FILENO);
    close(writer);
    close(log_ends[0]);
    close(log_ends[1]);
}

START_TEST(test_lines_say_whose_they_are)
{
    begin(false, 0);
    say("he");
    ck_assert_str_eq(logged(), "");
    say("llo\nwor\x1b[31mld\n\n");
    ck_assert_str_eq(
        logged(),
        "level=info msg=\"runner output\" pool=mail slot=3 pid=77 text=hello\n"
        "level=info msg=\"runner output\" pool=mail slot=3 pid=77 text=\"wor\\x1b[31mld\"\n");
    say("no end");
    output_finish(&output);
    ck_assert_str_eq(logged(),
                     "level=info msg=\"runner output\" pool=mail slot=3 pid=77 text=\"no end\"\n");
    end();
}
END_TEST

START_TEST(test_own_lines_pass_as_they_are)
{
    begin(true, 0);
    say("program=mail/3 level=info msg=\"a b\"\n\x1b[2Jx\n");
    ck_assert_str_eq(logged(), "program=mail/3 level=info msg=\"a b\"\n?[2Jx\n");
    end();
}
END_TEST

START_TEST(test_beyond_the_rate_lines_are_counted)
{
    begin(false, 5); /* 20 bytes at once */
    for (int i = 0; i < 10; i++)
        say("12345678\n");
    output_finish(&output);
    ck_assert_str_eq(logged(),
                     "level=info msg=\"runner output\" pool=mail slot=3 pid=77 text=12345678\n"
                     "level=info msg=\"runner output\" pool=mail slot=3 pid=77 text=12345678\n"
                     "level=warn msg=\"runner output dropped\" pool=mail slot=3 pid=77 lines=8\n");
    end();
}
END_TEST

START_TEST(test_the_tail_is_kept_from_a_line_on)
{
    char line[64];

    begin(false, 5);
    ck_assert_uint_eq(output_tail(&output).len, 0);
    say("one\ntwo\n");
    ck_assert(ct_str_is(output_tail(&output), "one\ntwo"));
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "line %d\n", i);
        say(line);
    }
    ck_assert_uint_le(output_tail(&output).len, OUTPUT_TAIL_MAX);
    ck_assert_uint_ge(output_tail(&output).len, OUTPUT_TAIL_MAX - 20);
    ck_assert_int_eq(memcmp(output_tail(&output).data, "line ", 5), 0);
    ck_assert_int_eq(
        memcmp(output_tail(&output).data + output_tail(&output).len - 8, "line 999", 8), 0);
    end();
}
END_TEST

/* A writer that never stops does not keep the loop. */
START_TEST(test_a_flood_has_to_wait)
{
    static char flood[32 << 10];
    size_t sum = 0;

    begin(false, 1);
    memset(flood, 'x', sizeof flood);
    fcntl(writer, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 1000 && sum < 2 * OUTPUT_SLICE_BYTES; i++) {
        ssize_t len = write(writer, flood, sizeof flood);

        sum += len > 0 ? (size_t)len : 0;
        uv_run(&loop, UV_RUN_NOWAIT);
        if (!uv_is_active((uv_handle_t *)&output.pipe))
            break; /* no more is read in this slice */
    }
    ck_assert(!uv_is_active((uv_handle_t *)&output.pipe));
    while (!uv_is_active((uv_handle_t *)&output.pipe))
        uv_run(&loop, UV_RUN_ONCE);
    end();
}
END_TEST

START_TEST(test_budget)
{
    struct budget budget;

    budget_init(&budget, 1000, 5000);
    ck_assert(budget_take(&budget, 4000, 5000));
    ck_assert(!budget_take(&budget, 1, 5000));
    ck_assert(budget_take(&budget, 10, 5010));
    ck_assert(!budget_take(&budget, 1, 5010));
    ck_assert(budget_take(&budget, 4000, 60000));
    ck_assert(!budget_take(&budget, 1, 60000)); /* not what a minute would have been */
    budget_init(&budget, 1, 0);
    ck_assert(budget_take(&budget, 4, 0));
    for (uint64_t ms = 0; ms < 1000; ms++)
        ck_assert(!budget_take(&budget, 1, ms)); /* however often it is asked */
    ck_assert(budget_take(&budget, 1, 1000));
    budget_init(&budget, 0, 0);
    ck_assert(budget_take(&budget, SIZE_MAX, 0));
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_lines_say_whose_they_are);
    tcase_add_test(tcase, test_own_lines_pass_as_they_are);
    tcase_add_test(tcase, test_beyond_the_rate_lines_are_counted);
    tcase_add_test(tcase, test_the_tail_is_kept_from_a_line_on);
    tcase_add_test(tcase, test_a_flood_has_to_wait);
    tcase_add_test(tcase, test_budget);
}

int main(void)
{
    return unit_run("output", add_tests);
}
