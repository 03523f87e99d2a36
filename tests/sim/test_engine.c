/* The engine, one behaviour a test: fetching, waiting, handing out and ending. Its sides: time in
 * test_engine_time.c, consumers and adds in test_engine_life.c, what fails in test_engine_faults.c,
 * what comes back in test_engine_resume.c. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
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

/* --- fetching and waiting -----------------------------------------------------------------------
 */

START_TEST(test_job_is_fetched_completed_and_acknowledged)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim_complete(runner, sim_hold_at(runner, 0));
    ck_assert_uint_eq(runner->ack_count, 0);
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_code, CT_E_OK);
    ck_assert_int_eq(runner->last_state, QUEUE_COMPLETED);
    ck_assert_uint_eq(figures_of(sim).completed, 1);
    ck_assert_uint_eq(figures_of(sim).fetched, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_one_call_finishes_and_fetches)
{
    struct sim *sim = sim_with_jobs(100);
    struct sim_runner *runner = sim_runner_new(sim, 10);
    uint32_t commits;

    sim_run_until_held(sim, runner, 10);
    sim_run_for_ms(sim, 10);
    commits = sim->commits_sent;
    for (uint32_t i = 0; i < 10; i++)
        sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 10);
    ck_assert_uint_eq(sim->commits_sent, commits + 1);
    ck_assert_uint_eq(sim->biggest_commit, 10);
    ck_assert_uint_eq(runner->open_count, 10);
    sim_free(sim);
}
END_TEST

START_TEST(test_batch_grows_while_a_call_is_under_way)
{
    struct sim *sim = sim_with_jobs(20);
    struct sim_runner *runner = sim_runner_new(sim, 20);

    sim_run_until_held(sim, runner, 20);
    sim_run_for_ms(sim, 10);
    sim_complete(runner, sim_hold_at(runner, 0));
    ck_assert(sim_turn(sim)); /* goes out alone */
    for (uint32_t i = 0; i < 19; i++) {
        sim_complete(runner, sim_hold_at(runner, 0));
        sim_turn(sim); /* nothing: one call is under way */
    }
    ck_assert_uint_eq(sim->biggest_commit, 1);
    sim_run_until_acked(sim, runner, 20);
    ck_assert_uint_eq(sim->biggest_commit, 19);
    sim_free(sim);
}
END_TEST

START_TEST(test_commit_is_bounded_by_count_and_bytes)
{
    static char text[1024 * 1024];
    const struct ct_str big = {text, sizeof text};
    struct sim *sim = sim_with_jobs(600);
    struct sim_runner *runner = sim_runner_new(sim, 600);
    struct ct_error err;

    sim_run_until_held(sim, runner, 600);
    for (uint32_t i = 0; i < 600; i++)
        sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 600);
    ck_assert_uint_eq(sim->biggest_commit, COMMIT_EFFECTS_MAX);

    memset(text, '7', sizeof text);
    model_add(sim->model);
    sim_run_until_held(sim, runner, 1);
    sim_run_for_ms(sim, 10);
    sim->biggest_commit = 0;
    for (uint32_t i = 0; i < 20; i++)
        ck_assert_int_eq(queue_log(sim_hold_at(runner, 0)->lease, big, &err), CT_E_OK);
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(sim->biggest_commit, COMMIT_BYTES_MAX / sizeof text);
    sim_free(sim);
}
END_TEST

/* Jobs that fail are copied within Redis when they become dead letters. */
START_TEST(test_commit_is_bounded_by_what_dead_letters_copy)
{
    static char text[COMMIT_BYTES_MAX / 4 - 64];
    const struct failure failure = {.reason = CT_STR_LIT("no"), .is_unrecoverable = true};
    struct sim *sim = sim_with_jobs(20);
    struct sim_runner *runner;

    memset(text, '7', sizeof text - 1);
    for (uint32_t i = 0; i < 20; i++)
        sim->model->jobs[i]->data = text;
    if (_i == 1) {
        sim->settings.dead_letter_queue = ct_strdup("dead");
        queue_configure(sim->queue, &sim->settings);
    }
    runner = sim_runner_new(sim, 20);
    sim_run_until_held(sim, runner, 20);
    sim->biggest_commit = 0;
    for (uint32_t i = 0; i < 20; i++)
        sim_fail_job(runner, sim_hold_at(runner, 0), &failure);
    sim_run_until_acked(sim, runner, 20);
    ck_assert_uint_eq(sim->biggest_commit, _i == 1 ? 4 : 20);
    sim_free(sim);
}
END_TEST

