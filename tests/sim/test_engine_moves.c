/* Jobs that put themselves off, wait for their children, or are refused by them; and waits that
 * only tell of work. Each with replies that are lost on the way. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "tests/sim/sim.h"

static const enum sim_fate fates[] = {FATE_WORKS, FATE_LOST_BEFORE, FATE_LOST_AFTER, FATE_REFUSED,
                                      FATE_GARBLED};
enum { FATES = sizeof fates / sizeof fates[0] };

static struct sim *sim_with_jobs(uint32_t count)
{
    struct sim *sim = sim_new_marking(sim_seed(1));

    for (uint32_t i = 0; i < count; i++)
        model_add(sim->model);
    sim_link_up(sim);
    return sim;
}

/* A loop test's number stands for a fate and for which of the next calls meets it. */
static void doom(struct sim *sim, int number)
{
    sim_doom_commit(sim, number / FATES, fates[number % FATES], CT_E_REDIS_OOM);
}

static void check_answer(const struct sim_runner *runner, enum queue_state state)
{
    ck_assert_uint_eq(runner->ack_count, 1);
    ck_assert_int_eq(runner->last_code, CT_E_OK);
    ck_assert_int_eq(runner->last_state, state);
}

START_TEST(test_postponed_job_runs_again_when_it_is_due)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct fake_job *job = sim->model->jobs[0];
    struct ct_error err;

    sim_run_until_held(sim, runner, 1);
    ck_assert_int_eq(queue_postpone(sim_hold_at(runner, 0)->lease, -1, &err), CT_E_INVALID);
    ck_assert_int_eq(queue_postpone(sim_hold_at(runner, 0)->lease, QUEUE_POSTPONE_MAX_MS + 1, &err),
                     CT_E_INVALID);
    const int64_t since_ms = sim->now_ms;
    sim_postpone(runner, sim_hold_at(runner, 0), 30000);
    doom(sim, _i);
    sim_run_until_acked(sim, runner, 1);
    check_answer(runner, QUEUE_DELAYED);
    sim_run_until_held(sim, runner, 1);
    ck_assert_int_ge(sim->now_ms - since_ms, 30000);
    ck_assert_int_le(sim->now_ms - since_ms, 30010);
    ck_assert_uint_eq(job->attempts, 0);
    ck_assert_uint_eq(runner->job_count, 2);
    sim_free(sim);
}
END_TEST

START_TEST(test_awaiting_job_runs_again_when_its_children_have_ended)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct fake_job *job = sim->model->jobs[0];

    job->children_pending = 2;
    sim_run_until_held(sim, runner, 1);
    sim_await(runner, sim_hold_at(runner, 0));
    doom(sim, _i);
    sim_run_until_acked(sim, runner, 1);
    check_answer(runner, QUEUE_WAITING_CHILDREN);
    sim_run_for_ms(sim, 60000);
    ck_assert_int_eq(job->place, IN_WAITING_CHILDREN);
    ck_assert_uint_eq(runner->open_count, 0);
    model_end_child(sim->model, job, false);
    model_end_child(sim->model, job, false);
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->open_count, 1);
    ck_assert_uint_eq(job->attempts, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_awaiting_job_runs_on_when_no_child_is_pending)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim_await(runner, sim_hold_at(runner, 0));
    doom(sim, _i);
    sim_run_until_acked(sim, runner, 1);
    check_answer(runner, QUEUE_WAITING);
    sim_run_until_held(sim, runner, 1);
    ck_assert_uint_eq(sim->model->jobs[0]->attempts, 0);
    sim_free(sim);
}
END_TEST

START_TEST(test_await_fails_where_jobs_have_no_children)
{
    struct sim *sim = sim_new(sim_seed(1));
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct children_query query = {.id = CT_STR_LIT("1")};
    struct ct_error err;

    model_add(sim->model);
    sim_link_up(sim);
    sim_run_until_held(sim, runner, 1);
    ck_assert_int_eq(queue_children(sim->queue, &query, NULL, &err), CT_E_UNSUPPORTED);
    sim_await(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    check_answer(runner, QUEUE_FAILED);
    ck_assert_ptr_nonnull(strstr(sim->model->jobs[0]->value, "cannot wait for children"));
    sim_free(sim);
}
END_TEST

/* The outcome is refused, the failure takes its place: two commits, one answer. */
START_TEST(test_children_that_are_pending_make_a_completed_job_fail)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct fake_job *job = sim->model->jobs[0];

    job->children_pending = 1;
    sim_run_until_held(sim, runner, 1);
    sim_complete(runner, sim_hold_at(runner, 0));
    doom(sim, _i);
    sim_run_until_acked(sim, runner, 1);
    check_answer(runner, QUEUE_WAITING);
    ck_assert_str_eq(runner->last_detail, "job 1 has children");
    model_end_child(sim->model, job, false);
    sim_run_until_held(sim, runner, 1); /* its second attempt */
    ck_assert_uint_eq(job->attempts, 1);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 2);
    ck_assert_int_eq(runner->last_state, QUEUE_COMPLETED);
    ck_assert_str_eq(runner->last_detail, "");
    sim_free(sim);
}
END_TEST

