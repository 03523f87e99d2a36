/* The engine when things fail: each reply lost, before Redis has done the call or after it; calls
 * and single effects refused; replies that cannot be read; links that come and go. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

enum { MANY_COMMITS = 12 };

static struct sim *sim_with_jobs(uint32_t count)
{
    struct sim *sim = sim_new(sim_seed(1));

    for (uint32_t i = 0; i < count; i++)
        model_add(sim->model);
    sim_link_up(sim);
    return sim;
}

/* Takes and completes until all jobs are done; every end gets its one answer on the way. */
static void work_off(struct sim *sim, struct sim_runner *runner)
{
    const int64_t end_ms = sim->now_ms + 600000;

    while (model_count(sim->model, IN_COMPLETED) < sim->model->job_count ||
           !ct_list_is_empty(&runner->holds)) {
        struct sim_hold *hold;

        while ((hold = sim_hold_at(runner, 0)) != NULL) {
            sim_note(runner, hold, EFFECT_PROGRESS, 1);
            sim_complete(runner, hold);
        }
        sim_check(sim, sim->now_ms < end_ms);
        sim_run_for_ms(sim, 2);
    }
}

static void work_off_with(int64_t number, enum sim_fate fate, enum ct_code code)
{
    struct sim *sim = sim_with_jobs(30);
    struct sim_runner *runner = sim_runner_new(sim, 4);
    const int64_t since_ms = sim->now_ms;

    sim_doom_commit(sim, number, fate, code);
    work_off(sim, runner);
    ck_assert_uint_eq(runner->job_count, 30); /* none twice */
    ck_assert_uint_eq(runner->ack_count, 30);
    for (uint32_t i = 0; i < 30; i++)
        ck_assert_uint_eq(sim->model->jobs[i]->stalled, 0);
    ck_assert_int_lt(sim->now_ms - since_ms, 10000);
    sim_free(sim);
}

/* --- lost replies -------------------------------------------------------------------------------
 */

START_TEST(test_nothing_is_lost_when_the_kth_call_is)
{
    work_off_with(_i, FATE_LOST_BEFORE, CT_E_OK);
}
END_TEST

START_TEST(test_nothing_is_lost_or_done_twice_when_the_kth_reply_is_lost)
{
    work_off_with(_i, FATE_LOST_AFTER, CT_E_OK);
}
END_TEST

START_TEST(test_nothing_is_lost_when_the_kth_call_is_refused)
{
    work_off_with(_i, FATE_REFUSED, CT_E_REDIS_OOM);
}
END_TEST

START_TEST(test_nothing_is_lost_when_the_kth_reply_cannot_be_read)
{
    work_off_with(_i, FATE_GARBLED, CT_E_OK);
}
END_TEST

START_TEST(test_jobs_of_a_lost_fetch_are_reclaimed)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 5);

    sim_run_for_ms(sim, 10);
    for (int i = 0; i < 5; i++)
        model_add(sim->model);
    sim_doom_commit(sim, 0, FATE_LOST_AFTER, CT_E_OK);
    sim_run_until_held(sim, runner, 5);
    ck_assert_uint_eq(sim->model->reclaim_count, 1);
    ck_assert_uint_eq(runner->job_count, 5);
    sim_free(sim);
}
END_TEST

START_TEST(test_reclaimed_jobs_without_a_consumer_go_back)
{
    struct sim *sim = sim_with_jobs(5);
    struct sim_runner *runner = sim_runner_new(sim, 5);

    sim_doom_commit(sim, 1, FATE_LOST_AFTER, CT_E_OK);
    while (sim->is_up)
        sim_run_for_ms(sim, 1);
    sim_runner_close(runner, CONSUMER_RETURNS);
    sim_run_for_ms(sim, 1000);
    ck_assert_uint_eq(sim->model->reclaim_count, 1);
    ck_assert_uint_eq(model_count(sim->model, IN_WAIT), 5);
    sim_free(sim);
}
END_TEST

