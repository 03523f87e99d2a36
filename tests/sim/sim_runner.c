/* Runners of the simulation: what a connection of the daemon would do, with a check of every rule
 * that the engine owes its consumers. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"

static struct sim_hold *hold_find(const struct sim_runner *runner, const struct lease *lease)
{
    CT_LIST_FOREACH (node, &runner->holds) {
        struct sim_hold *hold = CT_CONTAINER(node, struct sim_hold, link);

        if (hold->lease == lease)
            return hold;
    }
    return NULL;
}

static void check_token_is_free(const struct sim *sim, const char *token)
{
    CT_LIST_FOREACH (node, &sim->runners) {
        const struct sim_runner *runner = CT_CONTAINER(node, struct sim_runner, link);

        CT_LIST_FOREACH (inner, &runner->holds)
            sim_check(sim, strcmp(CT_CONTAINER(inner, struct sim_hold, link)->token, token) != 0);
    }
}

static struct sim_hold *hold_new(struct sim_runner *runner, struct lease *lease)
{
    struct sim *sim = runner->sim;
    struct sim_hold *hold = ct_zalloc(sizeof *hold);
    const struct job *job = lease_job(lease);

    sim_check(sim, lease_consumer(lease) == runner->consumer);
    snprintf(hold->id, sizeof hold->id, "%s", job->id.data);
    snprintf(hold->token, sizeof hold->token, "%s", job->token.data);
    check_token_is_free(sim, hold->token);
    hold->lease = lease;
    ct_list_push_back(&runner->holds, &hold->link);
    runner->open_count++;
    return hold;
}

static void hold_free(struct sim_runner *runner, struct sim_hold *hold)
{
    if (!hold->is_ended)
        runner->open_count--;
    ct_list_remove(&hold->link);
    free(hold);
}

/* --- what the engine tells ----------------------------------------------------------------------
 */

/* The next iteration is in Redis before this one runs, unless it cannot be. */
static void check_schedule(const struct sim *sim, const struct job *job)
{
    const struct fake_job *fake = model_find(sim->model, job->id.data);

    if (job->is_repeat && job->attempts_made == 0)
        sim_check(sim, fake->schedule_count > 0 || fake->was_refused);
}

static void on_job(void *ctx, struct lease *lease)
{
    struct sim_runner *runner = ctx;
    struct sim *sim = runner->sim;
    struct sim_hold *hold;
    size_t len = strlen(runner->order);

    sim_check(sim, !runner->in_call);
    sim_check(sim, !lease_job(lease)->broken);
    hold = hold_new(runner, lease);
    sim_check(sim, runner->open_count <= runner->window);
    check_schedule(sim, lease_job(lease));
    snprintf(runner->order + len, sizeof runner->order - len, "%s ", hold->id);
    runner->job_count++;
    if (runner->closes_on_job)
        sim_runner_close(runner, CONSUMER_RETURNS);
    else if (runner->completes_at_once)
        sim_complete(runner, hold);
}

/* An acknowledged result is in Redis, once; a refused one is not. */
static void check_answer(struct sim *sim, const struct sim_hold *hold, enum ct_code code,
                         enum queue_state state)
{
    const struct fake_job *job = model_find(sim->model, hold->id);
    const bool is_under_it = strcmp(job->ended_token, hold->token) == 0;

    sim_check(sim, job->finish_count <= 1);
    if (code == CT_E_OK && state == QUEUE_COMPLETED)
        sim_check(sim, job->place == IN_COMPLETED && is_under_it);
    if (code == CT_E_OK && state == QUEUE_FAILED)
        sim_check(sim, job->place == IN_FAILED && is_under_it);
    if (code != CT_E_OK) {
        sim_check(sim, state == QUEUE_LOST);
        if (code != CT_E_CONFLICT && !job->was_refused)
            sim_check(sim, !(job->place == IN_COMPLETED && is_under_it));
    }
}

static void on_answer(void *ctx, struct lease *lease, enum ct_code code, enum queue_state state,
                      const char *detail)
{
    struct sim_runner *runner = ctx;
    struct sim *sim = runner->sim;
    struct sim_hold *hold = hold_find(runner, lease);

    sim_check(sim, !runner->in_call);
    sim_check(sim, hold != NULL); /* also: a second answer finds none */
    sim_check(sim, detail != NULL || code == CT_E_OK);
    sim_check(sim, hold->is_ended || code == CT_E_CONFLICT);
    check_answer(sim, hold, code, state);
    if (code == CT_E_OK && hold->is_doomed && !hold->is_forgotten)
        sim_check(sim, state == QUEUE_FAILED || state == QUEUE_COMPLETED);
    runner->ack_count++;
    runner->last_code = code;
    runner->last_state = state;
    snprintf(runner->last_detail, sizeof runner->last_detail, "%s", detail ? detail : "");
    snprintf(runner->last_id, sizeof runner->last_id, "%s", hold->id);
    hold_free(runner, hold);
    if (runner->closes_on_answer)
        sim_runner_close(runner, CONSUMER_RETURNS);
}

static void on_cancel(void *ctx, struct lease *lease, const struct ct_error *why)
{
    struct sim_runner *runner = ctx;
    struct sim *sim = runner->sim;
    struct sim_hold *hold = hold_find(runner, lease);

    sim_check(sim, !runner->in_call);
    sim_check(sim, hold && !hold->is_ended);
    sim_check(sim, why->code != CT_E_OK && why->detail[0]);
    /* Of a cancel first and of a loss then, each at most once. */
    sim_check(sim, !hold->is_cancelled || (hold->is_doomed && why->code != CT_E_CANCELLED));
    hold->is_cancelled = true;
    hold->is_doomed = why->code == CT_E_CANCELLED;
    runner->cancel_count++;
}

