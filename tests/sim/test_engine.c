/* The engine, one behaviour a test: fetching, waiting, handing out, promotion, renewal, rest,
 * closing and draining. Failures of Redis and of links are in test_engine_faults.c. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

enum { MINUTE_MS = 60000 };

static const struct failure plain_failure = {.reason = {"boom", 4}};

static struct sim *sim_with_jobs(uint32_t count)
{
    struct sim *sim = sim_new(sim_seed(1));

    for (uint32_t i = 0; i < count; i++)
        model_add(sim->model);
    sim_link_up(sim);
    return sim;
}

/* --- fetching and waiting -----------------------------------------------------------------------
 */

START_TEST(test_job_is_fetched_completed_and_acknowledged)
{
    struct sim *sim = sim_with_jobs(1);
    struct sim_runner *runner = sim_runner_new(sim, 1);

    sim_run_until_held(sim, runner, 1);
    sim_complete(runner, sim_hold_at(runner, 0));
    sim_run_until_acked(sim, runner, 1);
    ck_assert_int_eq(runner->last_code, CT_E_OK);
    ck_assert_int_eq(runner->last_state, QUEUE_COMPLETED);
    sim_free(sim);
}
END_TEST

Suite *engine_suite(void);

Suite *engine_suite(void)
{
    Suite *suite = suite_create("engine");
    TCase *fetch = tcase_create("fetch");

    tcase_add_test(fetch, test_job_is_fetched_completed_and_acknowledged);
    suite_add_tcase(suite, fetch);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(engine_suite());
    int failed;

    (void)plain_failure;
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
