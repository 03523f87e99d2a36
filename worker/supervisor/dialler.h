/* Connects to the daemon for a runner and hands it the socket: a runner in its sandbox may not make
 * sockets, and under a user of its own it could not reach a private one. One per slot, which hears
 * the runner's request (control.h) and owns it; remote_dial.c is the runner's end.
 *
 * One dial at a time. A newer request replaces the one under way: the runner has given that up. It
 * sees nothing of what travels over the connection. */
#ifndef WORKER_DIALLER_H
#define WORKER_DIALLER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/str.h"
#include "proto/dial.h"

#define DIALLER_PAUSE_MS 5u /* between two dials of a runner that asks without end */

struct dialler {
    uv_loop_t *loop;
    uv_pipe_t *control;        /* borrowed; made for handles (ipc) */
    struct ct_address address; /* owned; of the daemon */
    struct proto_dial dial;
    uv_timer_t pause;
    uv_write_t write;
    char line[CT_ERROR_DETAIL_MAX + 32];
    int64_t number; /* of the request under way */
    int64_t wanted; /* the newest request not begun; 0: none */
    bool is_dialling, is_writing, is_dial_open, is_pausing, is_closing;
    void (*closed)(struct dialler *dialler);
};

/* `address` has been checked already. */
void dialler_open(struct dialler *dialler, uv_loop_t *loop, const char *address,
                  uv_pipe_t *control);

/* The runner asks for a connection; `number` is what it calls it, and no number is noise. */
void dialler_ask(struct dialler *dialler, struct ct_str number);

/* Before the control socket is closed or in the same turn. `closed` comes in a later turn. */
void dialler_close(struct dialler *dialler, void (*closed)(struct dialler *dialler));

#endif
