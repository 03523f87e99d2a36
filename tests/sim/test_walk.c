/* Random walks: for each seed a few hundred random events (runners come, go and end jobs, calls are
 * carried out, answered, refused or lost, clocks jump, other workers interfere), every rule checked
 * at each. Then all trouble ends, and in the end every job must be finished, every end answered and
 * the queue idle. SEED=n runs that seed alone. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/list.h"
#include "tests/sim/sim.h"

enum { SEEDS = 1000, STEPS = 500, RUNNERS_MAX = 4, LOST_MAX = 16 };

/* What a closed connection held: another one may name it again. */
struct lost {
    char id[24], token[FAKE_TOKEN_MAX];
};

struct walk {
    struct sim *sim;
    struct lost lost[LOST_MAX];
    uint32_t lost_count;
    uint32_t note_number;
    uint32_t foreign_count;
    uint32_t adds_open;
    bool has_zombies;
};

static uint32_t roll(struct walk *walk, uint32_t sides)
{
    return (uint32_t)(ct_random_next(&walk->sim->random) % sides);
}

static struct sim_runner *any_runner(struct walk *walk)
{
    uint32_t count = 0, pick;

    CT_LIST_FOREACH (node, &walk->sim->runners)
        count++;
    if (count == 0)
        return NULL;
    pick = roll(walk, count);
    CT_LIST_FOREACH (node, &walk->sim->runners)
        if (pick-- == 0)
            return CT_CONTAINER(node, struct sim_runner, link);
    return NULL;
}

static struct fake_job *any_job(struct walk *walk)
{
    struct model *model = walk->sim->model;

    return model->job_count > 0 ? model->jobs[roll(walk, model->job_count)] : NULL;
}

/* --- jobs ---------------------------------------------------------------------------------------
 */

static void add_some(struct walk *walk)
{
    struct sim *sim = walk->sim;

    for (uint32_t count = 1 + roll(walk, 4); count > 0; count--) {
        struct fake_job *job = model_add(sim->model);

        switch (roll(walk, 12)) {
        case 0:
            job->due_ms = ct_wall_ms(&sim->clock) + roll(walk, 8000);
            model_move(sim->model, job, IN_DELAYED, false);
            break;
        case 1:
            job->is_repeat = true;
            break;
        case 2:
            job->is_broken = true;
            break;
        case 3:
            job->is_missing = roll(walk, 4) == 0;
            break;
        case 4:
            job->children_pending = sim->model->has_markers ? roll(walk, 3) : 0;
            break;
        }
    }
}

static void end_child(struct walk *walk)
{
    struct fake_job *job = any_job(walk);

    if (job && job->children_pending > 0)
        model_end_child(walk->sim->model, job, roll(walk, 4) == 0);
}

static void wake(struct walk *walk)
{
    char text[32];
    const int64_t due_ms = ct_wall_ms(&walk->sim->clock) + roll(walk, 3000);
    const int len = snprintf(text, sizeof text, "%" PRId64, due_ms);

    queue_wake(walk->sim->queue, (struct ct_str){text, (size_t)len});
}

/* --- adding and settings ------------------------------------------------------------------------
 */

struct walk_add {
    struct job_add add;
    struct walk *walk;
};

static void added(struct job_add *add)
{
    struct walk_add *own = CT_CONTAINER(add, struct walk_add, add);
    struct sim *sim = own->walk->sim;

    sim_check(sim, (add->id != NULL) == (add->err.code == CT_E_OK));
    if (ct_str_is(add->name, "bad"))
        sim_check(sim, add->err.code == CT_E_INVALID || add->err.code == CT_E_REDIS_DOWN);
    own->walk->adds_open--;
    free(add->id);
    free(own);
}

static void add_through_engine(struct walk *walk)
{
    for (uint32_t count = roll(walk, 4); count > 0; count--) {
        struct walk_add *own = calloc(1, sizeof *own);

        own->walk = walk;
        own->add.name = roll(walk, 5) == 0 ? CT_STR_LIT("bad") : CT_STR_LIT("work");
        walk->adds_open++;
        queue_add(walk->sim->queue, &own->add, added);
    }
}

