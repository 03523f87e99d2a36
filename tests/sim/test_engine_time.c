/* The engine and time: promotion of delayed jobs, sweeps, renewal of locks. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

static struct sim *sim_with_jobs(uint32_t count)
{
    struct sim *sim = sim_new(sim_seed(1));

    for (uint32_t i = 0; i < count; i++)
        model_add(sim->model);
    sim_link_up(sim);
    return sim;
}

static struct queue_figures figures_of(const struct sim *sim)
{
    struct queue_figures figures;

    queue_figures(sim->queue, &figures);
    return figures;
}

static struct fake_job *delayed_job(struct sim *sim, int64_t delay_ms)
{
    struct fake_job *job = model_add(sim->model);

    job->due_ms = ct_wall_ms(&sim->clock) + delay_ms;
    model_move(sim->model, job, IN_DELAYED, false);
    return job;
}

/* --- time ---------------------------------------------------------------------------------------
 */

START_TEST(test_delayed_job_is_promoted_when_due)
{
    struct sim *sim = sim_new(sim_seed(1));
    struct sim_runner *runner;
    int64_t due_ms;

    due_ms = sim->now_ms + 3000;
    delayed_job(sim, 3000);
    sim_link_up(sim);
    runner = sim_runner_new(sim, 1);
    sim_run_until_held(sim, runner, 1);
    ck_assert_int_ge(sim->now_ms, due_ms);
    ck_assert_int_le(sim->now_ms, due_ms + 5);
    ck_assert_uint_eq(sim->model->promote_count, 2); /* at the start, and when it was due */
    sim_free(sim);
}
END_TEST

START_TEST(test_delayed_jobs_are_promoted_without_consumers)
{
    struct sim *sim = sim_new(sim_seed(1));
    struct fake_job *job = delayed_job(sim, 1000);

    sim_link_up(sim);
    sim_run_for_ms(sim, 1010);
    ck_assert_int_eq(job->place, IN_WAIT);
    sim_free(sim);
}
END_TEST

START_TEST(test_wake_brings_the_promotion_forward)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    char text[32];
    struct ct_str payload = {text, 0};
    int64_t due_ms;

    sim_run_for_ms(sim, 100);
    delayed_job(sim, 700);
    due_ms = sim->now_ms + 700;
    payload.len = (size_t)snprintf(text, sizeof text, "%" PRId64, ct_wall_ms(&sim->clock) + 700);
    queue_wake(sim->queue, CT_STR_LIT("nonsense"));
    queue_wake(sim->queue, payload);
    sim_run_until_held(sim, runner, 1);
    ck_assert_int_le(sim->now_ms, due_ms + 5);
    sim_free(sim);
}
END_TEST

START_TEST(test_unannounced_delayed_job_is_found_within_guard_interval)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    int64_t due_ms;

    sim_run_for_ms(sim, 100);
    delayed_job(sim, 100);
    due_ms = sim->now_ms + 100;
    sim_run_until_held(sim, runner, 1);
    ck_assert_int_le(sim->now_ms, due_ms + sim->settings.guard_interval_ms);
    sim_free(sim);
}
END_TEST

START_TEST(test_wall_clock_jump_costs_at_most_guard_interval)
{
    struct sim *sim = sim_new(sim_seed(1));
    struct sim_runner *runner;
    int64_t jump_ms;

    delayed_job(sim, 3600000);
    sim_link_up(sim);
    runner = sim_runner_new(sim, 1);
    sim_run_for_ms(sim, 1000);
    sim->wall_offset_ms += 3600000;
    jump_ms = sim->now_ms;
    sim_run_until_held(sim, runner, 1);
    ck_assert_int_le(sim->now_ms, jump_ms + sim->settings.guard_interval_ms + 5);
    sim_free(sim);
}
END_TEST

START_TEST(test_more_due_than_one_call_promotes)
{
    struct sim *sim = sim_new(sim_seed(1));

    sim->model->promote_max = 10;
    for (int i = 0; i < 35; i++)
        delayed_job(sim, -1000);
    sim_link_up(sim);
    sim_run_for_ms(sim, 20);
    ck_assert_uint_eq(model_count(sim->model, IN_WAIT), 35);
    ck_assert_uint_eq(sim->model->promote_count, 4);
    sim_free(sim);
}
END_TEST

START_TEST(test_idle_queue_costs_little)
{
    struct sim *sim = sim_with_jobs(0);

    sim_runner_new(sim, 1);
    sim_run_for_ms(sim, 600000);
    ck_assert_uint_le(sim->commits_sent, 122); /* one promotion each guardInterval */
    ck_assert_uint_le(sim->turns, 600);
    sim_free(sim);
}
END_TEST