static void on_resumed(void *ctx, struct ct_str id, struct ct_str token, struct lease *lease,
                       const struct ct_error *err)
{
    struct sim_runner *runner = ctx;
    struct sim *sim = runner->sim;
    struct sim_hold *hold;

    sim_check(sim, !runner->in_call);
    sim_check(sim, (lease != NULL) == (err->code == CT_E_OK));
    if (!lease) {
        runner->refused_count++;
        runner->last_refusal = err->code;
        return;
    }
    runner->resumed_count++;
    hold = hold_new(runner, lease);
    sim_check(sim, ct_str_is(id, hold->id) && ct_str_is(token, hold->token));
}

static const struct consumer_events events = {on_job, on_answer, on_cancel, on_resumed};

/* --- what runners do ----------------------------------------------------------------------------
 */

struct sim_runner *sim_runner_new(struct sim *sim, uint32_t window)
{
    struct sim_runner *runner = ct_zalloc(sizeof *runner);

    runner->sim = sim;
    ct_list_init(&runner->holds);
    ct_list_push_back(&sim->runners, &runner->link);
    runner->consumer = consumer_open(sim->queue, &events, runner);
    sim_runner_window(runner, window);
    return runner;
}

void sim_runner_close(struct sim_runner *runner, enum consumer_end end)
{
    runner->in_call = true;
    consumer_close(runner->consumer, end);
    while (!ct_list_is_empty(&runner->holds))
        hold_free(runner, CT_CONTAINER(runner->holds.next, struct sim_hold, link));
    ct_list_remove(&runner->link);
    free(runner);
}

void sim_runner_window(struct sim_runner *runner, uint32_t window)
{
    runner->in_call = true;
    runner->window = window;
    consumer_window(runner->consumer, window);
    runner->in_call = false;
}

struct sim_hold *sim_hold_at(struct sim_runner *runner, uint32_t index)
{
    CT_LIST_FOREACH (node, &runner->holds) {
        struct sim_hold *hold = CT_CONTAINER(node, struct sim_hold, link);

        if (!hold->is_ended && index-- == 0)
            return hold;
    }
    return NULL;
}

struct sim_hold *sim_hold_of(struct sim_runner *runner, const char *id)
{
    CT_LIST_FOREACH (node, &runner->holds) {
        struct sim_hold *hold = CT_CONTAINER(node, struct sim_hold, link);

        if (!hold->is_ended && strcmp(hold->id, id) == 0)
            return hold;
    }
    return NULL;
}

static void end_hold(struct sim_runner *runner, struct sim_hold *hold, enum ct_code rc)
{
    struct ct_error err;

    sim_check(runner->sim, rc == CT_E_OK);
    hold->is_ended = true;
    runner->open_count--;
    /* A second end changes nothing. */
    sim_check(runner->sim, queue_complete(hold->lease, CT_STR_LIT("2"), &err) == CT_E_CONFLICT);
}

void sim_complete(struct sim_runner *runner, struct sim_hold *hold)
{
    struct ct_error err;

    runner->in_call = true;
    end_hold(runner, hold, queue_complete(hold->lease, CT_STR_LIT("1"), &err));
    runner->in_call = false;
}

void sim_fail_job(struct sim_runner *runner, struct sim_hold *hold, const struct failure *failure)
{
    struct ct_error err;

    runner->in_call = true;
    end_hold(runner, hold, queue_fail(hold->lease, failure, &err));
    runner->in_call = false;
}

void sim_release(struct sim_runner *runner, struct sim_hold *hold, int64_t rest_ms)
{
    struct ct_error err;

    runner->in_call = true;
    end_hold(runner, hold, queue_release(hold->lease, rest_ms, &err));
    runner->in_call = false;
}

void sim_postpone(struct sim_runner *runner, struct sim_hold *hold, int64_t delay_ms)
{
    struct ct_error err;

    runner->in_call = true;
    end_hold(runner, hold, queue_postpone(hold->lease, delay_ms, &err));
    runner->in_call = false;
}

void sim_await(struct sim_runner *runner, struct sim_hold *hold)
{
    struct ct_error err;

    runner->in_call = true;
    end_hold(runner, hold, queue_await(hold->lease, &err));
    runner->in_call = false;
}

void sim_forget(struct sim_runner *runner, struct sim_hold *hold)
{
    struct ct_error err;

    runner->in_call = true;
    hold->is_forgotten = true;
    end_hold(runner, hold, queue_forget(hold->lease, &err));
    runner->in_call = false;
}

enum ct_code sim_note(struct sim_runner *runner, struct sim_hold *hold, enum effect_kind kind,
                      uint32_t number)
{
    struct ct_error err;
    char text[16];
    const struct ct_str value = {text, (size_t)snprintf(text, sizeof text, "%u", number)};
    enum ct_code rc;

    runner->in_call = true;
    if (kind == EFFECT_PROGRESS)
        rc = queue_progress(hold->lease, value, &err);
    else if (kind == EFFECT_LOG)
        rc = queue_log(hold->lease, value, &err);
    else
        rc = queue_update(hold->lease, value, &err);
    runner->in_call = false;
    return rc;
}

void sim_resume(struct sim_runner *runner, const char *id, const char *token)
{
    runner->in_call = true;
    queue_resume(runner->consumer, ct_str_of(id), ct_str_of(token));
    runner->in_call = false;
}
