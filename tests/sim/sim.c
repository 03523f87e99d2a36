/* The clock, the fake port, and the ways calls go. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"

enum { CALL_TAKES_MS = 1, LIMIT_MS = 600000 };

void sim_fail(const struct sim *sim, const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not true: %s, at %" PRId64 " ms\n", file, line, what, sim->now_ms);
    abort();
}

uint64_t sim_seed(uint64_t fallback)
{
    const char *text = getenv("SEED");

    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

static int64_t wall_ms(void *ctx)
{
    const struct sim *sim = ctx;

    return sim->now_ms + sim->wall_offset_ms;
}

static int64_t monotonic_ms(void *ctx)
{
    const struct sim *sim = ctx;

    return sim->now_ms;
}

/* --- the port --------------------------------------------------------------------------------- */

static uint32_t free_credit(const struct sim *sim)
{
    uint32_t free_count = 0;

    CT_LIST_FOREACH (node, &sim->runners) {
        const struct sim_runner *runner = CT_CONTAINER(node, struct sim_runner, link);

        if (runner->window > runner->open_count)
            free_count += runner->window - runner->open_count;
    }
    return free_count;
}

static uint32_t wait_may_bring_one(const struct sim *sim)
{
    return !ct_list_is_empty(&sim->waits) && !sim->model->has_markers;
}

/* One commit or reclaim at a time, a bounded number of the others, and never more jobs asked for
 * than there is room, with one place kept for a wait. */
static void check_call(struct sim *sim, const struct fake_call *call)
{
    uint32_t exchanges = 0, sweeps = 0, adds = 0, takes = 0;

    CT_LIST_FOREACH (node, &sim->calls) {
        const struct fake_call *other = CT_CONTAINER(node, struct sim_call, link)->call;

        exchanges += other->kind == FAKE_COMMIT || other->kind == FAKE_RECLAIM;
        sweeps += other->kind == FAKE_SWEEP;
        adds += other->kind == FAKE_ADD;
    }
    sim_check(sim, exchanges <= 1);
    sim_check(sim, sweeps <= 1);
    sim_check(sim, adds <= QUEUE_ADD_CALLS_MAX);
    if (call->kind != FAKE_COMMIT)
        return;
    for (uint32_t i = 0; i < call->effect_count; i++)
        takes += call->effects[i].kind == EFFECT_TAKE;
    sim_check(sim, call->effect_count <= COMMIT_EFFECTS_MAX);
    sim_check(sim, call->fetch_max <= COMMIT_FETCH_MAX);
    if (call->fetch_max > 0)
        sim_check(sim, call->fetch_max + takes + wait_may_bring_one(sim) <= free_credit(sim));
}

static struct sim_call *call_new(struct redis_command *command, redis_done_fn done, void *arg)
{
    struct sim_call *call = ct_zalloc(sizeof *call);

    call->call = fake_call_of(command);
    call->done = done;
    call->arg = arg;
    ct_buf_clear(&command->body);
    return call;
}

static void count_call(struct sim *sim, const struct fake_call *call)
{
    sim->adds_sent += call->kind == FAKE_ADD;
    sim->reclaims_sent += call->kind == FAKE_RECLAIM;
    if (call->kind != FAKE_COMMIT)
        return;
    sim->commits_sent++;
    sim->fetch_asked = call->fetch_max;
    if (call->effect_count > sim->biggest_commit)
        sim->biggest_commit = call->effect_count;
    sim->last_commit_was_renewals_only = call->effect_count > 0;
    for (uint32_t i = 0; i < call->effect_count; i++)
        if (call->effects[i].kind != EFFECT_RENEW)
            sim->last_commit_was_renewals_only = false;
}

static void port_call(void *ctx, struct redis_command *command, redis_done_fn done, void *arg)
{
    struct sim *sim = ctx;
    struct sim_call *call = call_new(command, done, arg);

    sim_check(sim, sim->is_up);
    call->ready_at_ms = sim->now_ms + CALL_TAKES_MS;
    ct_list_push_back(&sim->calls, &call->link);
    check_call(sim, call->call);
    count_call(sim, call->call);
}

