/* Leases that come back: a runner lost its connection (to this daemon or to another one) and names
 * the jobs it still holds. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

struct name {
    char id[24], token[FAKE_TOKEN_MAX];
};

static struct sim *sim_with_jobs(uint32_t count)
{
    struct sim *sim = sim_new(sim_seed(1));

    for (uint32_t i = 0; i < count; i++)
        model_add(sim->model);
    sim_link_up(sim);
    return sim;
}

static struct name name_of(struct sim_runner *runner)
{
    const struct sim_hold *hold = CT_CONTAINER(runner->holds.next, struct sim_hold, link);
    struct name name;

    snprintf(name.id, sizeof name.id, "%s", hold->id);
    snprintf(name.token, sizeof name.token, "%s", hold->token);
    return name;
}

START_TEST(test_lease_changes_hands_without_redis)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *before = sim_runner_new(sim, 1), *after;
    struct name name;
    uint32_t commits;

    sim_run_until_held(sim, before, 1);
    name = name_of(before);
    sim_run_for_ms(sim, 10);
    commits = sim->commits_sent;
    sim_runner_window(before, 0); /* its connection is gone: no jobs for it */
    after = sim_runner_new(sim, 0);
    sim_resume(after, name.id, name.token);
    sim_turn(sim);
    ck_assert_uint_eq(after->resumed_count, 1);
    ck_assert_uint_eq(before->open_count, 0);
    ck_assert_int_eq(before->last_code, CT_E_CONFLICT);
    ck_assert_uint_eq(sim->commits_sent, commits);
    sim_complete(after, sim_hold_at(after, 0));
    sim_run_until_acked(sim, after, 1);
    ck_assert_int_eq(after->last_code, CT_E_OK);
    sim_free(sim);
}
END_TEST

START_TEST(test_lease_of_another_daemon_is_adopted)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 0);

    model_move(sim->model, job, IN_ACTIVE, false);
    snprintf(job->token, sizeof job->token, "another-daemon:5");
    job->locked_until_ms = sim->now_ms + 20000;
    sim_resume(runner, "1", "another-daemon:5");
    ck_assert_uint_eq(runner->resumed_count, 0); /* not from inside */
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->resumed_count, 1);
    sim_run_for_ms(sim, 100000);
    ck_assert(model_is_locked(sim->model, job)); /* and renewed */
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_code, CT_E_OK);
    sim_free(sim);
}
END_TEST

START_TEST(test_lost_lease_is_not_resumed)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 0);

    sim_resume(runner, "1", "never-seen:1");
    sim_resume(runner, "77", "never-seen:2");
    sim_resume(runner, "", "");
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->refused_count, 3);
    ck_assert_uint_eq(runner->open_count, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_lease_whose_lock_is_lost_does_not_change_hands)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 1), *other = sim_runner_new(sim, 0);
    struct name name;

    sim_run_until_held(sim, runner, 1);
    name = name_of(runner);
    snprintf(job->token, sizeof job->token, "another");
    job->locked_until_ms = COMMIT_NEVER;
    job->activation++;
    sim_run_for_ms(sim, 20000);
    ck_assert_uint_eq(runner->cancel_count, 1);
    sim_resume(other, name.id, name.token);
    sim_run_for_ms(sim, 10);
    ck_assert_int_eq(other->last_refusal, CT_E_LOCK_LOST);
    model_move(sim->model, job, IN_COMPLETED, false);
    sim_free(sim);
}
END_TEST