static void change_settings(struct walk *walk)
{
    struct sim *sim = walk->sim;

    sim->settings.lock_duration_ms = 1000 + roll(walk, 30000);
    sim->settings.lock_renew_ms = sim->settings.lock_duration_ms / 2;
    sim->settings.guard_interval_ms = 1 + roll(walk, 5000);
    sim->settings.stalled_interval_ms = roll(walk, 3) * 10000;
    sim->settings.retry_process_delay_ms = 1 + roll(walk, 5000);
    sim->model->promote_max = 1 + roll(walk, 5);
    queue_configure(sim->queue, &sim->settings);
}

/* A Node worker takes a job, or finishes the one it has. */
static void other_worker(struct walk *walk)
{
    struct sim *sim = walk->sim;
    struct fake_job *job = any_job(walk);

    if (!job)
        return;
    if (job->place == IN_WAIT && !job->is_missing) {
        model_move(sim->model, job, IN_ACTIVE, false);
        snprintf(job->token, sizeof job->token, "foreign:%u", walk->foreign_count++);
        job->locked_until_ms = sim->now_ms + sim->model->lock_ms;
        job->activation++;
    } else if (job->place == IN_ACTIVE && strncmp(job->token, "foreign", 7) == 0) {
        job->token[0] = '\0';
        model_move(sim->model, job, IN_COMPLETED, false);
    }
}

static void finish_foreign(struct walk *walk)
{
    struct model *model = walk->sim->model;

    for (uint32_t i = 0; i < model->job_count; i++) {
        struct fake_job *job = model->jobs[i];

        job->refusal = CT_E_OK;
        while (job->children_pending > 0)
            model_end_child(model, job, false);
        if (job->place == IN_ACTIVE && strncmp(job->token, "foreign", 7) == 0) {
            job->token[0] = '\0';
            model_move(model, job, IN_COMPLETED, false);
        }
    }
}

static void refuse_job(struct walk *walk)
{
    static const enum ct_code codes[] = {CT_E_OK, CT_E_OK, CT_E_REDIS_OOM, CT_E_REDIS_TYPE,
                                         CT_E_REDIS_ERROR};
    struct fake_job *job = any_job(walk);

    if (job)
        job->refusal = codes[roll(walk, sizeof codes / sizeof *codes)];
}

/* --- runners ------------------------------------------------------------------------------------
 */

static void remember(struct walk *walk, const struct sim_hold *hold)
{
    struct lost *lost =
        &walk->lost[walk->lost_count < LOST_MAX ? walk->lost_count++ : roll(walk, LOST_MAX)];

    snprintf(lost->id, sizeof lost->id, "%s", hold->id);
    snprintf(lost->token, sizeof lost->token, "%s", hold->token);
}

static void come(struct walk *walk)
{
    uint32_t count = 0;
    struct sim_runner *runner;

    CT_LIST_FOREACH (node, &walk->sim->runners)
        count++;
    if (count >= RUNNERS_MAX)
        return;
    runner = sim_runner_new(walk->sim, roll(walk, 6));
    runner->completes_at_once = roll(walk, 8) == 0;
    runner->closes_on_job = roll(walk, 20) == 0;
    runner->closes_on_answer = roll(walk, 20) == 0;
}

static void leave(struct walk *walk, struct sim_runner *runner)
{
    CT_LIST_FOREACH (node, &runner->holds)
        remember(walk, CT_CONTAINER(node, struct sim_hold, link));
    sim_runner_close(runner, roll(walk, 2) ? CONSUMER_RETURNS : CONSUMER_DIED);
}

static void resume(struct walk *walk, struct sim_runner *runner)
{
    const struct lost *lost;
    struct sim_runner *other = any_runner(walk);
    struct sim_hold *hold = sim_hold_at(other, 0);

    if (roll(walk, 4) == 0 && hold) { /* from a connection that is still there */
        sim_resume(runner, hold->id, hold->token);
        return;
    }
    if (walk->lost_count == 0)
        return;
    lost = &walk->lost[roll(walk, walk->lost_count)];
    sim_resume(runner, roll(walk, 10) ? lost->id : "1", lost->token);
}

