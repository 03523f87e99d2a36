/* Children: what they say and how they end, bounded in number, time and bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/child.h"
#include "tests/lib/unit.h"

struct seen {
    int done, status;
    enum child_end end;
    char out[256], err[256];
    size_t out_len;
};

static void on_done(void *ctx, const struct child_result *result)
{
    struct seen *seen = ctx;

    seen->done++;
    seen->status = result->status;
    seen->end = result->end;
    seen->out_len = result->out.len;
    snprintf(seen->out, sizeof seen->out, "%.*s", (int)result->out.len, result->out.data);
    snprintf(seen->err, sizeof seen->err, "%.*s", (int)result->err.len, result->err.data);
}

static struct children *open_children(uv_loop_t *loop, const char *program)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "SEEN=yes", NULL};

    uv_loop_init(loop);
    return children_open(loop, program, environment);
}

static void close_children(uv_loop_t *loop, struct children *children)
{
    children_close(children);
    uv_run(loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(loop), 0);
}

static struct child *run(struct children *children, const char *script, const char *input,
                         struct seen *seen)
{
    const char *const argv[] = {"-c", script, NULL};

    return children_run(children,
                        &(struct child_order){
                            .argv = argv, .input = ct_str_of(input), .done = on_done, .ctx = seen});
}

START_TEST(test_gets_input_and_says_output)
{
    uv_loop_t loop;
    struct seen seen = {0};
    struct children *children = open_children(&loop, "/bin/sh");

    ck_assert_ptr_nonnull(run(children, "cat; echo $SEEN; echo no >&2; exit 3", "in ", &seen));
    ck_assert_int_eq(seen.done, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(seen.done, 1);
    ck_assert_int_eq(seen.end, CHILD_EXITED);
    ck_assert_int_eq(seen.status, 3);
    ck_assert_str_eq(seen.out, "in yes\n");
    ck_assert_str_eq(seen.err, "no\n");
    close_children(&loop, children);
}
END_TEST

START_TEST(test_a_missing_program_is_told)
{
    uv_loop_t loop;
    struct seen seen = {0};
    struct children *children = open_children(&loop, "/nonexistent/program");

    ck_assert_ptr_nonnull(run(children, "", NULL, &seen));
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(seen.done, 1);
    ck_assert_int_eq(seen.end, CHILD_BROKEN);
    close_children(&loop, children);
}
END_TEST

START_TEST(test_too_much_output_ends_it)
{
    uv_loop_t loop;
    struct seen seen = {0};
    struct children *children = open_children(&loop, "/bin/sh");

    run(children, "exec cat /dev/zero", NULL, &seen);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(seen.end, CHILD_TOO_LARGE);
    ck_assert_uint_le(seen.out_len, CHILD_OUT_MAX);
    close_children(&loop, children);
}
END_TEST

START_TEST(test_number_is_bounded_and_the_rest_waits)
{
    static struct seen seen[CHILD_MAX + CHILD_QUEUE_MAX + 1];
    uv_loop_t loop;
    struct children *children = open_children(&loop, "/bin/sh");

    for (int i = 0; i < CHILD_MAX + CHILD_QUEUE_MAX; i++)
        ck_assert_ptr_nonnull(run(children, "exit 0", NULL, &seen[i]));
    ck_assert_ptr_null(run(children, "exit 0", NULL, &seen[CHILD_MAX + CHILD_QUEUE_MAX]));
    uv_run(&loop, UV_RUN_DEFAULT);
    for (int i = 0; i < CHILD_MAX + CHILD_QUEUE_MAX; i++)
        ck_assert_int_eq(seen[i].done, 1);
    close_children(&loop, children);
}
END_TEST

START_TEST(test_cancelled_ones_say_nothing)
{
    static struct seen seen[CHILD_MAX + 1];
    uv_loop_t loop;
    struct child *child[CHILD_MAX + 1];
    struct children *children = open_children(&loop, "/bin/sh");

    for (int i = 0; i <= CHILD_MAX; i++)
        child[i] = run(children, "exec sleep 1000", NULL, &seen[i]);
    child_cancel(child[CHILD_MAX]); /* it waits */
    child_cancel(child[0]);         /* it runs */
    while (uv_run(&loop, UV_RUN_ONCE) && seen[0].done)
        ;
    close_children(&loop, children); /* the others */
    for (int i = 0; i <= CHILD_MAX; i++)
        ck_assert_int_eq(seen[i].done, 0);
}
END_TEST

START_TEST(test_a_late_one_is_ended)
{
    static const char *const argv[] = {"-c", "exec sleep 1000", NULL};
    uv_loop_t loop;
    struct seen seen = {0};
    struct children *children = open_children(&loop, "/bin/sh");

    children_run(children,
                 &(struct child_order){.argv = argv, .done = on_done, .ctx = &seen, .time_ms = 1});
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(seen.end, CHILD_LATE);
    close_children(&loop, children);
}
END_TEST

struct heard {
    struct seen seen; /* first: on_done takes it */
    size_t bytes;
    struct child *child;
};

static void on_heard(void *ctx, struct ct_str bytes)
{
    struct heard *heard = ctx;

    heard->bytes += bytes.len;
    child_hold(heard->child);
}

/* One that is held waits at its pipe; let go on each turn, all of it is heard. */
START_TEST(test_one_is_heard_as_it_talks_and_can_be_held)
{
    static const char *const argv[] = {"-c", "head -c 3000000 /dev/zero", NULL};
    uv_loop_t loop;
    struct heard heard = {0};
    struct children *children = open_children(&loop, "/bin/sh");

    heard.child = children_run(children, &(struct child_order){.argv = argv,
                                                               .hear = on_heard,
                                                               .done = on_done,
                                                               .ctx = &heard,
                                                               .time_ms = CHILD_ENDLESS});
    while (heard.bytes == 0)
        uv_run(&loop, UV_RUN_ONCE);
    size_t held = heard.bytes;
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(heard.bytes, held);
    while (!heard.seen.done) {
        child_go_on(heard.child);
        uv_run(&loop, UV_RUN_ONCE);
    }
    ck_assert_uint_eq(heard.bytes, 3000000);
    ck_assert_uint_eq(heard.seen.out_len, 0);
    close_children(&loop, children);
}
END_TEST

START_TEST(test_a_held_one_can_be_cancelled)
{
    static const char *const argv[] = {"-c", "exec cat /dev/zero", NULL};
    uv_loop_t loop;
    struct heard heard = {0};
    struct children *children = open_children(&loop, "/bin/sh");

    heard.child = children_run(children, &(struct child_order){.argv = argv,
                                                               .hear = on_heard,
                                                               .done = on_done,
                                                               .ctx = &heard,
                                                               .time_ms = CHILD_ENDLESS});
    while (heard.bytes == 0)
        uv_run(&loop, UV_RUN_ONCE);
    child_cancel(heard.child);
    close_children(&loop, children);
    ck_assert_int_eq(heard.seen.done, 0);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_a_late_one_is_ended);
    tcase_add_test(tcase, test_one_is_heard_as_it_talks_and_can_be_held);
    tcase_add_test(tcase, test_a_held_one_can_be_cancelled);
    tcase_add_test(tcase, test_gets_input_and_says_output);
    tcase_add_test(tcase, test_a_missing_program_is_told);
    tcase_add_test(tcase, test_too_much_output_ends_it);
    tcase_add_test(tcase, test_number_is_bounded_and_the_rest_waits);
    tcase_add_test(tcase, test_cancelled_ones_say_nothing);
}

int main(void)
{
    return unit_run("child", add_tests);
}
