/* One address that the daemon listens on. Owned by the daemon. */
#ifndef CT_SERVER_LISTENER_H
#define CT_SERVER_LISTENER_H

#include <uv.h>

#include "common/error.h"
#include "common/url.h"

struct listener;

typedef void (*listener_accept_fn)(void *ctx, uv_stream_t *server);

/* Binds and listens. A socket file that nobody listens on is replaced; its folder is made when only
 * that is missing. `accept` takes each connection. */
enum ct_code listener_open(uv_loop_t *loop, const char *address, listener_accept_fn accept,
                           void *ctx, struct listener **out, struct ct_error *err) CT_MUST_CHECK;
/* The address as clients write it. Borrowed. */
const char *listener_address(const struct listener *listener);
/* Removes its socket file. Frees, then calls `closed`. */
void listener_close(struct listener *listener, void (*closed)(void *ctx), void *ctx);

#endif
