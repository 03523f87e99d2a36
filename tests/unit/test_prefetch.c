/* worker/prefetch and worker/subs: how many jobs a runner asks for, and of which queue. */
#include <check.h>

#include "tests/lib/unit.h"
#include "worker/runner/prefetch.h"
#include "worker/runner/subs.h"

#define MS 1000000u

/* No-op jobs at concurrency 1: the window doubles until jobs stream. */
START_TEST(test_short_jobs_stream_soon)
{
    struct prefetch prefetch;
    int rounds = 0;

    prefetch_init(&prefetch, 1);
    ck_assert_uint_eq(prefetch_window(&prefetch), 1);
    while (prefetch_window(&prefetch) <= PREFETCH_MAX && rounds < 20) {
        prefetch_ended(&prefetch, 1000);
        prefetch_starved(&prefetch);
        rounds++;
    }
    ck_assert_uint_eq(prefetch_window(&prefetch), PREFETCH_MAX + 1);
    ck_assert_int_le(rounds, 12);
}
END_TEST

START_TEST(test_long_jobs_are_never_hoarded)
{
    struct prefetch prefetch;

    prefetch_init(&prefetch, 3);
    for (int i = 0; i < 100; i++) {
        prefetch_ended(&prefetch, 5 * MS);
        prefetch_starved(&prefetch);
        ck_assert_uint_eq(prefetch_window(&prefetch), 3);
    }
}
END_TEST

/* Jobs of one millisecond: four of them are done within the time ahead, per thread. */
START_TEST(test_window_follows_job_time)
{
    struct prefetch prefetch;

    prefetch_init(&prefetch, 2);
    for (int i = 0; i < 100; i++) {
        prefetch_ended(&prefetch, 1 * MS);
        prefetch_starved(&prefetch);
    }
    ck_assert_uint_eq(prefetch_window(&prefetch), 2 + 2 * PREFETCH_AHEAD_US / 1000);
}
END_TEST

START_TEST(test_one_long_job_shrinks_at_once)
{
    struct prefetch prefetch;

    prefetch_init(&prefetch, 1);
    for (int i = 0; i < 50; i++) {
        prefetch_ended(&prefetch, 1000);
        prefetch_starved(&prefetch);
    }
    ck_assert_uint_gt(prefetch_window(&prefetch), 500);
    prefetch_ended(&prefetch, 50 * MS);
    ck_assert_uint_eq(prefetch_window(&prefetch), 1);
    prefetch_ended(&prefetch, 1000); /* and grows again from the first short one */
    prefetch_starved(&prefetch);
    ck_assert_uint_gt(prefetch_window(&prefetch), 1);
    prefetch_stuck(&prefetch);
    ck_assert_uint_eq(prefetch_window(&prefetch), 1);
}
END_TEST

START_TEST(test_small_changes_are_no_news)
{
    ck_assert(!prefetch_is_news(100, 100, 50));
    ck_assert(!prefetch_is_news(100, 110, 50));
    ck_assert(prefetch_is_news(100, 125, 50));
    ck_assert(prefetch_is_news(100, 101, 100)); /* no credit left: any is welcome */
    ck_assert(!prefetch_is_news(100, 90, 50));
    ck_assert(prefetch_is_news(100, 75, 50));
    ck_assert(prefetch_is_news(100, 50, 50));  /* take back all credit */
    ck_assert(prefetch_is_news(100, 50, 100)); /* or what is handed back comes again */
    ck_assert(prefetch_is_news(2, 1, 2));
    ck_assert(prefetch_is_news(0, 1, 0));
    ck_assert(prefetch_is_news(1, 2, 1));
}
END_TEST

/* --- subs ----------------------------------------------------------------------------------------
 */

static const char *const names[] = {"a", "b", "c"};

static void tell_all(struct subs *subs, uint32_t window, uint64_t now_ms)
{
    subs_share(subs, window, false, now_ms);
    for (size_t i = 0; i < subs->count; i++)
        subs_told(&subs->list[i], now_ms);
}