START_TEST(test_lost_calls_that_redis_sees_later_do_no_harm)
{
    struct sim *sim = sim_with_jobs(6);
    struct sim_runner *runner = sim_runner_new(sim, 3);

    sim_run_until_held(sim, runner, 3);
    sim_run_for_ms(sim, 10);
    for (int i = 0; i < 3; i++)
        sim_complete(runner, sim_hold_at(runner, 0));
    sim_turn(sim);
    sim_cut(sim, true);
    sim_link_up(sim);
    sim_run_until_held(sim, runner, 3); /* reclaimed, resent and fetched anew */
    while (!ct_list_is_empty(&sim->zombies))
        sim_run_zombie(sim);
    work_off(sim, runner);
    ck_assert_uint_eq(runner->ack_count, 6);
    sim_free(sim);
}
END_TEST

START_TEST(test_renewals_go_first_after_an_outage)
{
    struct sim *sim = sim_with_jobs(300);
    struct sim_runner *runner = sim_runner_new(sim, 300);

    sim_run_until_held(sim, runner, 300);
    sim_run_for_ms(sim, 100);
    sim_cut(sim, false);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 60000); /* the locks run out */
    ck_assert(!model_is_locked(sim->model, sim->model->jobs[5]));
    sim_link_up(sim);
    sim_turn(sim);
    ck_assert(sim->last_commit_was_renewals_only);
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_code, CT_E_OK);
    ck_assert_uint_eq(runner->cancel_count, 0);
    for (uint32_t i = 1; i < 300; i++)
        ck_assert(model_is_locked(sim->model, sim->model->jobs[i]));
    sim_free(sim);
}
END_TEST

/* Sweeps wait for renewals, also for those of other daemons that lost Redis at the same time. */
START_TEST(test_outage_makes_no_job_stalled)
{
    struct sim *sim = sim_with_jobs(600);
    struct sim_runner *runner = sim_runner_new(sim, 600);

    sim_run_until_held(sim, runner, 600);
    sim_run_for_ms(sim, sim->settings.stalled_interval_ms);
    sim_cut(sim, false);
    for (uint32_t i = 0; i < 600; i++)
        sim->model->jobs[i]->is_marked = true; /* by the last sweep */
    sim_run_for_ms(sim, 60000);
    if (_i == 1) { /* so short that the renewals, three calls, take longer */
        sim->settings.guard_interval_ms = 1;
        queue_configure(sim->queue, &sim->settings);
    }
    sim_link_up(sim);
    sim_run_for_ms(sim, sim->settings.guard_interval_ms - 1);
    ck_assert_uint_eq(sim->model->sweep_count, 2);
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(sim->model->sweep_count, 3);
    ck_assert_uint_eq(runner->open_count, 600);
    ck_assert_uint_eq(runner->cancel_count, 0);
    for (uint32_t i = 0; i < 600; i++)
        ck_assert_uint_eq(sim->model->jobs[i]->stalled, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_locks_are_taken_again_when_redis_forgot_them)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];

    sim_run_until_held(sim, sim_runner_new(sim, 1), 1);
    sim_run_for_ms(sim, 10);
    sim_cut(sim, false);
    job->token[0] = '\0'; /* restarted from a file that is a little old */
    sim_link_up(sim);
    sim_run_for_ms(sim, 10);
    ck_assert(model_is_locked(sim->model, job));
    sim_free(sim);
}
END_TEST

