/* One runner's place: its states, and what is done to it. See slot.h. */
#include "worker/supervisor/slot_internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/shared/control.h"

#define TO(state) (1u << SLOT_##state)
static const struct {
    const char *name;
    unsigned moves;
} slot_states[] = {
    [SLOT_DOWN] = {"down", TO(STARTING)},
    [SLOT_STARTING] = {"starting", TO(READY) | TO(DYING) | TO(DOWN)},
    [SLOT_READY] = {"ready", TO(DRAINING) | TO(DYING) | TO(DOWN)},
    [SLOT_DRAINING] = {"draining", TO(DYING) | TO(DOWN)},
    [SLOT_DYING] = {"dying", TO(DOWN)},
};

void slot_become(struct slot *slot, enum slot_state next, const char *why)
{
    ct_assert(slot_states[slot->state].moves & (1u << next));
    ct_log_debug("slot moves", CT_STR("pool", slot->pool->name), CT_INT("slot", slot->index),
                 CT_STR("to", slot_states[next].name), CT_STR("why", why));
    slot->state = next;
    slot->since_ms = uv_now(slot->context->loop);
    uv_timer_stop(&slot->timer);
    slot->context->on_change(slot->context->ctx);
}

const char *slot_state_name(const struct slot *slot)
{
    return slot_states[slot->state].name;
}

bool slot_is_looping(const struct slot *slot)
{
    bool is_well = slot->state == SLOT_READY &&
                   uv_now(slot->context->loop) - slot->since_ms >= SLOT_HEALTHY_MS;

    return slot->is_wanted && slot->failures >= SLOT_CRASH_LOOP && !is_well;
}

void slot_timed(struct slot *slot, uv_timer_cb cb, uint64_t ms)
{
    uv_timer_start(&slot->timer, cb, ms, 0);
}

/* --- ending it -----------------------------------------------------------------------------------
 */

void slot_signal(struct slot *slot, int number)
{
    if (slot->is_dead)
        return;
    /* The whole group, for what a plugin may have started. */
    (void)kill(-slot->process.pid, number);
}

static void slot_kill_due(uv_timer_t *timer)
{
    slot_signal(timer->data, SIGKILL);
}

static void slot_end(struct slot *slot, const char *reason, int number)
{
    if (slot->state == SLOT_DOWN || slot->state == SLOT_DYING)
        return;
    ct_log_warn("ending a runner", CT_STR("pool", slot->pool->name), CT_INT("slot", slot->index),
                CT_INT("pid", slot->process.pid), CT_STR("why", reason));
    snprintf(slot->kill_reason, sizeof slot->kill_reason, "%s", reason);
    slot_become(slot, SLOT_DYING, reason);
    slot_signal(slot, number);
    slot_timed(slot, slot_kill_due, SLOT_KILL_MS);
}

void slot_kill(struct slot *slot, const char *reason)
{
    slot_end(slot, reason, SIGTERM);
}

void slot_kill_now(struct slot *slot, const char *reason)
{
    slot_end(slot, reason, SIGKILL);
}

void slot_kill_late(struct slot *slot, const char *reason, uint64_t before_ms)
{
    if (slot->state == SLOT_DOWN || slot->state == SLOT_DYING)
        return;
    slot->late_before_ms = before_ms;
    slot_kill(slot, reason);
}

void slot_late(uv_timer_t *timer)
{
    struct slot *slot = timer->data;

    slot_kill(slot, slot->state == SLOT_STARTING ? "it took too long to start"
                                                 : "it did not end in time");
}

static void slot_written(uv_write_t *request, int status)
{
    free(request->data);
    free(request);
}

/* Takes over `text`. */
void slot_tell(struct slot *slot, char *text)
{
    uv_write_t *request = ct_zalloc(sizeof *request);
    uv_buf_t buf = uv_buf_init(text, (unsigned)strlen(text));

    request->data = text;
    if (uv_write(request, (uv_stream_t *)&slot->control, &buf, 1, slot_written) != 0)
        slot_written(request, 0); /* it is dying: the exit callback comes */
}