START_TEST(test_token_of_another_job_is_refused)
{
    struct sim *sim = sim_with_jobs(2);
    struct sim_runner *runner = sim_runner_new(sim, 1), *other = sim_runner_new(sim, 0);
    struct name name;

    sim_run_until_held(sim, runner, 1);
    name = name_of(runner);
    sim_resume(other, "2", name.token);
    sim_run_for_ms(sim, 10);
    ck_assert_int_eq(other->last_refusal, CT_E_LOCK_LOST);
    ck_assert_uint_eq(runner->open_count, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_second_resume_is_a_conflict)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 0);

    model_move(sim->model, job, IN_ACTIVE, false);
    snprintf(job->token, sizeof job->token, "another-daemon:5");
    job->locked_until_ms = sim->now_ms + 20000;
    sim_resume(runner, "1", "another-daemon:5");
    sim_resume(runner, "1", "another-daemon:5");
    sim_turn(sim);
    ck_assert_int_eq(runner->last_refusal, CT_E_CONFLICT);
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->resumed_count, 1);
    sim_resume(runner, "1", "another-daemon:5");
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->refused_count, 2);
    ck_assert_uint_eq(runner->open_count, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_newest_connection_wins_while_redis_is_asked)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *first = sim_runner_new(sim, 0), *second = sim_runner_new(sim, 0);

    model_move(sim->model, job, IN_ACTIVE, false);
    snprintf(job->token, sizeof job->token, "another-daemon:5");
    job->locked_until_ms = sim->now_ms + 20000;
    sim_resume(first, "1", "another-daemon:5");
    sim_turn(sim);
    sim_resume(second, "1", "another-daemon:5");
    sim_run_for_ms(sim, 10);
    ck_assert_int_eq(first->last_refusal, CT_E_CONFLICT);
    ck_assert_uint_eq(second->resumed_count, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_return_that_redis_has_not_seen_is_undone)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *before = sim_runner_new(sim, 1), *after;
    struct name name;

    sim_run_until_held(sim, before, 1);
    name = name_of(before);
    sim_run_for_ms(sim, 10);
    sim_cut(sim, false);
    sim_runner_close(before, _i == 0 ? CONSUMER_RETURNS : CONSUMER_DIED);
    after = sim_runner_new(sim, 1);
    sim_resume(after, name.id, name.token);
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(after->resumed_count, 1); /* also without a link */
    sim_link_up(sim);
    sim_complete(after, sim_hold_at(after, 0));
    sim_run_until_acked(sim, after, 1);
    ck_assert_int_eq(after->last_code, CT_E_OK);
    ck_assert_uint_eq(sim->model->jobs[0]->stalled, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_resume_waits_for_a_return_under_way)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *before = sim_runner_new(sim, 1), *after;
    struct name name;

    sim_run_until_held(sim, before, 1);
    name = name_of(before);
    sim_run_for_ms(sim, 10);
    sim_runner_close(before, CONSUMER_RETURNS);
    sim_turn(sim); /* on its way */
    after = sim_runner_new(sim, 0);
    sim_resume(after, name.id, name.token);
    sim_run_for_ms(sim, 100);
    ck_assert_int_eq(after->last_refusal, CT_E_LOCK_LOST);
    ck_assert_int_eq(sim->model->jobs[0]->place, IN_WAIT);
    sim_free(sim);
}
END_TEST

/* The connection broke between a result and its answer; the runner sends the result again. */
START_TEST(test_result_under_way_is_answered_to_the_new_connection)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *before = sim_runner_new(sim, 1), *after;
    struct name name;

    sim_run_until_held(sim, before, 1);
    name = name_of(before);
    sim_run_for_ms(sim, 10);
    sim_complete(before, sim_hold_at(before, 0));
    sim_turn(sim); /* on its way */
    if (_i & 1)
        sim_runner_close(before, CONSUMER_DIED);
    after = sim_runner_new(sim, 1);
    sim_resume(after, name.id, name.token);
    sim_turn(sim);
    ck_assert_uint_eq(after->resumed_count, 1);
    if (_i & 2)
        sim_run_for_ms(sim, 100); /* Redis is done before the runner says it again */
    ck_assert_uint_eq(after->ack_count, 0);
    sim_complete(after, sim_hold_at(after, 0));
    sim_run_for_ms(sim, 100);
    ck_assert_uint_eq(after->ack_count, 1);
    ck_assert_int_eq(after->last_code, CT_E_OK);
    ck_assert_int_eq(after->last_state, QUEUE_COMPLETED);
    ck_assert_uint_eq(sim->model->jobs[0]->finish_count, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_adopted_job_goes_back_when_its_connection_is_gone)
{
    struct sim *sim = sim_with_jobs(1);
    struct fake_job *job = sim->model->jobs[0];
    struct sim_runner *runner = sim_runner_new(sim, 0);

    model_move(sim->model, job, IN_ACTIVE, false);
    snprintf(job->token, sizeof job->token, "another-daemon:5");
    job->locked_until_ms = sim->now_ms + 20000;
    sim_resume(runner, "1", "another-daemon:5");
    if (_i & 1)
        sim_turn(sim);
    sim_runner_close(runner, _i & 2 ? CONSUMER_DIED : CONSUMER_RETURNS);
    sim_run_for_ms(sim, 100);
    ck_assert_int_eq(job->place, _i & 1 ? IN_WAIT : IN_ACTIVE);
    ck_assert_uint_eq(job->stalled, _i == 3 ? 1 : 0);
    sim_free(sim);
}
END_TEST

#define ADD(test)        tcase_add_test(tcase, test)
#define LOOP(test, many) tcase_add_loop_test(tcase, test, 0, many)

int main(void)
{
    Suite *suite = suite_create("engine resume");
    TCase *tcase = tcase_create("resume");
    SRunner *runner;
    int failed;

    ADD(test_lease_changes_hands_without_redis);
    ADD(test_lease_of_another_daemon_is_adopted);
    ADD(test_lost_lease_is_not_resumed);
    ADD(test_lease_whose_lock_is_lost_does_not_change_hands);
    ADD(test_token_of_another_job_is_refused);
    ADD(test_second_resume_is_a_conflict);
    ADD(test_newest_connection_wins_while_redis_is_asked);
    LOOP(test_return_that_redis_has_not_seen_is_undone, 2);
    ADD(test_resume_waits_for_a_return_under_way);
    LOOP(test_result_under_way_is_answered_to_the_new_connection, 4);
    LOOP(test_adopted_job_goes_back_when_its_connection_is_gone, 4);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