static void port_wait(void *ctx, struct redis_command *command, redis_done_fn done, void *arg)
{
    struct sim *sim = ctx;
    struct sim_call *call = call_new(command, done, arg);

    sim_check(sim, sim->is_up);
    sim_check(sim, ct_list_is_empty(&sim->waits));
    sim_check(sim, free_credit(sim) > 0);
    call->ready_at_ms = sim->now_ms + sim->settings.drain_delay_ms;
    ct_list_push_back(&sim->waits, &call->link);
    sim->waits_sent++;
}

static void port_unwait(void *ctx)
{
    struct sim *sim = ctx;

    sim_check(sim, !ct_list_is_empty(&sim->waits));
    CT_CONTAINER(sim->waits.next, struct sim_call, link)->is_cut = true;
    sim->unwaits++;
}

static void port_schedule(void *ctx)
{
    ((struct sim *)ctx)->is_scheduled = true;
}

static void port_arm(void *ctx, int64_t at_ms)
{
    ((struct sim *)ctx)->armed_ms = at_ms;
}

/* --- life ------------------------------------------------------------------------------------- */

static uint64_t present_seed;

/* An assertion of the engine says where; this adds how to get there again. */
static void on_abort(int number)
{
    fprintf(stderr, "aborted: rerun with SEED=%" PRIu64 "\n", present_seed);
    signal(number, SIG_DFL);
}

static struct sim *new_with(uint64_t seed, const struct dialect *dialect)
{
    struct sim *sim = ct_zalloc(sizeof *sim);
    struct queue_options options;
    struct ct_error err;
    enum ct_code rc;

    ct_log_setup(getenv("SIM_LOG") ? CT_LOG_DEBUG : CT_LOG_ERROR, "sim");
    present_seed = seed;
    signal(SIGABRT, on_abort);
    sim->seed = sim->state = seed;
    sim->random = ct_random_seeded(&sim->state);
    sim->clock = (struct ct_clock){wall_ms, monotonic_ms, sim};
    sim->now_ms = 1000000;
    sim->wall_offset_ms = 1700000000000;
    sim->fated_number = -1;
    sim->outage_ms = 50;
    sim->armed_ms = COMMIT_NEVER;
    sim->up_at_ms = COMMIT_NEVER;
    ct_list_init(&sim->runners);
    ct_list_init(&sim->calls);
    ct_list_init(&sim->waits);
    ct_list_init(&sim->zombies);
    queue_settings_init(&sim->settings);
    sim->model = model_new(&sim->clock);
    model_use(sim->model);
    sim->port =
        (struct queue_port){port_call, port_wait, port_unwait, port_schedule, port_arm, sim};
    options = (struct queue_options){dialect,     "bull",       "email-processing", &sim->settings,
                                     &sim->clock, &sim->random, &sim->port,         NULL};
    rc = queue_new(&options, &sim->queue, &err);
    sim_check(sim, rc == CT_E_OK);
    return sim;
}

struct sim *sim_new(uint64_t seed)
{
    return new_with(seed, &fake_dialect);
}

struct sim *sim_new_marking(uint64_t seed)
{
    return new_with(seed, &fake_marking_dialect);
}

void sim_call_end(struct sim_call *call)
{
    fake_call_free(call->call);
    free(call);
}

void sim_free(struct sim *sim)
{
    const int64_t end_ms = sim->now_ms + LIMIT_MS;

    while (!ct_list_is_empty(&sim->runners))
        sim_runner_close(CT_CONTAINER(sim->runners.next, struct sim_runner, link),
                         CONSUMER_RETURNS);
    sim->refuse_all = CT_E_OK;
    sim->fated_number = -1;
    for (uint32_t i = 0; i < sim->model->job_count; i++)
        sim->model->jobs[i]->refusal = CT_E_OK;
    if (!sim->is_up && sim->up_at_ms == COMMIT_NEVER)
        sim_link_up(sim);
    queue_drain(sim->queue);
    while (!queue_is_idle(sim->queue)) {
        sim_check(sim, sim->now_ms < end_ms);
        sim_run_for_ms(sim, 10);
    }
    queue_free(sim->queue);
    sim_check(sim, ct_list_is_empty(&sim->calls) && ct_list_is_empty(&sim->waits));
    while (!ct_list_is_empty(&sim->zombies))
        sim_run_zombie(sim);
    model_free(sim->model);
    queue_settings_fini(&sim->settings);
    free(sim);
}