void slot_start_drain(struct slot *slot, const char *why)
{
    slot_become(slot, SLOT_DRAINING, why);
    slot_timed(slot, slot_late, slot->context->grace_ms + SLOT_DRAIN_EXTRA_MS);
}

void slot_hurry_retired(struct slot *slot)
{
    if (slot->state != SLOT_DRAINING || !slot->is_retired)
        return;
    slot->is_retired = false;
    slot_timed(slot, slot_late, slot->context->grace_ms + SLOT_DRAIN_EXTRA_MS);
}

void slot_drain(struct slot *slot)
{
    slot->is_wanted = false;
    switch (slot->state) {
    case SLOT_DOWN:
        uv_timer_stop(&slot->timer);
        break;
    case SLOT_STARTING:
        slot_kill(slot, "stopped before it was ready"); /* it holds no job */
        break;
    case SLOT_READY:
        slot_tell(slot, ct_strdup(CONTROL_DRAIN "\n"));
        slot_start_drain(slot, "told to drain");
        break;
    case SLOT_DRAINING:
        if (slot->is_retired)
            slot_tell(slot, ct_strdup(CONTROL_DRAIN "\n"));
        slot_hurry_retired(slot);
        break;
    case SLOT_DYING:
        break;
    }
}

void slot_retire(struct slot *slot)
{
    if (slot->state == SLOT_DRAINING)
        return; /* it keeps the time that it has, if it has retired before */
    if (slot->state != SLOT_READY) {
        slot_drain(slot);
        return;
    }
    slot->is_wanted = false;
    slot->is_retired = true;
    slot_tell(slot, ct_strdup(CONTROL_RETIRE "\n"));
    slot_become(slot, SLOT_DRAINING, "another has taken its place"); /* its jobs' limits end it */
}

void slot_replace(struct slot *slot, const char *why)
{
    if (slot->replace_why || !slot->is_wanted)
        return;
    slot->replace_why = why;
    slot->context->on_change(slot->context->ctx);
}

void slot_renew(struct slot *slot, const char *why)
{
    if (!slot->is_wanted)
        return;
    slot->failures = 0;
    if (slot->state == SLOT_DOWN)
        slot_start(slot);
    else
        slot_replace(slot, why);
}

void slot_pause(struct slot *slot, bool is_paused)
{
    if (slot->is_paused == is_paused)
        return;
    slot->is_paused = is_paused;
    if (slot->state == SLOT_STARTING || slot->state == SLOT_READY)
        slot_tell(slot, ct_asprintf("%s\n", is_paused ? CONTROL_PAUSE : CONTROL_RESUME));
}

void slot_stop(struct slot *slot)
{
    slot_drain(slot);
    if (slot->state != SLOT_DRAINING)
        return;
    slot_tell(slot, ct_strdup(CONTROL_STOP "\n"));
    slot_timed(slot, slot_late, SLOT_STOP_EXTRA_MS);
}

bool slot_is_alive(const struct slot *slot)
{
    return slot->state != SLOT_DOWN && !slot->is_dead;
}

void slot_init(struct slot *slot, const struct slot_context *context,
               const struct pool_config *pool, uint32_t index)
{
    *slot = (struct slot){.context = context, .pool = pool, .index = index, .recorder_fd = -1};
    uv_timer_init(context->loop, &slot->timer);
    slot->timer.data = slot;
}

static void slot_timer_closed(uv_handle_t *handle)
{
    struct slot *slot = handle->data;

    free(slot->plugin_file);
    ct_buf_free(&slot->control_in);
    slot->closed(slot->closed_ctx);
}

void slot_close(struct slot *slot, void (*closed)(void *ctx), void *ctx)
{
    ct_assert(slot->state == SLOT_DOWN);
    ct_assert(!slot->is_wanted);
    slot->closed = closed;
    slot->closed_ctx = ctx;
    uv_close((uv_handle_t *)&slot->timer, slot_timer_closed);
}

void slot_start(struct slot *slot)
{
    slot->is_wanted = true;
    if (slot->state == SLOT_DOWN)
        slot_go(slot);
}