START_TEST(test_idle_queue_waits_and_says_drained_once)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 5);

    sim_run_for_ms(sim, 60000);
    ck_assert_uint_eq(sim->model->drained_count, 0);
    ck_assert_uint_ge(sim->waits_sent, 11);
    ck_assert_uint_le(sim->waits_sent, 13);
    model_add(sim->model);
    model_add(sim->model);
    sim_run_until_held(sim, runner, 2);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 60000);
    ck_assert_uint_eq(sim->model->drained_count, 1);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 60000);
    ck_assert_uint_eq(sim->model->drained_count, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_wait_keeps_a_credit_and_its_job_is_taken)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 3);

    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(model_count(sim->model, IN_ACTIVE), 0);
    for (int i = 0; i < 3; i++)
        model_add(sim->model);
    sim_run_until_held(sim, runner, 3);
    ck_assert_str_eq(runner->order, "1 2 3 ");
    ck_assert_uint_eq(sim->fetch_asked, 2); /* besides the one that the wait brought */
    sim_free(sim);
}
END_TEST

START_TEST(test_wait_is_cut_when_its_credit_goes)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_for_ms(sim, 100);
    ck_assert(!ct_list_is_empty(&sim->waits));
    sim_runner_window(runner, 0);
    sim_turn(sim);
    ck_assert_uint_eq(sim->unwaits, 1);
    queue_turn(sim->queue);
    ck_assert_uint_eq(sim->unwaits, 1);
    sim_run_for_ms(sim, 10000);
    ck_assert(ct_list_is_empty(&sim->waits));
    ck_assert_uint_eq(sim->waits_sent, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_job_of_a_wait_without_credit_goes_back)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1), *other;
    struct fake_job *first;

    sim_run_for_ms(sim, 100);
    first = model_add(sim->model);
    model_add(sim->model);
    sim_runner_window(runner, 0);
    sim_deliver_wait(sim); /* before the engine could cut it */
    ck_assert_int_eq(first->place, IN_ACTIVE);
    sim_run_for_ms(sim, 100);
    ck_assert_int_eq(first->place, IN_WAIT);
    other = sim_runner_new(sim, 2);
    sim_run_until_held(sim, other, 2);
    ck_assert_str_eq(other->order, "1 2 ");
    sim_free(sim);
}
END_TEST

START_TEST(test_missing_job_is_skipped)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_for_ms(sim, 100);
    model_add(sim->model)->is_missing = true;
    model_add(sim->model);
    sim_run_until_held(sim, runner, 1);
    ck_assert_str_eq(runner->order, "2 ");
    sim_free(sim);
}
END_TEST

/* --- handing out --------------------------------------------------------------------------------
 */

START_TEST(test_jobs_are_shared_among_consumers_in_turn)
{
    struct sim *sim = sim_with_jobs(9);
    struct sim_runner *a = sim_runner_new(sim, 4), *b = sim_runner_new(sim, 4);
    struct sim_runner *c = sim_runner_new(sim, 1);

    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(a->open_count, 4);
    ck_assert_uint_eq(b->open_count, 4);
    ck_assert_uint_eq(c->open_count, 1);
    sim_free(sim);

    sim = sim_with_jobs(4);
    a = sim_runner_new(sim, 4);
    b = sim_runner_new(sim, 4);
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(a->open_count, 2);
    ck_assert_uint_eq(b->open_count, 2);
    sim_free(sim);
}
END_TEST

