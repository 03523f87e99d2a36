/* The simulation running by itself: turns, calls, waits and timers as they come, with the fate that
 * a test has chosen for a call. */
#include "tests/sim/sim.h"

enum { LIMIT_MS = 600000, STEPS_MAX = 2000000 };

void sim_doom_commit(struct sim *sim, int64_t number, enum sim_fate fate, enum ct_code code)
{
    sim->fated_number = sim->commit_number + number;
    sim->fate = fate;
    sim->fate_code = code;
}

static void lose_link(struct sim *sim, bool after)
{
    if (after)
        sim_execute(sim);
    sim_cut(sim, false);
    sim->up_at_ms = sim->now_ms + sim->outage_ms;
}

static void meet_fate(struct sim *sim)
{
    const struct sim_call *call = sim_first_call(&sim->calls);
    enum sim_fate fate = FATE_WORKS;
    enum ct_code code = sim->fate_code;

    if (call->call->kind == FAKE_COMMIT && sim->commit_number++ == sim->fated_number)
        fate = sim->fate;
    if (fate == FATE_WORKS && sim->refuse_all != CT_E_OK) {
        fate = FATE_REFUSED;
        code = sim->refuse_all;
    }
    if (sim->refuse_reclaims && call->call->kind == FAKE_RECLAIM) {
        fate = FATE_REFUSED;
        code = CT_E_REDIS_ERROR;
    }
    if (sim->refuse_fetches && (call->call->fetch_max > 0 || call->call->promote)) {
        fate = FATE_REFUSED;
        code = CT_E_REDIS_ERROR;
    }
    switch (fate) {
    case FATE_LOST_BEFORE:
    case FATE_LOST_AFTER:
        lose_link(sim, fate == FATE_LOST_AFTER);
        break;
    case FATE_REFUSED:
        sim_refuse(sim, code);
        break;
    case FATE_GARBLED:
        sim->model->is_garbled = true;
        /* fall through */
    case FATE_WORKS:
        sim_execute(sim);
        sim_deliver(sim);
        break;
    }
}

/* For a wait. */
static bool has_news(const struct model *model)
{
    if (model->has_markers)
        return model->marker || (model->due_marker && model_count(model, IN_DELAYED) > 0);
    return model_count(model, IN_WAIT) > 0;
}

static bool settle_wait(struct sim *sim)
{
    const struct sim_call *call = sim_first_call(&sim->waits);

    if (!call)
        return false;
    if (sim->wait_is_down)
        return sim_lose_wait(sim, false);
    if (sim->wait_is_refused) {
        struct sim_call *refused = sim_first_call(&sim->waits);

        sim_reply_error(refused, CT_E_REDIS_PERM);
        sim_call_end(refused);
        return true;
    }
    if (call->is_cut || call->ready_at_ms <= sim->now_ms || has_news(sim->model))
        return sim_deliver_wait(sim);
    return false;
}

/* Something that can happen now. */
static bool step(struct sim *sim)
{
    const struct sim_call *call = sim_first_call(&sim->calls);

    if (sim_turn(sim) || settle_wait(sim))
        return true;
    if (call && call->ready_at_ms <= sim->now_ms) {
        meet_fate(sim);
        return true;
    }
    if (sim->up_at_ms <= sim->now_ms) {
        sim_link_up(sim);
        return true;
    }
    return sim_fire_timer(sim);
}

static int64_t next_event_ms(const struct sim *sim)
{
    int64_t at_ms = sim->armed_ms < sim->up_at_ms ? sim->armed_ms : sim->up_at_ms;
    const struct sim_call *call = sim_first_call(&sim->calls), *wait = sim_first_call(&sim->waits);

    if (call && call->ready_at_ms < at_ms)
        at_ms = call->ready_at_ms;
    if (wait && wait->ready_at_ms < at_ms)
        at_ms = wait->ready_at_ms;
    return at_ms;
}

void sim_run_for_ms(struct sim *sim, int64_t duration_ms)
{
    const int64_t end_ms = sim->now_ms + duration_ms;
    uint32_t steps = 0;

    for (;;) {
        int64_t next_ms;

        while (step(sim))
            sim_check(sim, ++steps < STEPS_MAX);
        next_ms = next_event_ms(sim);
        if (next_ms > end_ms)
            break;
        sim->now_ms = next_ms > sim->now_ms ? next_ms : sim->now_ms;
    }
    sim->now_ms = end_ms;
}

void sim_run_until_held(struct sim *sim, struct sim_runner *runner, uint32_t count)
{
    const int64_t end_ms = sim->now_ms + LIMIT_MS;

    while (runner->open_count < count) {
        sim_check(sim, sim->now_ms < end_ms);
        sim_run_for_ms(sim, 1);
    }
}

void sim_run_until_acked(struct sim *sim, struct sim_runner *runner, uint32_t count)
{
    const int64_t end_ms = sim->now_ms + LIMIT_MS;

    while (runner->ack_count < count) {
        sim_check(sim, sim->now_ms < end_ms);
        sim_run_for_ms(sim, 1);
    }
}
