/* Cancelled jobs in the engine: whatever state the lease is in and however the job ends, it fails
 * for good, and nobody is told twice. */
#include <check.h>
#include <stdlib.h>

#include "tests/lib/unit.h"
#include "tests/sim/sim.h"

#define WHY "cancelled: the user has left"
#define retryable \
    ((struct failure){.reason = CT_STR_LIT("boom"), .has_delay = true, .delay_ms = 10})

static struct sim *sim_with_jobs(uint32_t count)
{
    struct sim *sim = sim_new(sim_seed(1));

    for (uint32_t i = 0; i < count; i++)
        model_add(sim->model);
    sim_link_up(sim);
    return sim;
}

static enum ct_code cancel(struct sim *sim, const char *id)
{
    struct ct_error err = {CT_E_OK, ""};
    const enum ct_code rc =
        queue_cancel(sim->queue, ct_str_of(id), CT_STR_LIT("the user has left"), &err);

    ck_assert((rc == CT_E_OK) == (err.detail[0] == '\0'));
    return rc;
}

static void assert_cancelled(const struct sim *sim, const char *id)
{
    const struct fake_job *job = model_find(sim->model, id);

    ck_assert_int_eq(job->place, IN_FAILED);
    ck_assert_str_eq(job->value, WHY);
    ck_assert_uint_eq(job->finish_count, 1);
}

START_TEST(test_running_job_is_told_once_and_does_not_run_again)
{
    struct sim *sim = sim_with_jobs(2);
    struct sim_runner *runner = sim_runner_new(sim, 2);

    sim_run_until_held(sim, runner, 2);
    ck_assert_int_eq(cancel(sim, "1"), CT_E_OK);
    ck_assert_int_eq(cancel(sim, "1"), CT_E_OK);
    ck_assert_uint_eq(runner->cancel_count, 1);
    ck_assert(sim_hold_of(runner, "1")->is_cancelled);
    ck_assert(!sim_hold_of(runner, "2")->is_cancelled);
    sim_fail_job(runner, sim_hold_of(runner, "1"), &retryable);
    ck_assert_int_eq(cancel(sim, "1"), CT_E_CONFLICT);
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_state, QUEUE_FAILED);
    sim_fail_job(runner, sim_hold_of(runner, "2"), &retryable);
    sim_run_until_acked(sim, runner, 2);
    ck_assert_int_eq(runner->last_state, QUEUE_DELAYED);
    assert_cancelled(sim, "1");
    sim_free(sim);
}
END_TEST

/* A job that ended before its runner knew. */
START_TEST(test_completed_job_stays_so)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    ck_assert_int_eq(cancel(sim, "1"), CT_E_OK);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_state, QUEUE_COMPLETED);
    sim_free(sim);
}
END_TEST

START_TEST(test_job_that_is_handed_back_fails)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    ck_assert_int_eq(cancel(sim, "1"), CT_E_OK);
    sim_release(runner, sim_hold_at(runner, 0), 0);
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_state, QUEUE_FAILED);
    assert_cancelled(sim, "1");
    sim_free(sim);
}
END_TEST

START_TEST(test_job_of_a_runner_that_is_gone_fails)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    ck_assert_int_eq(cancel(sim, "1"), CT_E_OK);
    sim_runner_close(runner, _i ? CONSUMER_DIED : CONSUMER_RETURNS);
    sim_run_for_ms(sim, 100);
    assert_cancelled(sim, "1");
    sim_free(sim);
}
END_TEST

/* The fetch has leased it in Redis, and the reply is on its way: then it never runs. */
START_TEST(test_job_of_a_fetch_under_way_is_not_run)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 2);

    while (model_count(sim->model, IN_ACTIVE) == 0) {
        sim_turn(sim);
        if (!sim_execute(sim) && sim_first_call(&sim->waits))
            sim_deliver_wait(sim);
    }
    ck_assert_uint_eq(runner->job_count, 0);
    ck_assert_int_eq(cancel(sim, "1"), CT_E_NOT_FOUND);
    sim_run_for_ms(sim, 1000);
    ck_assert_uint_eq(runner->job_count, 0);
    assert_cancelled(sim, "1");
    sim_free(sim);
}
END_TEST

