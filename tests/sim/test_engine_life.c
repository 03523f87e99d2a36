/* The engine's consumers come and go, it drains, and jobs are added through it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
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

/* --- closing and draining -----------------------------------------------------------------------
 */

START_TEST(test_returned_jobs_go_to_the_front_in_order)
{
    struct sim *sim = sim_with_jobs(4);
    struct sim_runner *runner = sim_runner_new(sim, 3), *other;

    sim_run_until_held(sim, runner, 3);
    sim_runner_close(runner, CONSUMER_RETURNS);
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(model_count(sim->model, IN_WAIT), 4);
    ck_assert_uint_eq(sim->model->jobs[0]->stalled, 0);
    ck_assert_uint_eq(figures_of(sim).released, 3);
    other = sim_runner_new(sim, 4);
    sim_run_until_held(sim, other, 4);
    ck_assert_str_eq(other->order, "1 2 3 4 ");
    sim_free(sim);
}
END_TEST

START_TEST(test_jobs_of_a_dead_consumer_are_stalled_and_fail_when_too_often)
{
    struct sim *sim = sim_with_jobs(2);
    struct sim_runner *runner = sim_runner_new(sim, 2);

    sim_run_until_held(sim, runner, 2);
    sim_runner_close(runner, CONSUMER_DIED);
    runner = sim_runner_new(sim, 2);
    sim_run_until_held(sim, runner, 2);
    ck_assert_str_eq(runner->order, "1 2 ");
    ck_assert_uint_eq(figures_of(sim).recovered, 2);
    sim_runner_close(runner, CONSUMER_DIED);
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(model_count(sim->model, IN_FAILED), 2);
    ck_assert_uint_eq(figures_of(sim).failed, 2);
    sim_free(sim);
}
END_TEST

START_TEST(test_results_of_a_closed_consumer_are_still_committed)
{
    struct sim *sim = sim_with_jobs(2);
    struct sim_runner *runner = sim_runner_new(sim, 2);

    sim_run_until_held(sim, runner, 2);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_runner_close(runner, CONSUMER_DIED);
    sim_run_for_ms(sim, 100);
    ck_assert_int_eq(sim->model->jobs[0]->place, IN_COMPLETED);
    ck_assert_int_eq(sim->model->jobs[1]->place, IN_WAIT);
    sim_free(sim);
}
END_TEST

START_TEST(test_consumer_may_close_inside_its_callbacks)
{
    struct sim *sim = sim_with_jobs(6);
    struct sim_runner *runner = sim_runner_new(sim, 3), *other;

    runner->closes_on_job = true;
    sim_run_for_ms(sim, 100);
    ck_assert(ct_list_is_empty(&sim->runners));
    ck_assert_uint_eq(model_count(sim->model, IN_WAIT), 6);
    other = sim_runner_new(sim, 6);
    other->closes_on_answer = true;
    sim_run_until_held(sim, other, 6);
    for (int i = 0; i < 3; i++)
        sim_complete(other, sim_hold_at(other, 0));
    sim_run_for_ms(sim, 100);
    ck_assert(ct_list_is_empty(&sim->runners));
    ck_assert_uint_eq(model_count(sim->model, IN_COMPLETED), 3);
    ck_assert_uint_eq(model_count(sim->model, IN_WAIT), 3);
    sim_free(sim);
}
END_TEST

START_TEST(test_job_may_be_completed_inside_the_offer)
{
    struct sim *sim = sim_with_jobs(200);
    struct sim_runner *runner = sim_runner_new(sim, 3);

    runner->completes_at_once = true;
    sim_run_until_acked(sim, runner, 200);
    ck_assert_uint_eq(model_count(sim->model, IN_COMPLETED), 200);
    sim_free(sim);
}
END_TEST

START_TEST(test_draining_fetches_nothing_more)
{
    struct sim *sim = sim_with_jobs(5);
    struct sim_runner *runner = sim_runner_new(sim, 2);

    sim_run_until_held(sim, runner, 2);
    queue_drain(sim->queue);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 60000);
    ck_assert_uint_eq(runner->job_count, 2);
    ck_assert(!queue_is_idle(sim->queue)); /* what is leased goes on */
    ck_assert(model_is_locked(sim->model, sim->model->jobs[1]));
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_for_ms(sim, 100);
    ck_assert(queue_is_idle(sim->queue));
    ck_assert_uint_eq(model_count(sim->model, IN_WAIT), 3);
    sim_free(sim);
}
END_TEST

START_TEST(test_jobs_that_arrive_while_draining_go_back)
{
    struct sim *sim = sim_with_jobs(6);
    struct sim_runner *runner = sim_runner_new(sim, 3);

    sim_run_until_held(sim, runner, 3);
    sim_run_for_ms(sim, 10);
    sim_runner_window(runner, 5);
    sim_turn(sim);
    sim_execute(sim);
    queue_drain(sim->queue);
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(runner->job_count, 3);
    ck_assert_uint_eq(model_count(sim->model, IN_WAIT), 3);
    sim_free(sim);
}
END_TEST

START_TEST(test_draining_cuts_the_wait)
{
    struct sim *sim = sim_with_jobs(0);

    sim_runner_new(sim, 2);
    sim_run_for_ms(sim, 100);
    queue_drain(sim->queue);
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(sim->unwaits, 1);
    ck_assert(queue_is_idle(sim->queue));
    sim_free(sim);
}
END_TEST

/* --- warnings -----------------------------------------------------------------------------------
 */

