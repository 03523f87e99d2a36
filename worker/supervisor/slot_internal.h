/* What the files of a slot share:
 *
 *   slot.c         its states, and what is done to it
 *   slot_birth.c   starting its runner
 *   slot_hear.c    what the runner says
 *   slot_death.c   when the runner is gone
 *   slot_report.c  who pays for that
 *
 * Nobody else includes it. */
#ifndef WORKER_SLOT_INTERNAL_H
#define WORKER_SLOT_INTERNAL_H

#include "worker/supervisor/slot.h"

/* --- slot.c --- */
void slot_become(struct slot *slot, enum slot_state next, const char *why);
/* One timer, for what comes next in the present state. */
void slot_timed(struct slot *slot, uv_timer_cb cb, uint64_t ms);
/* To its whole group. */
void slot_signal(struct slot *slot, int number);
void slot_late(uv_timer_t *timer);
/* A line for the runner; takes over `text`. */
void slot_tell(struct slot *slot, char *text);
void slot_start_drain(struct slot *slot, const char *why);
/* A retired runner has the grace period from now on, too. */
void slot_hurry_retired(struct slot *slot);

/* --- slot_birth.c --- */
void slot_go(struct slot *slot);
void slot_restart_due(uv_timer_t *timer);

/* --- slot_hear.c --- */
/* Logs why it cannot start, once for as long as it stays the same. */
void slot_complain(struct slot *slot, struct ct_str text);
/* Takes the lines that are in control_in. */
void slot_hear(struct slot *slot);
void slot_control_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
void slot_control_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf);

/* --- slot_death.c --- */
void slot_exited(uv_process_t *process, int64_t status, int number);
void slot_leave_cgroup(struct slot *slot);
void slot_close_handles(struct slot *slot);
void slot_handle_closed(uv_handle_t *handle);
void slot_try_later(struct slot *slot);

#endif
