/* worker/scale: when a pool grows and shrinks; worker/fleet: which backlogs count for it. */
#include <check.h>

#include "tests/lib/unit.h"
#include "worker/supervisor/fleet.h"
#include "worker/supervisor/scale.h"

static struct scale_look look_of(uint32_t wanted, uint32_t ready, uint32_t busy, uint32_t idle)
{
    return (struct scale_look){.wanted = wanted,
                               .min = 1,
                               .max = 8,
                               .runners = {.ready = ready, .busy = busy, .idle = idle}};
}

static uint32_t decide(struct scale *scale, struct scale_look look)
{
    const char *why;

    return scale_decide(scale, &look, &why);
}

static uint32_t decide_busy(struct scale *scale, uint32_t wanted, uint32_t ready, uint32_t busy,
                            uint32_t idle)
{
    struct scale_look look = look_of(wanted, ready, busy, idle);

    look.max = 3;
    return decide(scale, look);
}

START_TEST(test_grows_while_all_are_busy)
{
    struct scale scale = {0};

    ck_assert_uint_eq(decide_busy(&scale, 1, 1, 1, 0), 1);
    ck_assert_uint_eq(decide_busy(&scale, 1, 1, 1, 0), 2);
    ck_assert_uint_eq(decide_busy(&scale, 2, 1, 1, 0), 2); /* the new one is starting: wait */
    ck_assert_uint_eq(decide_busy(&scale, 2, 1, 1, 0), 2);
    ck_assert_uint_eq(decide_busy(&scale, 2, 2, 2, 0), 2);
    ck_assert_uint_eq(decide_busy(&scale, 2, 2, 1, 0), 2); /* one has a free thread */
    ck_assert_uint_eq(decide_busy(&scale, 2, 2, 2, 0), 2);
    ck_assert_uint_eq(decide_busy(&scale, 2, 2, 2, 0), 3);
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(decide_busy(&scale, 3, 3, 3, 0), 3); /* its maximum */
}
END_TEST

START_TEST(test_shrinks_after_a_while)
{
    struct scale scale = {0};

    for (unsigned i = 1; i < SCALE_DOWN_TICKS; i++)
        ck_assert_uint_eq(decide_busy(&scale, 2, 2, 0, 1), 2);
    ck_assert_uint_eq(decide_busy(&scale, 2, 2, 1, 0), 2); /* work came: from the start */
    for (unsigned i = 1; i < SCALE_DOWN_TICKS; i++)
        ck_assert_uint_eq(decide_busy(&scale, 2, 2, 0, 2), 2);
    ck_assert_uint_eq(decide_busy(&scale, 2, 2, 0, 2), 1);
    for (unsigned i = 0; i < 2 * SCALE_DOWN_TICKS; i++)
        ck_assert_uint_eq(decide_busy(&scale, 1, 1, 0, 1), 1); /* its minimum */
}
END_TEST

static struct scale_look look_at_backlog(uint32_t wanted, uint64_t waiting)
{
    struct scale_look look = look_of(wanted, wanted, wanted, 0);

    look.has_backlog = true;
    look.jobs_each = 10;
    look.waiting = waiting;
    return look;
}

START_TEST(test_a_backlog_gets_the_runners_it_needs_at_once)
{
    static const struct {
        uint64_t waiting;
        uint32_t runners;
    } cases[] = {{0, 1}, {10, 1}, {11, 2}, {40, 4}, {41, 5}, {1000, 8}, {UINT64_MAX, 8}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scale scale = {0};

        ck_assert_uint_eq(decide(&scale, look_at_backlog(1, cases[i].waiting)), 1);
        ck_assert_uint_eq(decide(&scale, look_at_backlog(1, cases[i].waiting)), cases[i].runners);
    }
}
END_TEST

START_TEST(test_a_backlog_that_is_gone_with_the_next_look_is_none)
{
    struct scale scale = {0};

    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(decide(&scale, look_at_backlog(2, i % 2 ? 0 : 500)), 2);
}
END_TEST

START_TEST(test_busy_runners_are_no_reason_when_the_backlog_is_known)
{
    struct scale scale = {0};
    struct scale_look look = look_at_backlog(2, 0);

    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(decide(&scale, look), 2);
    look.has_backlog = false; /* the daemon is silent: as without it */
    ck_assert_uint_eq(decide(&scale, look), 2);
    ck_assert_uint_eq(decide(&scale, look), 3);
}
END_TEST