START_TEST(test_reclaim_that_is_refused_holds_up_no_result_and_is_given_up)
{
    struct sim *sim = sim_with_jobs(4);
    struct sim_runner *runner = sim_runner_new(sim, 2);

    sim_run_until_held(sim, runner, 2);
    sim_run_for_ms(sim, 10);
    sim->refuse_reclaims = true;
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_doom_commit(sim, 0, FATE_LOST_AFTER, CT_E_OK);
    sim_run_for_ms(sim, 1000);
    ck_assert_uint_eq(runner->ack_count, 1);
    ck_assert_uint_eq(runner->job_count, 2); /* the third is leased to nobody */
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->ack_count, 2);
    sim_run_for_ms(sim, 40000);
    ck_assert_uint_ge(runner->job_count, 3);
    sim_run_for_ms(sim, 100000); /* swept */
    work_off(sim, runner);
    sim_free(sim);
}
END_TEST

START_TEST(test_job_that_another_took_during_an_outage_is_cancelled)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim_cut(sim, false);
    sim_run_for_ms(sim, 60000);
    snprintf(job->token, sizeof job->token, "another");
    job->locked_until_ms = COMMIT_NEVER;
    job->activation++;
    sim_link_up(sim);
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(runner->cancel_count, 1);
    model_move(sim->model, job, IN_COMPLETED, false);
    sim_free(sim);
}
END_TEST

/* --- refusals -----------------------------------------------------------------------------------
 */

static const enum ct_code states_of_redis[] = {
    CT_E_REDIS_OOM,  CT_E_REDIS_READONLY, CT_E_REDIS_LOADING, CT_E_REDIS_PERM,
    CT_E_REDIS_AUTH, CT_E_REDIS_ERROR,    CT_E_REDIS_DOWN,    CT_E_REDIS_SCRIPT,
};
enum { STATES = sizeof states_of_redis / sizeof *states_of_redis };

START_TEST(test_results_survive_a_redis_that_refuses_for_minutes)
{
    struct sim *sim = sim_with_jobs(3);
    struct sim_runner *runner = sim_runner_new(sim, 3);

    sim_run_until_held(sim, runner, 3);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim->refuse_all = states_of_redis[_i];
    sim_run_for_ms(sim, 300000);
    ck_assert_uint_eq(runner->ack_count, 0);
    ck_assert_uint_le(sim->commits_sent, 700); /* with pauses */
    sim->refuse_all = CT_E_OK;
    sim_run_for_ms(sim, 10000);
    ck_assert_uint_eq(runner->ack_count, 1);
    ck_assert_int_eq(runner->last_code, CT_E_OK);
    sim_free(sim);
}
END_TEST