START_TEST(test_a_thousand_broken_jobs_bring_few_lines)
{
    struct sim *sim = sim_with_jobs(1000);
    FILE *file = tmpfile();
    const int before = dup(STDERR_FILENO);
    char line[512];
    int lines = 0;

    for (int i = 0; i < 1000; i++)
        sim->model->jobs[i]->is_broken = true;
    sim_runner_new(sim, 300);
    ct_log_setup(CT_LOG_WARN, "sim");
    dup2(fileno(file), STDERR_FILENO);
    sim_run_for_ms(sim, 1900);
    model_add(sim->model)->is_broken = true;
    sim_run_for_ms(sim, 100);
    dup2(before, STDERR_FILENO);
    close(before);
    ck_assert_uint_eq(model_count(sim->model, IN_FAILED), 1001);
    rewind(file);
    while (fgets(line, sizeof line, file))
        lines++;
    ck_assert_int_eq(lines, 11);
    ck_assert_ptr_nonnull(strstr(line, "skipped=990")); /* the last one tells of the others */
    fclose(file);
    sim_free(sim);
}
END_TEST

/* --- adding -------------------------------------------------------------------------------------
 */

static uint32_t added_count;

static void count_added(struct job_add *add)
{
    added_count++;
}

START_TEST(test_adds_of_one_turn_share_a_call)
{
    struct sim *sim = sim_with_jobs(0);
    struct job_add adds[10] = {{.name = CT_STR_LIT("work")}};

    added_count = 0;
    sim_run_for_ms(sim, 10);
    adds[3].name = CT_STR_LIT("bad");
    for (int i = 0; i < 10; i++)
        queue_add(sim->queue, &adds[i], count_added);
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(added_count, 10);
    ck_assert_uint_eq(sim->adds_sent, 1);
    ck_assert_uint_eq(sim->model->job_count, 9);
    ck_assert_int_eq(adds[3].err.code, CT_E_INVALID);
    ck_assert_int_eq(adds[4].err.code, CT_E_OK);
    ck_assert_str_eq(adds[4].id, "4");
    ck_assert_uint_eq(figures_of(sim).adds, 9);
    for (int i = 0; i < 10; i++)
        free(adds[i].id);
    sim_free(sim);
}
END_TEST

START_TEST(test_wrong_adds_are_answered_without_a_call)
{
    struct sim *sim = sim_with_jobs(0);
    struct job_add add = {.name = CT_STR_LIT("bad")};

    added_count = 0;
    sim_run_for_ms(sim, 10);
    queue_add(sim->queue, &add, count_added);
    ck_assert_uint_eq(added_count, 0); /* not from inside */
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(added_count, 1);
    ck_assert_int_eq(add.err.code, CT_E_INVALID);
    ck_assert_uint_eq(sim->adds_sent, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_adds_are_bounded)
{
    struct sim *sim = sim_new(sim_seed(1));
    struct job_add *adds = calloc(QUEUE_ADDS_MAX + 1, sizeof *adds);

    added_count = 0;
    for (int i = 0; i <= QUEUE_ADDS_MAX; i++)
        queue_add(sim->queue, &adds[i], count_added);
    sim_run_for_ms(sim, 1);
    ck_assert_uint_eq(added_count, 1);
    ck_assert_int_eq(adds[QUEUE_ADDS_MAX].err.code, CT_E_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(adds[QUEUE_ADDS_MAX].err.detail, "QUEUE_ADDS_MAX"));
    sim_link_up(sim);
    sim_run_for_ms(sim, 1000);
    ck_assert_uint_eq(added_count, QUEUE_ADDS_MAX + 1);
    ck_assert_uint_eq(sim->adds_sent, QUEUE_ADDS_MAX / COMMIT_ADDS_MAX);
    for (int i = 0; i <= QUEUE_ADDS_MAX; i++)
        free(adds[i].id);
    free(adds);
    sim_free(sim);
}
END_TEST

START_TEST(test_adds_of_one_call_are_bounded_by_bytes)
{
    static char text[COMMIT_BYTES_MAX / 2];
    struct sim *sim = sim_new(sim_seed(1));
    struct job_add adds[6] = {{.owner = NULL}};

    added_count = 0;
    memset(text, '7', sizeof text);
    for (int i = 0; i < 6; i++) {
        adds[i].data = (struct ct_str){text, sizeof text};
        queue_add(sim->queue, &adds[i], count_added);
    }
    sim_link_up(sim);
    sim_run_for_ms(sim, 1000);
    ck_assert_uint_eq(added_count, 6);
    ck_assert_uint_eq(sim->adds_sent, 6 * sizeof text / COMMIT_BYTES_MAX);
    for (int i = 0; i < 6; i++)
        free(adds[i].id);
    sim_free(sim);
}
END_TEST

#define ADD(test) tcase_add_test(tcase, test)

int main(void)
{
    Suite *suite = suite_create("engine life");
    TCase *tcase = tcase_create("close");
    SRunner *runner;
    int failed;

    ADD(test_returned_jobs_go_to_the_front_in_order);
    ADD(test_jobs_of_a_dead_consumer_are_stalled_and_fail_when_too_often);
    ADD(test_results_of_a_closed_consumer_are_still_committed);
    ADD(test_consumer_may_close_inside_its_callbacks);
    ADD(test_job_may_be_completed_inside_the_offer);
    ADD(test_draining_fetches_nothing_more);
    ADD(test_jobs_that_arrive_while_draining_go_back);
    ADD(test_draining_cuts_the_wait);
    ADD(test_a_thousand_broken_jobs_bring_few_lines);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("add");
    ADD(test_adds_of_one_turn_share_a_call);
    ADD(test_wrong_adds_are_answered_without_a_call);
    ADD(test_adds_are_bounded);
    ADD(test_adds_of_one_call_are_bounded_by_bytes);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
