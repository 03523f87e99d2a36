/* When a runner is gone: its last words, its report, its handles, and whether and when it is tried
 * again. Part of slot.h. */
#include "worker/supervisor/slot_internal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/list.h"
#include "common/log.h"
#include "worker/shared/control.h"
#include "worker/watch/limits.h"
#include "worker/watch/temp_watch.h"

uint32_t slot_restart_max_ms(const struct slot *slot)
{
    return slot->was_charged ? SLOT_RESTART_CHARGED_MAX_MS : SLOT_RESTART_MAX_MS;
}

static uint64_t slot_restart_delay(const struct slot *slot)
{
    uint64_t max = slot_restart_max_ms(slot);
    uint64_t delay = SLOT_RESTART_MIN_MS;

    /* A runner that worked and died is replaced at once; only if that goes on we wait. */
    if (slot->failures <= 1)
        return slot->ready_ms ? 0 : SLOT_RESTART_MIN_MS;
    for (uint32_t i = 1; i < slot->failures && delay < max; i++)
        delay *= 2;
    return delay < max ? delay : max;
}

void slot_try_later(struct slot *slot)
{
    uint64_t delay = slot_restart_delay(slot);

    /* The 2nd, 4th, 8th, ... time. */
    if (slot->failures > 1 && (slot->failures & (slot->failures - 1)) == 0)
        ct_log_warn("runner will be started again", CT_STR("pool", slot->pool->name),
                    CT_INT("slot", slot->index), CT_INT("failures", slot->failures),
                    CT_INT("in_ms", delay));
    slot_timed(slot, slot_restart_due, delay);
}

static void slot_down(struct slot *slot)
{
    slot_become(slot, SLOT_DOWN, "its process is gone");
    if (slot->is_wanted)
        slot_try_later(slot);
}

static void slot_release(struct slot *slot)
{
    ct_assert(slot->handles_open > 0);
    if (--slot->handles_open == 0)
        slot_down(slot);
}

void slot_handle_closed(uv_handle_t *handle)
{
    slot_release(handle->data);
}

static void slot_dialler_closed(struct dialler *dialler)
{
    slot_release(CT_CONTAINER(dialler, struct slot, dialler));
}

void slot_close_handles(struct slot *slot)
{
    slot->is_dead = true;
    close(slot->recorder_fd);
    slot->recorder_fd = -1;
    temp_watch_forget(slot);
    temp_root_discard(slot->context->temp_root, slot->temp_dir);
    slot->temp_dir = NULL;
    free(slot->plugin_file);
    slot->plugin_file = NULL;
    if (slot->has_output) {
        output_close(&slot->output, slot_handle_closed);
        output_close(&slot->log, slot_handle_closed);
    }
    uv_close((uv_handle_t *)&slot->process, slot_handle_closed);
    uv_close((uv_handle_t *)&slot->control, slot_handle_closed);
    dialler_close(&slot->dialler, slot_dialler_closed);
}

/* The last words may still be in the socket: all that it wrote is there by now. */
static void slot_read_last_words(struct slot *slot)
{
    uv_os_fd_t fd;
    ssize_t count;

    if (uv_fileno((uv_handle_t *)&slot->control, &fd) != 0)
        return;
    do {
        char *room = ct_buf_reserve(&slot->control_in, CONTROL_LINE_MAX);

        count = read(fd, room, CONTROL_LINE_MAX);
        if (count > 0) {
            slot->control_in.len += (size_t)count;
            slot_hear(slot);
        }
    } while (count > 0);
}

/* The last look at its group: the kernel may have been quicker than limits.c. */
void slot_leave_cgroup(struct slot *slot)
{
    if (!slot->cgroup)
        return;
    if (!slot->kill_reason[0] && cgroup_was_oom(slot->cgroup))
        snprintf(slot->kill_reason, sizeof slot->kill_reason,
                 "killed by the kernel above %" PRIu64 " MiB of memory (memory-max)",
                 limits_memory_most(slot->pool) >> 20);
    cgroup_kill(slot->cgroup);
    cgroup_remove(slot->context->cgroup, slot->cgroup);
    slot->cgroup = NULL;
}

void slot_exited(uv_process_t *process, int64_t status, int number)
{
    struct slot *slot = process->data;
    bool has_failed;

    slot_read_last_words(slot);
    slot_signal(slot, SIGKILL); /* what is left of its group */
    slot_leave_cgroup(slot);
    if (slot->has_output) {
        output_finish(&slot->log);
        output_finish(&slot->output);
    }
    has_failed = !slot->is_handed_back || slot->state == SLOT_STARTING;
    if (slot->ready_ms && uv_now(slot->context->loop) - slot->ready_ms >= SLOT_HEALTHY_MS)
        slot->failures = 0;
    if (has_failed)
        slot->failures++;
    slot_report(slot, status, number);
    slot_close_handles(slot);
}
