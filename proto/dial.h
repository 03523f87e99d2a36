/* Finds a daemon's address and connects to it. Owns the socket's handle for as long as it lives;
 * whoever dialled reads and writes on it meanwhile. Called by link.c only. */
#ifndef CT_PROTO_DIAL_H
#define CT_PROTO_DIAL_H

#include <stdbool.h>
#include <uv.h>

#include "common/error.h"
#include "common/url.h"

struct proto_dial {
    uv_loop_t *loop;                  /* borrowed */
    const struct ct_address *address; /* borrowed until closed */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    bool has_socket; /* initialised and not yet given to uv_close */
    bool is_resolving, is_closing;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    unsigned callbacks_due;

    struct addrinfo *found;        /* owned; what the name stands for */
    const struct addrinfo *trying; /* in found */
    unsigned first;                /* number of the address to begin with */
    unsigned untried;              /* addresses left */

    /* Once, unless closed before; may come from inside proto_dial_start where the system refuses
     * at once. `doing` says what failed, `uv_error` why; 0: socket.stream is connected. */
    void (*on_done)(struct proto_dial *dial, const char *doing, int uv_error);
    void (*on_closed)(struct proto_dial *dial);
};

/* Of the addresses that a name has, all are tried in turn, beginning with number `first` (modulo
 * their count). The caller has set loop, address, first and the callbacks; the rest is zero. */
void proto_dial_start(struct proto_dial *dial);

/* Gives up or hangs up; then on_closed comes, and the memory is the caller's again. */
void proto_dial_close(struct proto_dial *dial);

#endif
