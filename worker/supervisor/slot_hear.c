/* What a runner says on its control socket. Part of slot.h; control.h has the words. */
#include "worker/supervisor/slot_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "worker/shared/control.h"

void slot_complain(struct slot *slot, struct ct_str text)
{
    char complaint[sizeof slot->complaint];

    snprintf(complaint, sizeof complaint, "%.*s", (int)text.len, text.data);
    if (slot->is_complaint_told && strcmp(complaint, slot->complaint) == 0)
        return; /* once is enough for a reason that stays the same */
    memcpy(slot->complaint, complaint, sizeof complaint);
    slot->is_complaint_told = true;
    ct_log_error("runner cannot start", CT_STR("pool", slot->pool->name),
                 CT_INT("slot", slot->index), CT_STR("error", complaint));
}

/* One of its threads is lost: its other jobs may finish, and another runner takes its place. */
static void slot_stuck(struct slot *slot)
{
    slot->is_wanted = false;
    if (slot->state == SLOT_READY)
        slot_start_drain(slot, "a job does not stop");
    else
        slot_hurry_retired(slot);
}

static void slot_heard(struct slot *slot, struct ct_str line)
{
    if (ct_str_skip(&line, CONTROL_READY)) {
        snprintf(slot->plugin, sizeof slot->plugin, "%.*s", (int)line.len, line.data);
        if (slot->state != SLOT_STARTING)
            return;
        slot_become(slot, SLOT_READY, "it said so");
        slot->ready_ms = slot->since_ms;
        slot->was_ready = true;
        slot->is_complaint_told = false;
        ct_log_info("runner ready", CT_STR("pool", slot->pool->name), CT_INT("slot", slot->index),
                    CT_INT("pid", slot->process.pid), CT_STR("plugin", slot->plugin));
    } else if (ct_str_skip(&line, CONTROL_FAILED)) {
        slot->has_said_why = true;
        slot_complain(slot, line);
    } else if (ct_str_skip(&line, CONTROL_UNUSABLE)) {
        slot->has_said_why = slot->is_unusable = true;
        slot_complain(slot, line);
    } else if (ct_str_skip(&line, CONTROL_STUCK)) {
        slot_stuck(slot);
    } else if (ct_str_skip(&line, CONTROL_RECYCLE)) {
        slot_replace(slot, "it has run enough jobs (recycle-jobs)");
    } else if (ct_str_skip(&line, CONTROL_BYE)) {
        slot->is_handed_back = true;
    } else if (ct_str_skip(&line, CONTROL_DIAL) && !slot->is_dead) {
        dialler_ask(&slot->dialler, line);
    }
}

void slot_hear(struct slot *slot)
{
    struct ct_str text = ct_buf_str(&slot->control_in);
    const char *end;

    while ((end = memchr(text.data, '\n', text.len))) {
        size_t len = (size_t)(end - text.data);

        slot_heard(slot, (struct ct_str){text.data, len});
        ct_buf_consume(&slot->control_in, len + 1);
        text = ct_buf_str(&slot->control_in);
    }
    if (text.len > CONTROL_LINE_MAX) /* no line of ours: noise */
        ct_buf_clear(&slot->control_in);
}

void slot_control_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct slot *slot = handle->data;

    *buf = uv_buf_init(ct_buf_reserve(&slot->control_in, CONTROL_LINE_MAX), CONTROL_LINE_MAX);
}

void slot_control_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct slot *slot = stream->data;

    if (count < 0) {
        uv_read_stop(stream); /* the exit callback tells the rest */
        return;
    }
    if (uv_pipe_pending_count(&slot->control) > 0) { /* they would pile up */
        uv_read_stop(stream);
        slot_kill(slot, "it sent its supervisor a file descriptor");
        return;
    }
    slot->control_in.len += (size_t)count;
    slot_hear(slot);
}