static void end_with_a_failed_child(int number, void (*end)(struct sim_runner *, struct sim_hold *))
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct fake_job *job = sim->model->jobs[0];

    job->children_failed = 1;
    sim_run_until_held(sim, runner, 1);
    end(runner, sim_hold_at(runner, 0));
    doom(sim, number);
    sim_run_until_acked(sim, runner, 1);
    check_answer(runner, QUEUE_FAILED);
    ck_assert_str_eq(runner->last_detail, "job 1 has children");
    ck_assert_str_eq(job->value, "job 1 has children");
    ck_assert_int_eq(job->place, IN_FAILED);
    sim_free(sim);
}

START_TEST(test_child_that_has_failed_makes_its_job_fail_for_good)
{
    end_with_a_failed_child(_i, sim_complete);
}
END_TEST

START_TEST(test_child_that_has_failed_ends_the_waiting_for_children)
{
    end_with_a_failed_child(_i, sim_await);
}
END_TEST

/* The runner goes while its outcome is on the way: that stands, and so does what becomes of it. */
START_TEST(test_refused_outcome_of_a_runner_that_is_gone)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim->model->jobs[0]->children_failed = 1;
    sim_run_until_held(sim, runner, 1);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_turn(sim);
    sim_runner_close(runner, CONSUMER_DIED);
    sim_run_for_ms(sim, 100);
    ck_assert_int_eq(sim->model->jobs[0]->place, IN_FAILED);
    ck_assert_uint_eq(sim->model->jobs[0]->stalled, 0);
    sim_free(sim);
}
END_TEST

static void put_off(struct sim_runner *runner, struct sim_hold *hold)
{
    sim_postpone(runner, hold, 60000);
}

static void (*const moves[])(struct sim_runner *, struct sim_hold *) = {put_off, sim_await};
static const enum queue_state moved_to[] = {QUEUE_DELAYED, QUEUE_WAITING_CHILDREN};
static const enum place places[] = {IN_DELAYED, IN_WAITING_CHILDREN};

/* Its connection is lost with the answer; it names the job again and ends it again. */
START_TEST(test_moved_job_is_resumed_and_ended_again)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *first = sim_runner_new(sim, 1), *second;
    struct fake_job *job = sim->model->jobs[0];
    char token[FAKE_TOKEN_MAX];

    job->children_pending = 1;
    sim_run_until_held(sim, first, 1);
    snprintf(token, sizeof token, "%s", sim_hold_at(first, 0)->token);
    moves[_i](first, sim_hold_at(first, 0));
    sim_turn(sim);
    second = sim_runner_new(sim, 1);
    sim_resume(second, "1", token);
    while (second->resumed_count == 0) {
        sim_turn(sim);
        sim_check(sim, second->refused_count == 0);
    }
    moves[_i](second, sim_hold_at(second, 0));
    sim_run_until_acked(sim, second, 1);
    check_answer(second, moved_to[_i]);
    ck_assert_int_eq(first->last_code, CT_E_CONFLICT);
    ck_assert_int_eq(job->place, places[_i]);
    sim_free(sim);
}
END_TEST

/* Redis had moved it; the daemon that knew died. */
START_TEST(test_moved_job_cannot_be_resumed_later)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    char token[FAKE_TOKEN_MAX];

    sim->model->jobs[0]->children_pending = 1;
    sim_run_until_held(sim, runner, 1);
    snprintf(token, sizeof token, "%s", sim_hold_at(runner, 0)->token);
    moves[_i](runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    sim_resume(runner, "1", token);
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->refused_count, 1);
    ck_assert_int_eq(runner->last_refusal, CT_E_LOCK_LOST);
    ck_assert_int_eq(sim->model->jobs[0]->place, places[_i]);
    sim_free(sim);
}
END_TEST

START_TEST(test_lost_job_is_not_moved)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct fake_job *job = sim->model->jobs[0];

    sim_run_until_held(sim, runner, 1);
    snprintf(job->token, sizeof job->token, "another");
    moves[_i](runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_code, CT_E_LOCK_LOST);
    ck_assert_int_eq(runner->last_state, QUEUE_LOST);
    ck_assert_int_eq(job->place, IN_ACTIVE);
    sim_free(sim);
}
END_TEST

