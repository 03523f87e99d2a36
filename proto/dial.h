/* Finds a daemon's address and connects to it, or has a dialler do so. Owns the socket's handle for
 * as long as it lives; whoever dialled reads and writes on it meanwhile. Called by link.c, and by
 * those who dial for others. */
#ifndef CT_PROTO_DIAL_H
#define CT_PROTO_DIAL_H

#include <stdbool.h>
#include <uv.h>

#include "common/error.h"
#include "common/url.h"

struct proto_dial;

/* Connects for a process that may not do so itself: one without socket(2), or under a user who
 * cannot reach the daemon's socket. */
struct proto_dialler {
    /* Asks for a connection to dial->address. proto_dial_accept or proto_dial_refuse answers, in a
     * later turn of the loop, unless `forget` has come before. */
    void (*ask)(struct proto_dialler *dialler, struct proto_dial *dial);
    void (*forget)(struct proto_dialler *dialler, struct proto_dial *dial);
};

struct proto_dial {
    uv_loop_t *loop;                  /* borrowed */
    const struct ct_address *address; /* borrowed until closed */
    struct proto_dialler *dialler;    /* borrowed until closed; NULL: we connect */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    bool has_socket; /* initialised and not yet given to uv_close */
    bool is_resolving, is_asking, is_closing;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    unsigned callbacks_due;

    struct addrinfo *found;        /* owned; what the name stands for */
    const struct addrinfo *trying; /* in found */
    unsigned first;                /* number of the address to begin with */
    unsigned untried;              /* addresses left */

    /* Once, unless closed before; may come from inside proto_dial_start where the system refuses
     * at once. `why` is NULL when socket.stream is connected. */
    void (*on_done)(struct proto_dial *dial, const struct ct_error *why);
    void (*on_closed)(struct proto_dial *dial);
};

/* Of the addresses that a name has, all are tried in turn, beginning with number `first` (modulo
 * their count). The caller has set loop, address, dialler, first and the callbacks; the rest is
 * zero. */
void proto_dial_start(struct proto_dial *dial);

/* The dialler's answers: the connection, which waits in `from` to be accepted, or why there is
 * none. */
void proto_dial_accept(struct proto_dial *dial, uv_stream_t *from);
void proto_dial_refuse(struct proto_dial *dial, const struct ct_error *why);

/* Gives up or hangs up; then on_closed comes, and the memory is the caller's again. */
void proto_dial_close(struct proto_dial *dial);

#endif