static void end_one(struct walk *walk, struct sim_runner *runner)
{
    struct sim_hold *hold = sim_hold_at(runner, roll(walk, 3));
    const struct failure failure = {
        .reason = CT_STR_LIT("boom"),
        .is_unrecoverable = roll(walk, 8) == 0,
        .is_crash = roll(walk, 4) == 0,
        .has_delay = roll(walk, 2) == 0,
        .delay_ms = roll(walk, 5000),
    };

    if (!hold)
        return;
    switch (roll(walk, 10)) {
    case 8:
        sim_postpone(runner, hold, roll(walk, 5000));
        break;
    case 9:
        sim_await(runner, hold);
        break;
    case 0:
    case 1:
        sim_fail_job(runner, hold, &failure);
        break;
    case 2:
        sim_release(runner, hold, roll(walk, 3) == 0 ? roll(walk, 2000) : 0);
        break;
    case 3:
        if (model_is_locked(walk->sim->model, model_find(walk->sim->model, hold->id)))
            sim_forget(runner, hold);
        break;
    default:
        sim_complete(runner, hold);
        break;
    }
}

static void note(struct walk *walk, struct sim_runner *runner)
{
    static const enum effect_kind kinds[] = {EFFECT_PROGRESS, EFFECT_LOG, EFFECT_UPDATE};
    struct sim_hold *hold = sim_hold_at(runner, roll(walk, 3));

    if (hold)
        sim_note(runner, hold, kinds[roll(walk, 3)], ++walk->note_number);
}

/* Of a job that this runner has, or of any: it may be waiting, ended, or a call may bring it. */
static void cancel(struct walk *walk, struct sim_runner *runner)
{
    const struct sim_hold *hold = sim_hold_at(runner, roll(walk, 3));
    const struct fake_job *job = any_job(walk);

    if (hold && roll(walk, 2) == 0)
        queue_cancel(walk->sim->queue, ct_str_of(hold->id), CT_STR_NONE, NULL);
    else if (job)
        queue_cancel(walk->sim->queue, ct_str_of(job->id), CT_STR_LIT("why"), NULL);
}

static void act(struct walk *walk)
{
    struct sim_runner *runner = any_runner(walk);

    if (!runner) {
        come(walk);
        return;
    }
    switch (roll(walk, 15)) {
    case 0:
        come(walk);
        break;
    case 1:
        leave(walk, runner);
        break;
    case 2:
        sim_runner_window(runner, roll(walk, 8));
        break;
    case 3:
        resume(walk, runner);
        break;
    case 4:
    case 5:
        note(walk, runner);
        break;
    case 6:
        cancel(walk, runner);
        break;
    default:
        end_one(walk, runner);
        break;
    }
}

/* --- the world ----------------------------------------------------------------------------------
 */

static void pass_time(struct walk *walk)
{
    struct sim *sim = walk->sim;

    switch (roll(walk, 10)) {
    case 0:
        sim->now_ms += roll(walk, 40000); /* locks run out */
        break;
    case 1:
        sim->wall_offset_ms += (int64_t)roll(walk, 20000) - 10000;
        break;
    case 2:
        if (sim->armed_ms != COMMIT_NEVER && sim->armed_ms > sim->now_ms)
            sim->now_ms = sim->armed_ms;
        break;
    default:
        sim->now_ms += roll(walk, 20);
        break;
    }
    sim_fire_timer(sim);
}

static void redis_trouble(struct walk *walk)
{
    static const enum ct_code codes[] = {CT_E_REDIS_OOM,  CT_E_REDIS_READONLY, CT_E_REDIS_LOADING,
                                         CT_E_REDIS_PERM, CT_E_REDIS_ERROR,    CT_E_REDIS_DOWN};
    struct sim *sim = walk->sim;

    switch (roll(walk, 8)) {
    case 0:
    case 1:
        if (roll(walk, 2))
            sim_execute(sim);
        walk->has_zombies |= sim->zombies.next != &sim->zombies;
        sim_cut(sim, roll(walk, 4) == 0);
        walk->has_zombies |= sim->zombies.next != &sim->zombies;
        break;
    case 2:
        sim_refuse(sim, codes[roll(walk, sizeof codes / sizeof *codes)]);
        break;
    case 3:
        sim_lose_wait(sim, roll(walk, 4) == 0);
        break;
    case 4:
        sim->model->is_garbled = roll(walk, 3) == 0;
        break;
    case 5:
        sim->model->rest_once_ms = roll(walk, 3000);
        break;
    case 6:
        sim_run_zombie(sim);
        break;
    case 7:
        refuse_job(walk);
        break;
    }
}