START_TEST(test_a_pool_of_none_starts_for_a_backlog)
{
    struct scale scale = {0};
    struct scale_look look = look_at_backlog(0, 1);

    look.min = 0;
    ck_assert_uint_eq(decide(&scale, look), 0);
    ck_assert_uint_eq(decide(&scale, look), 1);
}
END_TEST

START_TEST(test_an_old_job_brings_one_runner_at_a_time)
{
    struct scale scale = {0};
    struct scale_look look = look_of(1, 1, 1, 0);
    uint32_t looks = 0;

    look.has_backlog = true;
    look.age_max_ms = 1000;
    look.oldest_ms = 1000;
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(decide(&scale, look), 1); /* not older than that */
    look.oldest_ms = 1001;
    ck_assert_uint_eq(decide(&scale, look), 1);
    ck_assert_uint_eq(decide(&scale, look), 2);
    look.wanted = 2; /* it is starting */
    for (int i = 0; i < 20; i++)
        ck_assert_uint_eq(decide(&scale, look), 2);
    look.runners.ready = look.runners.busy = 2;
    scale.age_ticks = SCALE_AGE_TICKS;
    do
        looks++;
    while (decide(&scale, look) == 2 && looks < 100);
    ck_assert_uint_ge(looks, SCALE_AGE_TICKS);
    ck_assert_uint_lt(looks, SCALE_AGE_TICKS + SCALE_UP_TICKS + 1);
}
END_TEST

START_TEST(test_an_idle_runner_stays_while_the_backlog_needs_it)
{
    struct scale scale = {0};
    struct scale_look look = look_at_backlog(3, 25);

    look.runners.idle = 1; /* of another queue, say */
    for (unsigned i = 0; i < 2 * SCALE_DOWN_TICKS; i++)
        ck_assert_uint_eq(decide(&scale, look), 3);
    look.waiting = 20;
    look.age_max_ms = 1;
    look.oldest_ms = 2;
    look.max = 3;
    for (unsigned i = 0; i < 2 * SCALE_DOWN_TICKS; i++)
        ck_assert_uint_eq(decide(&scale, look), 3);
    look.oldest_ms = 0;
    for (unsigned i = 1; i < SCALE_DOWN_TICKS; i++)
        ck_assert_uint_eq(decide(&scale, look), 3);
    ck_assert_uint_eq(decide(&scale, look), 2);
}
END_TEST

START_TEST(test_a_backlog_is_put_where_it_belongs)
{
    static char *queues[] = {"a", "b"}, *others[] = {"b"};
    struct pool_backlog first[2] = {{0}}, second[1] = {{0}};
    struct pool_config configs[] = {{.queues = queues, .queue_count = 2},
                                    {.queues = others, .queue_count = 1}};
    struct pool_run pools[] = {{.config = &configs[0], .backlogs = first},
                               {.config = &configs[1], .backlogs = second}};
    struct generation generation = {.config = {.pools = configs, .pool_count = 2}, .pools = pools};
    struct proto_backlog backlog = {.queue = CT_STR_LIT("b"), .waiting = 7, .oldest_ms = 9};

    configs[1].options.prefix = "other";
    fleet_take_backlog(&generation, &backlog, 5);
    ck_assert_uint_eq(first[0].told_ms, 0);
    ck_assert_uint_eq(first[1].waiting, 7);
    ck_assert_uint_eq(first[1].oldest_ms, 9);
    ck_assert_uint_eq(first[1].told_ms, 5);
    ck_assert_uint_eq(second[0].told_ms, 0); /* another prefix is another queue */
    backlog.has_prefix = true;
    backlog.prefix = CT_STR_LIT("other");
    backlog.waiting = 8;
    fleet_take_backlog(&generation, &backlog, 6);
    ck_assert_uint_eq(first[1].waiting, 7);
    ck_assert_uint_eq(second[0].waiting, 8);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_grows_while_all_are_busy);
    tcase_add_test(tcase, test_shrinks_after_a_while);
    tcase_add_test(tcase, test_a_backlog_gets_the_runners_it_needs_at_once);
    tcase_add_test(tcase, test_a_backlog_that_is_gone_with_the_next_look_is_none);
    tcase_add_test(tcase, test_busy_runners_are_no_reason_when_the_backlog_is_known);
    tcase_add_test(tcase, test_a_pool_of_none_starts_for_a_backlog);
    tcase_add_test(tcase, test_an_old_job_brings_one_runner_at_a_time);
    tcase_add_test(tcase, test_an_idle_runner_stays_while_the_backlog_needs_it);
    tcase_add_test(tcase, test_a_backlog_is_put_where_it_belongs);
}

int main(void)
{
    return unit_run("scale", add_tests);
}