START_TEST(test_one_queue_gets_the_whole_window)
{
    struct subs subs;

    subs_init(&subs, names, 1);
    subs_share(&subs, 17, false, 1000);
    ck_assert_uint_eq(subs.list[0].wanted, 17);
    subs_took(&subs, 0);
    subs_share(&subs, 17, false, 1000);
    ck_assert_uint_eq(subs.list[0].wanted, 17);
    subs_fini(&subs);
}
END_TEST

/* Nothing known: each queue may bring one job; while all threads are busy none may. */
START_TEST(test_busy_runner_gives_no_credit)
{
    struct subs subs;

    subs_init(&subs, names, 3);
    tell_all(&subs, 1, 1000);
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(subs.list[i].wanted, 1);
    subs_took(&subs, 1);
    tell_all(&subs, 1, 1001);
    ck_assert_uint_eq(subs.list[0].wanted, 0);
    ck_assert_uint_eq(subs.list[1].wanted, 0); /* the one it has is not to be followed at once */
    ck_assert_uint_eq(subs.list[2].wanted, 0);
    subs_fini(&subs);
}
END_TEST

/* A queue that uses its credit gets more; one that does not use it for a while keeps only one. */
START_TEST(test_credit_follows_the_jobs)
{
    struct subs subs;

    subs_init(&subs, names, 3);
    tell_all(&subs, 10, 1000);
    subs_took(&subs, 0);
    tell_all(&subs, 10, 1001);
    ck_assert_uint_eq(subs.list[0].wanted, 10);
    ck_assert_uint_eq(subs.list[1].wanted, 1);
    ck_assert(subs_is_waiting(&subs));
    subs_gave(&subs, 0);
    tell_all(&subs, 10, 1002 + SUB_COLD_MS); /* its credit is open since 1001 */
    ck_assert_uint_eq(subs.list[0].wanted, 1);
    ck_assert(!subs_is_waiting(&subs));
    subs_fini(&subs);
}
END_TEST

START_TEST(test_hot_queues_take_turns)
{
    struct subs subs;
    unsigned got[3] = {0};

    subs_init(&subs, names, 3);
    for (size_t i = 0; i < 3; i++) { /* all have shown that they have jobs */
        subs_took(&subs, i);
        subs_gave(&subs, i);
    }
    for (int round = 0; round < 9; round++) {
        subs_share(&subs, 1, false, 1000);
        for (size_t i = 0; i < 3; i++) {
            if (subs.list[i].wanted > subs.list[i].held) {
                got[i]++;
                subs.turn = i + 1;
                break;
            }
        }
    }
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(got[i], 3);
    subs_fini(&subs);
}
END_TEST

/* Three threads, one hot queue told 2 and holding 1: when its job ends, it may be refilled to 2
 * without a word from us, so only the third place is free for another. */
START_TEST(test_a_place_is_promised_once)
{
    struct subs subs;

    subs_init(&subs, names, 3);
    subs_took(&subs, 0);
    subs_took(&subs, 1);
    subs.list[2].is_hot = false;
    subs.list[0].told = 2;
    subs.list[1].told = 1;
    subs_gave(&subs, 0);
    subs.turn = 1;
    subs_share(&subs, 3, false, 1000);
    ck_assert_uint_eq(subs.list[0].wanted, 2); /* as before */
    ck_assert_uint_eq(subs.list[1].wanted, 0); /* held, and not followed */
    ck_assert_uint_eq(subs.list[2].wanted, 1); /* cold */
    subs_share(&subs, 4, false, 1000);
    ck_assert_uint_eq(subs.list[1].wanted, 2); /* its turn, and there is one more place */
    subs_fini(&subs);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_short_jobs_stream_soon);
    tcase_add_test(tcase, test_long_jobs_are_never_hoarded);
    tcase_add_test(tcase, test_window_follows_job_time);
    tcase_add_test(tcase, test_one_long_job_shrinks_at_once);
    tcase_add_test(tcase, test_small_changes_are_no_news);
    tcase_add_test(tcase, test_one_queue_gets_the_whole_window);
    tcase_add_test(tcase, test_busy_runner_gives_no_credit);
    tcase_add_test(tcase, test_credit_follows_the_jobs);
    tcase_add_test(tcase, test_hot_queues_take_turns);
    tcase_add_test(tcase, test_a_place_is_promised_once);
}

int main(void)
{
    return unit_run("prefetch", add_tests);
}
