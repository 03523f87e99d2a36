/* One dialling: uv_getaddrinfo (TCP only), then one address after the other until one takes the
 * connection. With a dialler none of that: it is asked, and answers. Reads and writes nothing, and
 * has no deadline of its own: the client has, and closes.
 *
 * Failures: the name has no address, or every address has refused; the last refusal is told, as is
 * the dialler's. */
#include "proto/dial.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/assert.h"

#define DIAL_KEEPALIVE_S 15

static void dial_next(struct proto_dial *dial);

static void dial_release(struct proto_dial *dial)
{
    ct_assert(dial->callbacks_due > 0);
    if (--dial->callbacks_due > 0)
        return;
    if (dial->found)
        uv_freeaddrinfo(dial->found);
    dial->found = NULL;
    dial->on_closed(dial);
}

static void dial_handle_closed(uv_handle_t *handle)
{
    dial_release(handle->data);
}

static void dial_socket_close(struct proto_dial *dial, uv_close_cb closed)
{
    dial->has_socket = false;
    uv_close(&dial->socket.handle, closed);
}

static void dial_socket_opened(struct proto_dial *dial)
{
    dial->socket.handle.data = dial;
    dial->connect.data = dial;
    dial->has_socket = true;
    dial->callbacks_due++;
}

static void dial_failed(struct proto_dial *dial, const char *doing, int uv_error)
{
    char *where = ct_address_print(dial->address);
    struct ct_error why;

    ct_error_set(&why, CT_E_CLOSED, "%s %s: %s", doing, where, uv_strerror(uv_error));
    free(where);
    dial->on_done(dial, &why);
}

/* A handle that failed to connect cannot be used a second time. */
static void dial_retry(uv_handle_t *handle)
{
    struct proto_dial *dial = handle->data;

    if (!dial->is_closing)
        dial_next(dial);
    dial_release(dial);
}

static void dial_refused(struct proto_dial *dial, int uv_error)
{
    if (dial->untried > 0)
        dial_socket_close(dial, dial_retry);
    else
        dial_failed(dial, "connecting to", uv_error);
}

static void dial_connected(uv_connect_t *request, int status)
{
    struct proto_dial *dial = request->data;

    if (!dial->is_closing) {
        if (status < 0)
            dial_refused(dial, status);
        else
            dial->on_done(dial, NULL);
    }
    dial_release(dial);
}

static void dial_next(struct proto_dial *dial)
{
    const struct addrinfo *to = dial->trying;

    ct_assert(dial->untried > 0);
    dial->untried--;
    dial->trying = to->ai_next ? to->ai_next : dial->found;
    int rc = uv_tcp_init(dial->loop, &dial->socket.tcp);
    ct_assert(rc == 0);
    dial_socket_opened(dial);
    rc = uv_tcp_connect(&dial->connect, &dial->socket.tcp, to->ai_addr, dial_connected);
    if (rc < 0) {
        dial_refused(dial, rc);
        return;
    }
    dial->callbacks_due++;
    /* There is a socket by now. Messages are gathered already, so Nagle could only delay them;
     * keepalive notices a host that is gone. */
    uv_tcp_nodelay(&dial->socket.tcp, 1);
    uv_tcp_keepalive(&dial->socket.tcp, 1, DIAL_KEEPALIVE_S);
}

static void dial_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct proto_dial *dial = request->data;

    dial->is_resolving = false;
    dial->found = found;
    if (!dial->is_closing && status < 0) {
        dial_failed(dial, "finding the host of", status);
    } else if (!dial->is_closing) {
        for (const struct addrinfo *each = found; each; each = each->ai_next)
            dial->untried++;
        dial->trying = found;
        for (unsigned skip = dial->first % dial->untried; skip > 0; skip--)
            dial->trying = dial->trying->ai_next;
        dial_next(dial);
    }
    dial_release(dial);
}

static void dial_resolve(struct proto_dial *dial)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];

    snprintf(port, sizeof port, "%u", (unsigned)dial->address->port);
    dial->resolve.data = dial;
    int rc = uv_getaddrinfo(dial->loop, &dial->resolve, dial_resolved, dial->address->host, port,
                            &hints);
    if (rc < 0) {
        dial_failed(dial, "finding the host of", rc);
        return;
    }
    dial->is_resolving = true;
    dial->callbacks_due++;
}

static void dial_path(struct proto_dial *dial)
{
    int rc = uv_pipe_init(dial->loop, &dial->socket.pipe, 0);

    ct_assert(rc == 0);
    dial_socket_opened(dial);
    uv_pipe_connect(&dial->connect, &dial->socket.pipe, dial->address->path, dial_connected);
    dial->callbacks_due++;
}

void proto_dial_start(struct proto_dial *dial)
{
    dial->callbacks_due = 1; /* for proto_dial_close */
    if (dial->dialler) {
        dial->is_asking = true;
        dial->dialler->ask(dial->dialler, dial);
    } else if (dial->address->path) {
        dial_path(dial);
    } else {
        dial_resolve(dial);
    }
}

void proto_dial_accept(struct proto_dial *dial, uv_stream_t *from)
{
    int rc = dial->address->path ? uv_pipe_init(dial->loop, &dial->socket.pipe, 0)
                                 : uv_tcp_init(dial->loop, &dial->socket.tcp);

    ct_assert(rc == 0);
    ct_assert(dial->is_asking);
    dial->is_asking = false;
    dial_socket_opened(dial);
    rc = uv_accept(from, &dial->socket.stream);
    if (rc < 0)
        dial_failed(dial, "taking over the connection to", rc);
    else
        dial->on_done(dial, NULL);
}

void proto_dial_refuse(struct proto_dial *dial, const struct ct_error *why)
{
    ct_assert(dial->is_asking);
    dial->is_asking = false;
    dial->on_done(dial, why);
}

void proto_dial_close(struct proto_dial *dial)
{
    ct_assert(!dial->is_closing);
    dial->is_closing = true;
    if (dial->is_asking)
        dial->dialler->forget(dial->dialler, dial);
    if (dial->is_resolving)
        uv_cancel((uv_req_t *)&dial->resolve); /* one under way goes on: its end is awaited */
    if (dial->has_socket)
        dial_socket_close(dial, dial_handle_closed);
    dial_release(dial);
}