static void step(struct walk *walk)
{
    struct sim *sim = walk->sim;

    if (!sim->is_up && roll(walk, 4) == 0)
        sim_link_up(sim);
    switch (roll(walk, 20)) {
    case 0:
        if (roll(walk, 4) > 0)
            add_some(walk);
        else
            add_through_engine(walk);
        break;
    case 1:
        if (roll(walk, 4) > 0)
            wake(walk);
        else
            change_settings(walk);
        break;
    case 2:
        redis_trouble(walk);
        break;
    case 3:
        other_worker(walk);
        end_child(walk);
        break;
    case 4:
    case 5:
        pass_time(walk);
        break;
    case 6:
    case 7:
    case 8:
        act(walk);
        break;
    case 9:
        sim_deliver_wait(sim);
        break;
    case 10:
    case 11:
    case 12:
        sim_deliver(sim);
        break;
    case 13:
    case 14:
    case 15:
        sim_execute(sim);
        break;
    default:
        sim_turn(sim);
        break;
    }
}

static void check_places(const struct walk *walk)
{
    const struct model *model = walk->sim->model;
    uint32_t count = 0;

    for (int place = 0; place < PLACES; place++)
        count += model_count(model, place);
    sim_check(walk->sim, count == model->job_count);
}

/* Peace: what is left must come to an end. */
static void finish(struct walk *walk)
{
    struct sim *sim = walk->sim;
    const int64_t end_ms = sim->now_ms + 3600000;
    struct sim_runner *runner;

    while (!ct_list_is_empty(&sim->zombies))
        sim_run_zombie(sim);
    sim->model->is_garbled = false;
    CT_LIST_FOREACH_SAFE (node, following, &sim->runners)
        leave(walk, CT_CONTAINER(node, struct sim_runner, link));
    if (!sim->is_up)
        sim_link_up(sim);
    sim->settings.stalled_interval_ms = 30000; /* what was left behind must be found */
    queue_configure(sim->queue, &sim->settings);
    runner = sim_runner_new(sim, 3);
    while (model_count(sim->model, IN_COMPLETED) + model_count(sim->model, IN_FAILED) <
           sim->model->job_count) {
        struct sim_hold *hold;

        finish_foreign(walk);
        while ((hold = sim_hold_at(runner, 0)) != NULL)
            sim_complete(runner, hold);
        sim_check(sim, sim->now_ms < end_ms);
        sim_run_for_ms(sim, 100);
    }
    sim_run_for_ms(sim, 20000);
    sim_check(sim, ct_list_is_empty(&runner->holds));
    sim_check(sim, walk->adds_open == 0);
    for (uint32_t i = 0; i < sim->model->job_count; i++) {
        const struct fake_job *job = sim->model->jobs[i];

        sim_check(sim, job->finish_count == 1);
        sim_check(sim, walk->has_zombies || job->late_notes == 0);
    }
}

static void walk_once(uint64_t seed)
{
    struct walk walk = {.sim = seed % 2 ? sim_new(seed) : sim_new_marking(seed)};

    for (uint32_t i = 0; i < STEPS; i++) {
        step(&walk);
        check_places(&walk);
    }
    finish(&walk);
    sim_free(walk.sim);
}

START_TEST(test_random_walks_keep_every_rule)
{
    const uint64_t only = sim_seed(0);

    if (only != 0) {
        walk_once(only);
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        walk_once(seed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("walk");
    TCase *walk = tcase_create("walk");
    SRunner *runner;
    int failed;

    tcase_set_timeout(walk, 120);
    tcase_add_test(walk, test_random_walks_keep_every_rule);
    suite_add_tcase(suite, walk);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