START_TEST(test_cancelled_job_fails_instead_of_being_moved)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct ct_error err;

    sim_run_until_held(sim, runner, 1);
    ck_assert_int_eq(queue_cancel(sim->queue, CT_STR_LIT("1"), CT_STR_NONE, &err), CT_E_OK);
    moves[_i](runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    check_answer(runner, QUEUE_FAILED);
    ck_assert_str_eq(sim->model->jobs[0]->value, "cancelled");
    sim_free(sim);
}
END_TEST

START_TEST(test_release_tells_redis_of_the_rest)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim_release(runner, sim_hold_at(runner, 0), 700);
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(sim->model->limited_ms, 700);
    sim_free(sim);
}
END_TEST

/* --- waits that only tell ----------------------------------------------------------------------
 */

START_TEST(test_word_of_work_leads_to_a_fetch)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 3);

    sim_run_for_ms(sim, 100);
    ck_assert(!ct_list_is_empty(&sim->waits));
    for (int i = 0; i < 3; i++)
        model_add(sim->model); /* one marker for all */
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(runner->open_count, 3);
    sim_free(sim);
}
END_TEST

START_TEST(test_word_of_a_due_job_is_remembered)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct fake_job *job;

    sim_run_for_ms(sim, 100);
    job = model_add(sim->model);
    job->due_ms = ct_wall_ms(&sim->clock) + 1500;
    model_move(sim->model, job, IN_DELAYED, false);
    sim->model->marker = false;
    sim_run_for_ms(sim, 1490);
    ck_assert_uint_eq(runner->open_count, 0);
    sim_run_for_ms(sim, 20);
    ck_assert_uint_eq(runner->open_count, 1);
    sim_free(sim);
}
END_TEST

/* Its one credit is not kept for the wait, which is out all the time. */
START_TEST(test_due_job_is_fetched_while_a_wait_is_out)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);
    struct fake_job *job;

    sim->settings.drain_delay_ms = 60000;
    sim_run_for_ms(sim, 100);
    job = model_add(sim->model);
    job->due_ms = ct_wall_ms(&sim->clock) + 1000;
    model_move(sim->model, job, IN_DELAYED, false);
    sim->model->marker = false;
    sim_run_for_ms(sim, 10); /* it has the word, and waits again */
    ck_assert(!ct_list_is_empty(&sim->waits));
    const uint32_t commits = sim->commits_sent;
    while (runner->open_count == 0)
        sim_run_for_ms(sim, 1);
    ck_assert_uint_eq(sim->commits_sent, commits + 1);
    sim_free(sim);
}
END_TEST

/* Somebody took the word and died with it. */
START_TEST(test_work_is_found_when_the_word_of_it_was_lost)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim->settings.guard_interval_ms = 60000; /* it would find it, too */
    queue_configure(sim->queue, &sim->settings);
    sim_run_for_ms(sim, 100);
    model_add(sim->model);
    sim->model->marker = false;
    sim_run_for_ms(sim, 2 * sim->settings.drain_delay_ms);
    ck_assert_uint_eq(runner->open_count, 1);
    sim_free(sim);
}
END_TEST

/* We took the word, and the answer is lost: not only the next wait's end leads to a look. */
START_TEST(test_work_is_found_at_once_when_the_answer_of_a_wait_is_lost)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim->settings.guard_interval_ms = 60000;
    sim->settings.drain_delay_ms = 60000;
    queue_configure(sim->queue, &sim->settings);
    sim_run_for_ms(sim, 100);
    model_add(sim->model);
    ck_assert(sim_lose_wait(sim, true));
    ck_assert(!sim->model->marker);
    sim_run_for_ms(sim, 1000);
    ck_assert_uint_eq(runner->open_count, 1);
    sim_free(sim);
}
END_TEST

START_TEST(test_word_of_work_is_passed_on_by_who_cannot_fetch)
{
    struct sim *sim = sim_with_jobs(0);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_for_ms(sim, 100);
    ck_assert(!sim->model->marker);
    model_add(sim->model);
    sim_runner_window(runner, 0); /* when the wait has the word already */
    sim_deliver_wait(sim);
    ck_assert(!sim->model->marker);
    sim_run_for_ms(sim, 10);
    ck_assert(sim->model->marker);
    ck_assert_uint_eq(model_count(sim->model, IN_WAIT), 1);
    sim_free(sim);
}
END_TEST

/* The rest of a limit is over: no word is needed to look again. */
START_TEST(test_fetch_follows_a_rest)
{
    struct sim *sim = sim_with_jobs(2);
    struct sim_runner *runner = sim_runner_new(sim, 2);

    sim->model->rest_once_ms = 1000;
    sim_run_for_ms(sim, 900);
    ck_assert_uint_eq(runner->open_count, 0);
    sim->model->marker = false;
    sim_run_for_ms(sim, 110);
    ck_assert_uint_eq(runner->open_count, 2);
    sim_free(sim);
}
END_TEST