START_TEST(test_result_that_is_refused_alone_waits_and_holds_up_nobody)
{
    struct sim *sim = sim_with_jobs(3);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 3);

    sim_run_until_held(sim, runner, 3);
    job->refusal = CT_E_REDIS_OOM;
    sim_note(runner, sim_hold_of(runner, "1"), EFFECT_LOG, 1);
    sim_run_for_ms(sim, 10);
    sim_note(runner, sim_hold_of(runner, "1"), EFFECT_LOG, 2);
    sim_complete(runner, sim_hold_of(runner, "1"));
    sim_complete(runner, sim_hold_of(runner, "2"));
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->ack_count, 1);
    ck_assert_str_eq(runner->last_id, "2");
    sim_run_for_ms(sim, 12000); /* its lock cannot be renewed either */
    ck_assert_uint_eq(runner->ack_count, 1);
    job->refusal = CT_E_OK;
    sim_run_for_ms(sim, 10000);
    ck_assert_uint_eq(runner->ack_count, 2);
    ck_assert_int_eq(runner->last_code, CT_E_OK);
    ck_assert_uint_eq(job->note_count, 2);
    ck_assert(!job->notes_are_disordered && job->late_notes == 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_outcome_waits_behind_a_refused_note)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct sim_hold *hold;

    sim_run_until_held(sim, runner, 1);
    sim_run_for_ms(sim, 10);
    hold = sim_hold_at(runner, 0);
    job->refusal = CT_E_REDIS_OOM;
    job->only_notes_are_refused = true;
    sim_note(runner, hold, EFFECT_PROGRESS, 1);
    sim_turn(sim); /* on its way */
    if (_i == 1)
        sim_run_for_ms(sim, 10); /* and refused */
    sim_note(runner, hold, EFFECT_PROGRESS, 2);
    sim_complete(runner, hold);
    sim_run_for_ms(sim, 1000);
    ck_assert_uint_eq(runner->ack_count, 0);
    job->refusal = CT_E_OK;
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_code, CT_E_OK);
    ck_assert_uint_eq(job->note_count, 2);
    ck_assert(!job->notes_are_disordered && job->late_notes == 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_queue_is_back_to_normal_after_one_refusal)
{
    struct sim *sim = sim_new(sim_seed(1));
    struct sim_runner *runner;

    sim->settings.guard_interval_ms = 600000;
    sim->settings.retry_process_delay_ms = 100;
    queue_configure(sim->queue, &sim->settings);
    sim_link_up(sim);
    runner = sim_runner_new(sim, 2);
    sim_run_for_ms(sim, 10);
    model_add(sim->model);
    sim_run_until_held(sim, runner, 1);
    sim_run_for_ms(sim, 10);
    sim_doom_commit(sim, 0, FATE_REFUSED, CT_E_REDIS_OOM);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 6000); /* also a wait that began before is over */
    ck_assert_uint_eq(runner->ack_count, 1);
    model_add(sim->model);
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->open_count, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_final_refusals_end_the_lease)
{
    static const enum ct_code codes[] = {CT_E_LOCK_LOST, CT_E_JOB_MISSING, CT_E_NOT_ACTIVE,
                                         CT_E_REDIS_TYPE};
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim->model->jobs[0]->refusal = codes[_i];
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_code, codes[_i]);
    ck_assert_int_eq(runner->last_state, QUEUE_LOST);
    sim_free(sim);
}
END_TEST

START_TEST(test_result_that_redis_can_never_take_is_given_up)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim->model->jobs[0]->refusal = CT_E_REDIS_ERROR; /* of this job alone */
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 30000);
    ck_assert_uint_eq(runner->ack_count, 0);
    sim_run_for_ms(sim, 60000);
    ck_assert_uint_eq(runner->ack_count, 1);
    ck_assert_int_eq(runner->last_code, CT_E_REDIS_ERROR);
    ck_assert_int_eq(runner->last_state, QUEUE_LOST);
    sim_free(sim);
}
END_TEST

START_TEST(test_many_refused_results_stop_the_fetching)
{
    struct sim *sim = sim_with_jobs(200);
    struct sim_runner *runner = sim_runner_new(sim, 10);

    sim_run_until_held(sim, runner, 10);
    for (int i = 0; i < 200; i++)
        sim->model->jobs[i]->refusal = CT_E_REDIS_OOM;
    for (int i = 0; i < 100; i++) {
        struct sim_hold *hold;

        sim_run_for_ms(sim, 10);
        while ((hold = sim_hold_at(runner, 0)) != NULL)
            sim_complete(runner, hold);
    }
    ck_assert_uint_ge(runner->job_count, 64);
    ck_assert_uint_le(runner->job_count, 64 + 20);
    for (int i = 0; i < 200; i++)
        sim->model->jobs[i]->refusal = CT_E_OK;
    work_off(sim, runner);
    ck_assert_uint_eq(runner->ack_count, 200);
    sim_free(sim);
}
END_TEST