START_TEST(test_window_is_never_exceeded)
{
    struct sim *sim = sim_with_jobs(50);
    struct sim_runner *runner = sim_runner_new(sim, 10);

    sim_run_until_held(sim, runner, 10);
    sim_runner_window(runner, 3);
    for (int i = 0; i < 8; i++)
        sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(runner->open_count, 3);
    ck_assert_uint_eq(consumer_lease_count(runner->consumer), 3);
    ck_assert_uint_eq(figures_of(sim).credits, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_jobs_that_find_no_credit_go_back_in_order)
{
    struct sim *sim = sim_with_jobs(5);
    struct sim_runner *runner = sim_runner_new(sim, 4), *other;

    while (model_count(sim->model, IN_ACTIVE) < 4) { /* fetched; the reply is under way */
        if (!sim_turn(sim) && !sim_deliver(sim) && !sim_execute(sim))
            sim_deliver_wait(sim);
        sim_execute(sim);
    }
    sim_runner_close(runner, CONSUMER_RETURNS);
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(model_count(sim->model, IN_WAIT), 5);
    other = sim_runner_new(sim, 5);
    sim_run_until_held(sim, other, 5);
    ck_assert_str_eq(other->order, "1 2 3 4 5 ");
    sim_free(sim);
}
END_TEST

START_TEST(test_jobs_under_way_go_back_behind_those_that_were_held)
{
    struct sim *sim = sim_with_jobs(8);
    struct sim_runner *runner = sim_runner_new(sim, 3), *other;

    sim_run_until_held(sim, runner, 3);
    sim_run_for_ms(sim, 10);
    sim_runner_window(runner, 6);
    sim_turn(sim);
    sim_execute(sim); /* 4, 5 and 6 are fetched; the reply is under way */
    ck_assert_uint_eq(model_count(sim->model, IN_ACTIVE), 6);
    sim_runner_close(runner, CONSUMER_RETURNS);
    sim_run_for_ms(sim, 100);
    other = sim_runner_new(sim, 8);
    sim_run_until_held(sim, other, 8);
    ck_assert_str_eq(other->order, "1 2 3 4 5 6 7 8 ");
    sim_free(sim);
}
END_TEST

START_TEST(test_broken_job_fails_without_being_offered)
{
    struct sim *sim = sim_with_jobs(3);
    struct sim_runner *runner;

    sim->model->jobs[1]->is_broken = true;
    runner = sim_runner_new(sim, 3);
    sim_run_for_ms(sim, 100);
    ck_assert_str_eq(runner->order, "1 3 ");
    ck_assert_int_eq(sim->model->jobs[1]->place, IN_FAILED);
    ck_assert_str_eq(sim->model->jobs[1]->value, "its data is not JSON");
    sim_free(sim);
}
END_TEST

START_TEST(test_repeatable_job_is_offered_after_its_next_iteration_is_committed)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner;

    sim->model->jobs[0]->is_repeat = true;
    runner = sim_runner_new(sim, 1);
    sim_run_until_held(sim, runner, 1); /* checks the count when it is offered */
    ck_assert_uint_eq(sim->model->jobs[0]->schedule_count, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_repeatable_job_runs_when_it_cannot_be_scheduled)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner;

    sim->model->jobs[0]->is_repeat = true;
    sim->model->jobs[0]->attempts = 1; /* "bad cron" */
    runner = sim_runner_new(sim, 1);
    sim_run_until_held(sim, runner, 1);
    ck_assert_uint_eq(sim->model->jobs[0]->schedule_count, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_repeatable_job_goes_back_when_its_consumer_leaves_before_the_offer)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner;

    job->is_repeat = true;
    runner = sim_runner_new(sim, 1);
    while (job->schedule_count == 0) /* committed, but not yet known */
        if (!sim_turn(sim) && !sim_deliver(sim) && !sim_execute(sim))
            sim_deliver_wait(sim);
    ck_assert_uint_eq(runner->open_count, 0);
    sim_runner_close(runner, CONSUMER_DIED);
    sim_run_for_ms(sim, 100);
    ck_assert_int_eq(job->place, IN_WAIT);
    ck_assert_uint_eq(job->stalled, 0); /* nobody can have run it */
    sim_free(sim);
}
END_TEST

/* --- ending -------------------------------------------------------------------------------------
 */

START_TEST(test_failed_job_is_retried_delayed_and_failed)
{
    const struct failure later = {.reason = {"boom", 4}, .has_delay = true, .delay_ms = 500};
    const struct failure now = {.reason = {"boom", 4}};
    const struct failure final = {.reason = {"boom", 4}, .is_unrecoverable = true};
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim_fail_job(runner, sim_hold_at(runner, 0), &now);
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_state, QUEUE_WAITING);
    sim_run_until_held(sim, runner, 1);
    sim_fail_job(runner, sim_hold_at(runner, 0), &later);
    sim_run_until_acked(sim, runner, 2);
    ck_assert_int_eq(runner->last_state, QUEUE_DELAYED);
    sim_run_until_held(sim, runner, 1);
    sim_fail_job(runner, sim_hold_at(runner, 0), &final);
    sim_run_until_acked(sim, runner, 3);
    ck_assert_int_eq(runner->last_state, QUEUE_FAILED);
    ck_assert_uint_eq(sim->model->jobs[0]->attempts, 3);
    ck_assert_uint_eq(figures_of(sim).retried, 2);
    ck_assert_uint_eq(figures_of(sim).failed, 1);
    sim_free(sim);
}
END_TEST