START_TEST(test_sweep_runs_at_link_up_and_each_stalled_interval)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];

    model_move(sim->model, job, IN_ACTIVE, false); /* left behind by a dead worker */
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(sim->model->sweep_count, 1);
    sim_run_for_ms(sim, sim->settings.stalled_interval_ms);
    ck_assert_uint_eq(sim->model->sweep_count, 2);
    ck_assert_int_eq(job->place, IN_WAIT);
    ck_assert_uint_eq(figures_of(sim).recovered, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_no_sweep_when_it_is_turned_off)
{
    struct sim *sim = sim_new(sim_seed(1));

    sim->settings.stalled_interval_ms = 0;
    queue_configure(sim->queue, &sim->settings);
    sim_link_up(sim);
    sim_run_for_ms(sim, 100000);
    ck_assert_uint_eq(sim->model->sweep_count, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_locks_are_renewed_while_jobs_run)
{
    struct sim *sim = sim_with_jobs(300);
    struct sim_runner *runner = sim_runner_new(sim, 300);
    uint32_t commits;

    sim_run_until_held(sim, runner, 300);
    commits = sim->commits_sent;
    sim_run_for_ms(sim, 10 * 60000);
    for (uint32_t i = 0; i < 300; i++)
        ck_assert(model_is_locked(sim->model, sim->model->jobs[i]));
    ck_assert_uint_eq(runner->cancel_count, 0);
    ck_assert_uint_eq(model_count(sim->model, IN_ACTIVE), 300);
    /* 40 renewals in two calls each, and a promotion each 5 s. */
    ck_assert_uint_le(sim->commits_sent - commits, 2 * 45 + 125);
    sim_free(sim);
}
END_TEST

START_TEST(test_renewals_that_are_nearly_due_go_together)
{
    struct sim *sim = sim_with_jobs(5);
    struct sim_runner *runner = sim_runner_new(sim, 0);
    uint32_t commits;

    sim->settings.guard_interval_ms = 3600000; /* no promotion in between */
    queue_configure(sim->queue, &sim->settings);
    for (uint32_t i = 1; i <= 5; i++) {
        sim_runner_window(runner, i);
        sim_run_until_held(sim, runner, i);
        sim_run_for_ms(sim, 100);
    }
    commits = sim->commits_sent;
    sim_run_for_ms(sim, 10 * 60000);
    ck_assert_uint_le(sim->commits_sent - commits, 42);
    sim_free(sim);
}
END_TEST

START_TEST(test_refused_renewal_is_tried_again_soon)
{
    struct sim *sim = sim_with_jobs(2);
    struct fake_job *job = sim->model->jobs[1];
    struct sim_runner *runner = sim_runner_new(sim, 2);
    int64_t since_ms;

    sim_run_until_held(sim, runner, 2);
    since_ms = sim->now_ms;
    sim_run_for_ms(sim, 14000);
    job->refusal = CT_E_REDIS_OOM;
    sim_run_for_ms(sim, 2000);
    job->refusal = CT_E_OK;
    sim_run_for_ms(sim, 6000);
    ck_assert_int_ge(job->locked_until_ms, since_ms + 15000 + sim->settings.lock_duration_ms);
    ck_assert_uint_eq(runner->cancel_count, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_new_settings_apply_to_running_jobs)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim->settings.lock_duration_ms = 1000;
    sim->settings.lock_renew_ms = 500;
    queue_configure(sim->queue, &sim->settings);
    ck_assert_int_eq(queue_settings(sim->queue)->lock_renew_ms, 500);
    sim->model->jobs[0]->locked_until_ms = sim->now_ms + 1000;
    sim_run_for_ms(sim, 10000);
    ck_assert(model_is_locked(sim->model, sim->model->jobs[0]));
    ck_assert_uint_eq(runner->cancel_count, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_lost_lock_cancels_once_and_refuses_the_result)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    snprintf(job->token, sizeof job->token, "another");
    job->locked_until_ms = COMMIT_NEVER;
    job->activation++;
    sim_run_for_ms(sim, 60000);
    ck_assert_uint_eq(runner->cancel_count, 1);
    ck_assert_int_eq(sim_note(runner, sim_hold_at(runner, 0), EFFECT_LOG, 1), CT_E_LOCK_LOST);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_code, CT_E_LOCK_LOST);
    ck_assert_int_eq(runner->last_state, QUEUE_LOST);
    ck_assert_uint_eq(figures_of(sim).lost, 1);
    model_move(sim->model, job, IN_COMPLETED, false);
    sim_free(sim);
}
END_TEST

START_TEST(test_loss_that_many_notes_find_cancels_once)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim->model->jobs[0]->refusal = CT_E_LOCK_LOST;
    sim_note(runner, sim_hold_at(runner, 0), EFFECT_LOG, 1);
    sim_note(runner, sim_hold_at(runner, 0), EFFECT_LOG, 2);
    sim_run_for_ms(sim, 60000);
    ck_assert_uint_eq(runner->cancel_count, 1);
    sim_free(sim);
}
END_TEST

#define ADD(test) tcase_add_test(tcase, test)

int main(void)
{
    Suite *suite = suite_create("engine time");
    TCase *tcase = tcase_create("time");
    SRunner *runner;
    int failed;

    ADD(test_delayed_job_is_promoted_when_due);
    ADD(test_delayed_jobs_are_promoted_without_consumers);
    ADD(test_wake_brings_the_promotion_forward);
    ADD(test_unannounced_delayed_job_is_found_within_guard_interval);
    ADD(test_wall_clock_jump_costs_at_most_guard_interval);
    ADD(test_more_due_than_one_call_promotes);
    ADD(test_idle_queue_costs_little);
    ADD(test_sweep_runs_at_link_up_and_each_stalled_interval);
    ADD(test_no_sweep_when_it_is_turned_off);
    ADD(test_locks_are_renewed_while_jobs_run);
    ADD(test_renewals_that_are_nearly_due_go_together);
    ADD(test_refused_renewal_is_tried_again_soon);
    ADD(test_new_settings_apply_to_running_jobs);
    ADD(test_lost_lock_cancels_once_and_refuses_the_result);
    ADD(test_loss_that_many_notes_find_cancels_once);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