START_TEST(test_key_of_the_queue_that_refuses_all_results_stops_the_fetching)
{
    enum { WINDOW = 10 };
    struct sim *sim = sim_with_jobs(200);
    struct sim_runner *runner = sim_runner_new(sim, WINDOW);

    sim_run_until_held(sim, runner, WINDOW);
    sim->model->is_obstructed = true;
    for (int i = 0; i < 6000; i++) { /* a minute, so many tries */
        struct sim_hold *hold = sim_hold_at(runner, 0);

        if (hold)
            sim_complete(runner, hold);
        sim_run_for_ms(sim, 10);
        sim_check(sim, model_count(sim->model, IN_ACTIVE) <= WINDOW);
    }
    ck_assert_uint_eq(runner->ack_count, 0);
    ck_assert_uint_eq(runner->job_count, WINDOW);
    sim->model->jobs[1]->refusal = CT_E_REDIS_TYPE; /* its own: that is for good */
    sim->model->is_obstructed = false;
    sim_run_for_ms(sim, 6000);
    ck_assert_uint_gt(runner->job_count, WINDOW);
    ck_assert_uint_eq(runner->ack_count, WINDOW);
    ck_assert_uint_eq(model_count(sim->model, IN_COMPLETED), WINDOW - 1);
    model_move(sim->model, sim->model->jobs[1], IN_COMPLETED, false);
    work_off(sim, runner);
    ck_assert_uint_eq(runner->job_count, 200); /* none twice */
    sim_free(sim);
}
END_TEST

START_TEST(test_results_go_on_when_only_fetching_is_refused)
{
    struct sim *sim = sim_with_jobs(4);
    struct sim_runner *runner = sim_runner_new(sim, 2);

    sim_run_until_held(sim, runner, 2);
    sim->refuse_fetches = true;
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 6000);
    ck_assert_uint_eq(runner->ack_count, 1);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 6000);
    ck_assert_uint_eq(runner->ack_count, 2);
    sim->refuse_fetches = false;
    work_off(sim, runner);
    sim_free(sim);
}
END_TEST

/* --- the blocking link --------------------------------------------------------------------------
 */

START_TEST(test_work_goes_on_while_no_wait_is_possible)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 2);

    sim->wait_is_down = _i == 0;
    sim->wait_is_refused = _i == 1;
    sim_run_for_ms(sim, 60000);
    ck_assert_uint_le(sim->waits_sent, 110); /* with pauses */
    model_add(sim->model);
    sim_run_for_ms(sim, 5100);
    ck_assert_uint_eq(runner->open_count, 1);
    sim->wait_is_down = sim->wait_is_refused = false;
    sim_run_for_ms(sim, 6000);
    model_add(sim->model);
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->open_count, 2);
    sim_free(sim);
}
END_TEST

START_TEST(test_job_of_a_lost_wait_is_swept)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct fake_job *job;

    sim_run_for_ms(sim, 100);
    job = model_add(sim->model);
    sim_lose_wait(sim, true);
    ck_assert_int_eq(job->place, IN_ACTIVE);
    sim_run_until_held(sim, runner, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_taken_job_survives_a_lost_reply)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct fake_job *job;

    sim->model->take_steals = true; /* so that taking it twice would show */
    sim_run_for_ms(sim, 100);
    job = model_add(sim->model);
    sim_doom_commit(sim, 0, _i == 0 ? FATE_LOST_BEFORE : FATE_LOST_AFTER, CT_E_OK);
    sim_run_until_held(sim, runner, 1);
    ck_assert_uint_eq(job->stalled, 0);
    ck_assert_int_eq(job->activation, 1);
    work_off(sim, runner);
    ck_assert_uint_eq(runner->job_count, 1);
    ck_assert_int_eq(job->activation, 1);
    sim_free(sim);
}
END_TEST

/* --- adds ---------------------------------------------------------------------------------------
 */

static uint32_t added_count;

static void count_added(struct job_add *add)
{
    added_count++;
}