/* The failure takes the place of a retry where Redis finds that there were too many. */
START_TEST(test_job_that_crashes_too_often_fails)
{
    const struct failure crash = {.reason = {"boom", 4}, .is_crash = true};
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    for (uint32_t i = 1; i <= FAKE_CRASHES_MAX; i++) {
        sim_run_until_held(sim, runner, 1);
        sim_fail_job(runner, sim_hold_at(runner, 0), &crash);
        sim_run_until_acked(sim, runner, i);
        ck_assert_int_eq(runner->last_state, i < FAKE_CRASHES_MAX ? QUEUE_WAITING : QUEUE_FAILED);
    }
    ck_assert_uint_eq(figures_of(sim).retried, FAKE_CRASHES_MAX - 1);
    ck_assert_uint_eq(figures_of(sim).failed, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_notes_are_committed_before_the_outcome)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct sim_hold *hold;

    sim_run_until_held(sim, runner, 1);
    hold = sim_hold_at(runner, 0);
    ck_assert_int_eq(sim_note(runner, hold, EFFECT_LOG, 1), CT_E_OK);
    ck_assert_int_eq(sim_note(runner, hold, EFFECT_PROGRESS, 2), CT_E_OK);
    ck_assert_int_eq(sim_note(runner, hold, EFFECT_UPDATE, 3), CT_E_OK);
    sim_complete(runner, hold);
    ck_assert_int_eq(sim_note(runner, hold, EFFECT_LOG, 4), CT_E_CONFLICT);
    sim_run_until_acked(sim, runner, 1);
    ck_assert_uint_eq(job->note_count, 3);
    ck_assert_uint_eq(job->late_notes, 0);
    ck_assert(!job->notes_are_disordered);
    sim_free(sim);
}
END_TEST

START_TEST(test_notes_are_bounded_and_the_newest_progress_stays)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct sim_hold *hold;

    sim_run_until_held(sim, runner, 1);
    hold = sim_hold_at(runner, 0);
    for (uint32_t i = 1; i < QUEUE_NOTES_MAX; i++)
        ck_assert_int_eq(sim_note(runner, hold, EFFECT_LOG, i), CT_E_OK);
    ck_assert_int_eq(sim_note(runner, hold, EFFECT_PROGRESS, 5000), CT_E_OK);
    ck_assert_int_eq(sim_note(runner, hold, EFFECT_LOG, 6000), CT_E_TOO_LARGE);
    ck_assert_int_eq(sim_note(runner, hold, EFFECT_PROGRESS, 7000), CT_E_OK);
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(job->note_count, QUEUE_NOTES_MAX);
    ck_assert_uint_eq(job->last_note, 7000);
    ck_assert_int_eq(sim_note(runner, hold, EFFECT_LOG, 8000), CT_E_OK);
    sim_free(sim);
}
END_TEST

START_TEST(test_progress_under_way_is_not_replaced)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct sim_hold *hold;

    sim_run_until_held(sim, runner, 1);
    sim_run_for_ms(sim, 10);
    hold = sim_hold_at(runner, 0);
    sim_note(runner, hold, EFFECT_PROGRESS, 1);
    sim_turn(sim); /* on its way */
    for (uint32_t i = 1; i < QUEUE_NOTES_MAX; i++)
        ck_assert_int_eq(sim_note(runner, hold, EFFECT_LOG, i + 1), CT_E_OK);
    ck_assert_int_eq(sim_note(runner, hold, EFFECT_PROGRESS, 5000), CT_E_TOO_LARGE);
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(job->note_count, QUEUE_NOTES_MAX);
    sim_free(sim);
}
END_TEST

START_TEST(test_notes_are_refused_when_redis_is_behind)
{
    static char text[1024 * 1024];
    const struct ct_str big = {text, sizeof text};
    struct sim *sim = sim_with_jobs(2);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct lease *lease;
    struct ct_error err;

    sim_run_until_held(sim, runner, 1);
    sim_run_for_ms(sim, 10);
    memset(text, '7', sizeof text);
    lease = sim_hold_at(runner, 0)->lease;
    for (uint32_t i = 0; i < QUEUE_PENDING_BYTES_MAX / sizeof text; i++)
        ck_assert_int_eq(queue_log(lease, big, &err), CT_E_OK);
    ck_assert_int_eq(queue_log(lease, big, &err), CT_E_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "QUEUE_PENDING_BYTES_MAX"));
    sim_runner_window(runner, 2);
    sim_turn(sim);
    ck_assert_uint_eq(sim->fetch_asked, 0);
    sim_runner_window(runner, 1);
    sim_complete(runner, sim_hold_at(runner, 0)); /* outcomes are always taken */
    sim_run_until_acked(sim, runner, 1);
    sim_run_until_held(sim, runner, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_forgotten_job_is_answered_after_its_notes)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim_run_for_ms(sim, 10);
    sim_note(runner, sim_hold_at(runner, 0), EFFECT_LOG, 1);
    sim_forget(runner, sim_hold_at(runner, 0));
    sim_turn(sim);
    ck_assert_uint_eq(runner->ack_count, 0);
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_code, CT_E_OK);
    ck_assert_uint_eq(job->note_count, 1);
    ck_assert_int_eq(job->place, IN_ACTIVE); /* nothing was written */
    sim_free(sim);
}
END_TEST

