/* The runner's way to a connection: asks its supervisor over the control socket and takes the
 * connected socket from there. runner.c owns it, gives it to the client as its dialler, and passes
 * on what the supervisor answers. See control.h; dialler.c is the supervisor's end. */
#ifndef WORKER_REMOTE_DIAL_H
#define WORKER_REMOTE_DIAL_H

#include <stdint.h>
#include <uv.h>

#include "common/str.h"
#include "proto/dial.h"

struct remote_dial {
    struct proto_dialler dialler;
    uv_pipe_t *control; /* borrowed; made for handles (ipc) */
    /* Writes a line to the supervisor. */
    void (*say)(const char *word, const char *text);
    struct proto_dial *waiting; /* borrowed; NULL: no answer is wanted */
    int64_t number;             /* of the last request */
};

void remote_dial_init(struct remote_dial *remote, uv_pipe_t *control,
                      void (*say)(const char *word, const char *text));

/* A line from the supervisor; false: it is none of ours. */
bool remote_dial_told(struct remote_dial *remote, struct ct_str line);

#endif