START_TEST(test_add_whose_reply_is_lost_is_not_repeated)
{
    struct sim *sim = sim_with_jobs(0);
    struct job_add add = {.name = CT_STR_LIT("work")};

    added_count = 0;
    sim_run_for_ms(sim, 10);
    queue_add(sim->queue, &add, count_added);
    sim_turn(sim);
    sim_execute(sim);
    sim_cut(sim, false);
    ck_assert_uint_eq(added_count, 1);
    ck_assert_int_eq(add.err.code, CT_E_REDIS_DOWN);
    ck_assert_ptr_nonnull(strstr(add.err.detail, "may or may not"));
    sim_link_up(sim);
    sim_run_for_ms(sim, 1000);
    ck_assert_uint_eq(sim->adds_sent, 1);
    ck_assert_uint_eq(sim->model->job_count, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_add_without_a_link_waits_and_then_fails)
{
    struct sim *sim = sim_new(sim_seed(1));
    struct job_add soon = {.name = CT_STR_LIT("work")}, never = {.name = CT_STR_LIT("work")};

    added_count = 0;
    queue_add(sim->queue, &soon, count_added);
    sim_run_for_ms(sim, QUEUE_ADD_WAIT_MS - 100);
    ck_assert_uint_eq(added_count, 0);
    sim_link_up(sim);
    sim_run_for_ms(sim, 10);
    ck_assert_int_eq(soon.err.code, CT_E_OK);
    sim_cut(sim, false);
    queue_add(sim->queue, &never, count_added);
    sim_run_for_ms(sim, QUEUE_ADD_WAIT_MS + 10);
    ck_assert_uint_eq(added_count, 2);
    ck_assert_int_eq(never.err.code, CT_E_REDIS_DOWN);
    ck_assert_ptr_nonnull(strstr(never.err.detail, "was not added"));
    free(soon.id);
    sim_free(sim);
}
END_TEST

#define ADD(test)        tcase_add_test(tcase, test)
#define LOOP(test, many) tcase_add_loop_test(tcase, test, 0, many)

static Suite *faults_suite(void)
{
    Suite *suite = suite_create("engine faults");
    TCase *tcase = tcase_create("lost");

    LOOP(test_nothing_is_lost_when_the_kth_call_is, MANY_COMMITS);
    LOOP(test_nothing_is_lost_or_done_twice_when_the_kth_reply_is_lost, MANY_COMMITS);
    LOOP(test_nothing_is_lost_when_the_kth_call_is_refused, MANY_COMMITS);
    LOOP(test_nothing_is_lost_when_the_kth_reply_cannot_be_read, MANY_COMMITS);
    ADD(test_jobs_of_a_lost_fetch_are_reclaimed);
    ADD(test_reclaimed_jobs_without_a_consumer_go_back);
    ADD(test_lost_calls_that_redis_sees_later_do_no_harm);
    ADD(test_renewals_go_first_after_an_outage);
    LOOP(test_outage_makes_no_job_stalled, 2);
    ADD(test_locks_are_taken_again_when_redis_forgot_them);
    ADD(test_reclaim_that_is_refused_holds_up_no_result_and_is_given_up);
    ADD(test_job_that_another_took_during_an_outage_is_cancelled);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("refused");
    LOOP(test_results_survive_a_redis_that_refuses_for_minutes, STATES);
    ADD(test_result_that_is_refused_alone_waits_and_holds_up_nobody);
    LOOP(test_outcome_waits_behind_a_refused_note, 2);
    ADD(test_queue_is_back_to_normal_after_one_refusal);
    LOOP(test_final_refusals_end_the_lease, 4);
    ADD(test_result_that_redis_can_never_take_is_given_up);
    ADD(test_many_refused_results_stop_the_fetching);
    ADD(test_key_of_the_queue_that_refuses_all_results_stops_the_fetching);
    ADD(test_results_go_on_when_only_fetching_is_refused);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("wait");
    LOOP(test_work_goes_on_while_no_wait_is_possible, 2);
    ADD(test_job_of_a_lost_wait_is_swept);
    LOOP(test_taken_job_survives_a_lost_reply, 2);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("add");
    ADD(test_add_whose_reply_is_lost_is_not_repeated);
    ADD(test_add_without_a_link_waits_and_then_fails);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(faults_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