START_TEST(test_released_job_is_next_and_the_queue_rests)
{
    struct sim *sim = sim_with_jobs(3);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct ct_error err;
    int64_t since_ms;

    sim_run_until_held(sim, runner, 1);
    ck_assert_int_eq(queue_release(sim_hold_at(runner, 0)->lease, -1, &err), CT_E_INVALID);
    sim_release(runner, sim_hold_at(runner, 0), 2000);
    since_ms = sim->now_ms;
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_state, QUEUE_WAITING);
    ck_assert_int_le(sim->now_ms - since_ms, 10); /* effects go during a rest */
    ck_assert_uint_eq(runner->job_count, 1);
    sim_run_until_held(sim, runner, 1);
    ck_assert_int_ge(sim->now_ms - since_ms, 2000);
    ck_assert_int_le(sim->now_ms - since_ms, 2010);
    ck_assert_str_eq(runner->order, "1 1 ");
    sim_free(sim);
}
END_TEST

START_TEST(test_rate_limit_rests_the_queue)
{
    struct sim *sim = sim_with_jobs(3);
    struct sim_runner *runner = sim_runner_new(sim, 2);
    int64_t since_ms;

    sim_run_until_held(sim, runner, 2);
    sim->model->rest_once_ms = 1000;
    since_ms = sim->now_ms;
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    sim_run_for_ms(sim, 900);
    ck_assert_uint_eq(runner->open_count, 1);
    ck_assert(ct_list_is_empty(&sim->waits));
    sim_run_until_held(sim, runner, 2);
    ck_assert_int_le(sim->now_ms - since_ms, 1010);
    sim_free(sim);
}
END_TEST

#define ADD(test) tcase_add_test(tcase, test)

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tcase = tcase_create("fetch");
    SRunner *runner;
    int failed;

    ADD(test_job_is_fetched_completed_and_acknowledged);
    ADD(test_one_call_finishes_and_fetches);
    ADD(test_batch_grows_while_a_call_is_under_way);
    ADD(test_commit_is_bounded_by_count_and_bytes);
    tcase_add_loop_test(tcase, test_commit_is_bounded_by_what_dead_letters_copy, 0, 2);
    ADD(test_idle_queue_waits_and_says_drained_once);
    ADD(test_wait_keeps_a_credit_and_its_job_is_taken);
    ADD(test_wait_is_cut_when_its_credit_goes);
    ADD(test_job_of_a_wait_without_credit_goes_back);
    ADD(test_missing_job_is_skipped);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("hand out");
    ADD(test_jobs_are_shared_among_consumers_in_turn);
    ADD(test_window_is_never_exceeded);
    ADD(test_jobs_that_find_no_credit_go_back_in_order);
    ADD(test_jobs_under_way_go_back_behind_those_that_were_held);
    ADD(test_broken_job_fails_without_being_offered);
    ADD(test_repeatable_job_is_offered_after_its_next_iteration_is_committed);
    ADD(test_repeatable_job_runs_when_it_cannot_be_scheduled);
    ADD(test_repeatable_job_goes_back_when_its_consumer_leaves_before_the_offer);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("end");
    ADD(test_failed_job_is_retried_delayed_and_failed);
    ADD(test_job_that_crashes_too_often_fails);
    ADD(test_notes_are_committed_before_the_outcome);
    ADD(test_notes_are_bounded_and_the_newest_progress_stays);
    ADD(test_progress_under_way_is_not_replaced);
    ADD(test_notes_are_refused_when_redis_is_behind);
    ADD(test_forgotten_job_is_answered_after_its_notes);
    ADD(test_released_job_is_next_and_the_queue_rests);
    ADD(test_rate_limit_rests_the_queue);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