/* But one that comes later has nothing to do with it. */
START_TEST(test_unknown_job_is_soon_forgotten)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 2);

    sim_run_for_ms(sim, 100);
    ck_assert_int_eq(cancel(sim, "1"), CT_E_NOT_FOUND);
    sim_turn(sim);
    model_add(sim->model);
    sim_run_until_held(sim, runner, 1);
    ck_assert_uint_eq(runner->cancel_count, 0);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_too_many_unknown_jobs_are_not_remembered)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 2);
    char id[16];

    sim_run_for_ms(sim, 100);
    for (int i = 0; i < 3 * QUEUE_CANCELS_MAX; i++) {
        snprintf(id, sizeof id, "%d", i);
        ck_assert_int_eq(cancel(sim, id), CT_E_NOT_FOUND);
    }
    ck_assert_uint_eq(runner->job_count, 0);
    sim_free(sim); /* asserts that nothing is left over */
}
END_TEST

START_TEST(test_resumed_job_is_told_over_the_new_connection)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *before = sim_runner_new(sim, 1), *after = sim_runner_new(sim, 0);

    sim_run_until_held(sim, before, 1);
    ck_assert_int_eq(cancel(sim, "1"), CT_E_OK);
    sim_resume(after, "1", sim_hold_at(before, 0)->token);
    sim_runner_window(before, 0);
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(after->resumed_count, 1);
    ck_assert_uint_eq(after->cancel_count, 1);
    sim_fail_job(after, sim_hold_at(after, 0), &retryable);
    sim_run_until_acked(sim, after, 1);
    assert_cancelled(sim, "1");
    sim_free(sim);
}
END_TEST

/* Its daemon is another one than before, and is still asking Redis whose it is. */
START_TEST(test_job_that_is_being_adopted_is_told)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 0);

    model_move(sim->model, job, IN_ACTIVE, false);
    snprintf(job->token, sizeof job->token, "another-daemon:5");
    job->locked_until_ms = sim->now_ms + 20000;
    sim_resume(runner, "1", "another-daemon:5");
    sim_turn(sim);
    ck_assert_int_eq(cancel(sim, "1"), CT_E_OK);
    ck_assert_uint_eq(runner->cancel_count, 0);
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->cancel_count, 1);
    sim_release(runner, sim_hold_at(runner, 0), 0);
    sim_run_until_acked(sim, runner, 1);
    assert_cancelled(sim, "1");
    sim_free(sim);
}
END_TEST

/* The next iteration of a repeatable job is scheduled all the same. */
START_TEST(test_series_of_a_cancelled_job_goes_on)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner;

    job->is_repeat = true;
    runner = sim_runner_new(sim, 1);
    while (cancel(sim, "1") == CT_E_NOT_FOUND) {
        sim_turn(sim);
        if (!sim_execute(sim) && sim_first_call(&sim->waits))
            sim_deliver_wait(sim);
        sim_deliver(sim);
    }
    sim_run_for_ms(sim, 1000);
    ck_assert_uint_eq(runner->job_count, 0);
    ck_assert_uint_eq(job->schedule_count, 1);
    assert_cancelled(sim, "1");
    sim_free(sim);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_running_job_is_told_once_and_does_not_run_again);
    tcase_add_test(tcase, test_completed_job_stays_so);
    tcase_add_test(tcase, test_job_that_is_handed_back_fails);
    tcase_add_loop_test(tcase, test_job_of_a_runner_that_is_gone_fails, 0, 2);
    tcase_add_test(tcase, test_job_of_a_fetch_under_way_is_not_run);
    tcase_add_test(tcase, test_unknown_job_is_soon_forgotten);
    tcase_add_test(tcase, test_too_many_unknown_jobs_are_not_remembered);
    tcase_add_test(tcase, test_resumed_job_is_told_over_the_new_connection);
    tcase_add_test(tcase, test_job_that_is_being_adopted_is_told);
    tcase_add_test(tcase, test_series_of_a_cancelled_job_goes_on);
}

int main(void)
{
    return unit_run("engine_cancel", add_tests);
}
