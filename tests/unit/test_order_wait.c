/* q/order_wait: what the reports of a worker must say before `cartrita-q worker VERB --wait` ends.
 */
#include <check.h>
#include <stdlib.h>

#include "q/fleet.h"
#include "q/order_wait.h"
#include "tests/lib/unit.h"

#define RUNNER(uuid, state) "{\"runner\":\"" uuid "\",\"state\":\"" state "\"}"
#define A                   RUNNER("a", "ready")
#define B                   RUNNER("b", "ready")
#define POOL(state, wanted, runners) \
    "{\"name\":\"p\",\"state\":\"" state "\",\"wanted\":" #wanted ",\"runners\":[" runners "]}"
#define BEFORE POOL("running", 2, A "," B)

static const struct {
    struct worker_order order;
    const char *now; /* the pool */
    bool is_done;
} rows[] = {
    {{"pause", NULL, 0}, BEFORE, false},
    {{"pause", NULL, 0}, POOL("paused", 2, A "," B), true},
    {{"resume", NULL, 0}, POOL("paused", 2, A "," B), false},
    {{"resume", NULL, 0}, BEFORE, true},
    {{"start", NULL, 0}, POOL("stopped", 2, ""), false},
    {{"start", NULL, 0}, POOL("running", 2, A), false},
    {{"start", NULL, 0}, POOL("running", 2, A "," RUNNER("b", "starting")), false},
    {{"start", NULL, 0}, POOL("crashLoop", 2, A "," B), false},
    {{"start", NULL, 0}, BEFORE, true},
    {{"stop", NULL, 0}, BEFORE, false},
    {{"stop", NULL, 0}, POOL("stopped", 2, A "," RUNNER("b", "draining")), false},
    {{"stop", NULL, 0}, POOL("stopped", 2, RUNNER("b", "down")), true},
    {{"drain", "p", 0}, POOL("stopped", 2, A), false},
    {{"drain", "p", 0}, POOL("stopped", 2, ""), true},
    {{"scale", "p", 1}, BEFORE, false},
    {{"scale", "p", 1}, POOL("running", 1, A "," RUNNER("b", "draining")), false},
    {{"scale", "p", 1}, POOL("running", 1, A), true},
    {{"scale", "p", 0}, POOL("running", 0, ""), true},
    {{"scale", "p", 3}, POOL("stopped", 2, ""), false},
    {{"scale", "p", 3}, POOL("stopped", 3, ""), true},
    {{"restart", NULL, 0}, BEFORE, false},
    {{"restart", NULL, 0}, POOL("running", 2, A "," RUNNER("c", "ready")), false},
    {{"restart", NULL, 0},
     POOL("running", 2, RUNNER("d", "starting") "," RUNNER("c", "ready")),
     false},
    {{"restart", NULL, 0}, POOL("running", 2, RUNNER("d", "ready") "," RUNNER("c", "ready")), true},
    /* of another pool, or of one that is not there any more */
    {{"pause", "other", 0}, BEFORE, true},
};

/* A worker with one pool; a new reference. */
static json_t *worker_of(const char *pool)
{
    json_t *pools = json_array(), *worker = json_object();

    json_array_append_new(pools, json_loads(pool, 0, NULL));
    json_object_set_new(worker, "pools", pools);
    return worker;
}

START_TEST(test_rows)
{
    json_t *before = worker_of(BEFORE), *now = worker_of(rows[_i].now);

    ck_assert_msg(order_is_done(&rows[_i].order, before, now) == rows[_i].is_done, "%s: %s",
                  rows[_i].order.verb, rows[_i].now);
    json_decref(before);
    json_decref(now);
}
END_TEST

START_TEST(test_end_of_worker)
{
    ck_assert(order_ends_worker(&(struct worker_order){"drain", NULL, 0}));
    ck_assert(!order_ends_worker(&(struct worker_order){"drain", "p", 0}));
    ck_assert(!order_ends_worker(&(struct worker_order){"stop", NULL, 0}));
}
END_TEST

/* A report of anything is taken: what it does not say is not there. */
START_TEST(test_strange_reports)
{
    static const char *const reports[] = {
        "{}", "{\"pools\":{}}", "{\"pools\":[1,[],{}]}",
        "{\"pools\":[{\"name\":1,\"state\":[],\"wanted\":\"2\",\"runners\":[{},7]}]}"};

    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        json_t *report = json_loads(reports[i], 0, NULL);

        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
            (void)order_is_done(&rows[r].order, report, report);
        json_decref(report);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_rows, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tcase, test_end_of_worker);
    tcase_add_test(tcase, test_strange_reports);
}

int main(void)
{
    return unit_run("order_wait", add_tests);
}