/* --- one thing at a time ---------------------------------------------------------------------- */

bool sim_turn(struct sim *sim)
{
    if (!sim->is_scheduled)
        return false;
    sim->is_scheduled = false;
    sim->turns++;
    queue_turn(sim->queue);
    return true;
}

bool sim_fire_timer(struct sim *sim)
{
    if (sim->armed_ms > sim->now_ms)
        return false;
    sim->armed_ms = COMMIT_NEVER;
    queue_timer(sim->queue);
    return true;
}

struct sim_call *sim_first_call(const struct ct_list *list)
{
    return ct_list_is_empty(list) ? NULL : CT_CONTAINER(list->next, struct sim_call, link);
}

bool sim_execute(struct sim *sim)
{
    CT_LIST_FOREACH (node, &sim->calls) {
        struct sim_call *call = CT_CONTAINER(node, struct sim_call, link);

        if (call->is_run)
            continue;
        fake_run(call->call);
        call->is_run = true;
        return true;
    }
    return false;
}

static void reply(struct sim_call *call)
{
    ct_list_remove(&call->link);
    call->done(call->arg, fake_reply(call->call), NULL);
    sim_call_end(call);
}

void sim_reply_error(struct sim_call *call, enum ct_code code)
{
    struct ct_error err;

    ct_error_set(&err, code, "%s", ct_error_text(code));
    ct_list_remove(&call->link);
    call->done(call->arg, NULL, &err);
}

bool sim_deliver(struct sim *sim)
{
    struct sim_call *call = sim_first_call(&sim->calls);

    if (!call || !call->is_run)
        return false;
    reply(call);
    return true;
}

bool sim_refuse(struct sim *sim, enum ct_code code)
{
    struct sim_call *call = sim_first_call(&sim->calls);

    if (!call || call->is_run)
        return false;
    sim_reply_error(call, code);
    sim_call_end(call);
    return true;
}

bool sim_deliver_wait(struct sim *sim)
{
    struct sim_call *call = sim_first_call(&sim->waits);

    if (!call)
        return false;
    if (!call->is_cut)
        fake_run(call->call);
    reply(call);
    return true;
}

bool sim_lose_wait(struct sim *sim, bool after)
{
    struct sim_call *call = sim_first_call(&sim->waits);

    if (!call)
        return false;
    if (after)
        fake_run(call->call);
    sim_reply_error(call, CT_E_REDIS_DOWN);
    sim_call_end(call);
    return true;
}

void sim_link_up(struct sim *sim)
{
    sim->is_up = true;
    sim->up_at_ms = COMMIT_NEVER;
    queue_link_up(sim->queue);
}

void sim_link_down(struct sim *sim)
{
    sim->is_up = false;
    queue_link_down(sim->queue);
}

void sim_cut(struct sim *sim, bool with_zombies)
{
    struct sim_call *call;

    sim->is_up = false;
    while ((call = sim_first_call(&sim->calls)) != NULL) {
        sim_reply_error(call, CT_E_REDIS_DOWN);
        if (with_zombies && !call->is_run)
            ct_list_push_back(&sim->zombies, &call->link);
        else
            sim_call_end(call);
    }
    sim_link_down(sim);
}

void sim_run_zombie(struct sim *sim)
{
    struct sim_call *call = sim_first_call(&sim->zombies);

    if (!call)
        return;
    ct_list_remove(&call->link);
    fake_run(call->call);
    sim_call_end(call);
}