/* --- questions ---------------------------------------------------------------------------------
 */

struct question {
    struct children_query query;
    uint32_t answers, children;
    enum ct_code code;
};

static void answered(struct children_query *query, const struct ct_error *err)
{
    struct question *question = CT_CONTAINER(query, struct question, query);

    question->answers++;
    question->code = err->code;
    question->children = query->child_count;
    children_query_fini(query);
}

START_TEST(test_children_are_told)
{
    struct sim *sim = sim_with_jobs(1);
    struct question question = {.query = {.id = CT_STR_LIT("1")}};
    struct ct_error err;

    sim->model->jobs[0]->children_pending = 3;
    ck_assert_int_eq(queue_children(sim->queue, &question.query, answered, &err), CT_E_OK);
    ck_assert(!queue_is_idle(sim->queue));
    sim_run_for_ms(sim, 10);
    ck_assert_uint_eq(question.answers, 1);
    ck_assert_int_eq(question.code, CT_E_OK);
    ck_assert_uint_eq(question.children, 3);
    ck_assert_int_eq(queue_children(sim->queue, &question.query, answered, &err), CT_E_OK);
    sim_cut(sim, false);
    ck_assert_uint_eq(question.answers, 2);
    ck_assert_int_eq(question.code, CT_E_REDIS_DOWN);
    ck_assert_int_eq(queue_children(sim->queue, &question.query, answered, &err), CT_E_REDIS_DOWN);
    sim_free(sim);
}
END_TEST

START_TEST(test_questions_are_bounded)
{
    struct sim *sim = sim_with_jobs(1);
    struct question questions[QUEUE_CHILDREN_CALLS_MAX + 1];
    struct ct_error err;

    memset(questions, 0, sizeof questions);
    for (int i = 0; i <= QUEUE_CHILDREN_CALLS_MAX; i++) {
        questions[i].query.id = CT_STR_LIT("1");
        ck_assert_int_eq(queue_children(sim->queue, &questions[i].query, answered, &err),
                         i < QUEUE_CHILDREN_CALLS_MAX ? CT_E_OK : CT_E_TOO_LARGE);
    }
    ck_assert_ptr_nonnull(strstr(err.detail, "QUEUE_CHILDREN_CALLS_MAX"));
    sim_run_for_ms(sim, 1000);
    ck_assert_uint_eq(questions[QUEUE_CHILDREN_CALLS_MAX - 1].answers, 1);
    sim_free(sim);
}
END_TEST

#define LOOP(test, count) tcase_add_loop_test(tcase, test, 0, count)

static void add_tests(TCase *tcase)
{
    LOOP(test_postponed_job_runs_again_when_it_is_due, 2 * FATES);
    LOOP(test_awaiting_job_runs_again_when_its_children_have_ended, 2 * FATES);
    LOOP(test_awaiting_job_runs_on_when_no_child_is_pending, 2 * FATES);
    tcase_add_test(tcase, test_await_fails_where_jobs_have_no_children);
    LOOP(test_children_that_are_pending_make_a_completed_job_fail, 3 * FATES);
    LOOP(test_child_that_has_failed_makes_its_job_fail_for_good, 3 * FATES);
    LOOP(test_child_that_has_failed_ends_the_waiting_for_children, 3 * FATES);
    tcase_add_test(tcase, test_refused_outcome_of_a_runner_that_is_gone);
    LOOP(test_moved_job_is_resumed_and_ended_again, 2);
    LOOP(test_moved_job_cannot_be_resumed_later, 2);
    LOOP(test_lost_job_is_not_moved, 2);
    LOOP(test_cancelled_job_fails_instead_of_being_moved, 2);
    tcase_add_test(tcase, test_release_tells_redis_of_the_rest);
    tcase_add_test(tcase, test_word_of_work_leads_to_a_fetch);
    tcase_add_test(tcase, test_word_of_a_due_job_is_remembered);
    tcase_add_test(tcase, test_due_job_is_fetched_while_a_wait_is_out);
    tcase_add_test(tcase, test_work_is_found_when_the_word_of_it_was_lost);
    tcase_add_test(tcase, test_work_is_found_at_once_when_the_answer_of_a_wait_is_lost);
    tcase_add_test(tcase, test_word_of_work_is_passed_on_by_who_cannot_fetch);
    tcase_add_test(tcase, test_fetch_follows_a_rest);
    tcase_add_test(tcase, test_children_are_told);
    tcase_add_test(tcase, test_questions_are_bounded);
}

int main(void)
{
    return unit_run("engine moves", add_tests);
}
