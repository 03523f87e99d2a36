/* A client's connection over libuv. Owns the socket's handle, the reader and the bytes on their way
 * out. Called by client.c; it never interprets a payload, never retries, never logs.
 *
 *   RESOLVING ─► CONNECTING ─► OPEN ─► FINISHING
 *       │            │           │         │
 *       └────────────┴── fault ──┴─────────┴──► FAILED;   every state ─► CLOSING ─► freed
 *
 * Happy path: uv_getaddrinfo (TCP only), connect, read. What is queued goes out in the turn that
 * queued it: the check handle runs right after the loop has handled its sockets, the prepare handle
 * before it waits for them again, so whatever callback did the queueing, one of them comes before
 * any wait and after the last message of that batch. Both are active only while there is something
 * to do. uv_try_write first; what the socket does not take is lent to one uv_write at a time.
 *
 * Failures: each ends as a fault that is noted once and reported by the same pass, after the last
 * bytes were offered: no address, no connection on any address, a broken or oversized frame, the
 * peer's close, a failed read or write, and what the owner reports with proto_link_fail. */
#include "proto/link.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"
#include "proto/frame.h"

/* An output buffer that has grown over this is given back once it is empty. */
#define LINK_KEEP_MAX (1u << 20)

#define LINK_KEEPALIVE_S 15

enum link_state {
    LINK_RESOLVING,
    LINK_CONNECTING,
    LINK_OPEN,
    LINK_FINISHING,
    LINK_FAILED,
    LINK_CLOSING,
};

struct proto_link {
    enum link_state state;
    uv_loop_t *loop;                  /* borrowed */
    const struct ct_address *address; /* borrowed */
    struct proto_link_events events;
    void *ctx;

    /* Handles and requests whose last callback is still due. */
    unsigned callbacks_due;
    uv_prepare_t prepare;
    uv_check_t check;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    bool has_socket; /* initialised and not yet given to uv_close */
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;

    struct addrinfo *found;        /* owned; what the name stands for */
    const struct addrinfo *trying; /* in found */
    unsigned first;                /* number of the address to begin with */
    unsigned untried;              /* addresses left */

    struct proto_reader reader;
    struct ct_buf out;     /* queued, not yet offered to the socket */
    struct ct_buf writing; /* lent to libuv while is_writing */
    bool is_writing, is_shut;

    bool has_fault;
    struct ct_error fault;
};

static void link_connect_next(struct proto_link *link);

/* --- the end -------------------------------------------------------------------------------- */

static void link_release(struct proto_link *link)
{
    ct_assert(link->callbacks_due > 0);
    if (--link->callbacks_due > 0 || link->state != LINK_CLOSING)
        return;
    struct proto_link_events events = link->events;
    void *ctx = link->ctx;

    if (link->found)
        uv_freeaddrinfo(link->found);
    proto_reader_fini(&link->reader);
    ct_buf_free(&link->out);
    ct_buf_free(&link->writing);
    free(link);
    events.on_closed(ctx);
}

static void link_handle_closed(uv_handle_t *handle)
{
    link_release(handle->data);
}

static void link_socket_close(struct proto_link *link, uv_close_cb closed)
{
    link->has_socket = false;
    uv_close(&link->socket.handle, closed);
}

/* --- faults and the pass at the end of a turn ------------------------------------------------ */

static bool link_is_usable(const struct proto_link *link)
{
    return !link->has_fault && link->state != LINK_FAILED && link->state != LINK_CLOSING;
}

static void link_wake(struct proto_link *link);

void proto_link_fail(struct proto_link *link, const struct ct_error *why)
{
    if (!link_is_usable(link))
        return;
    link->has_fault = true;
    link->fault = *why;
    if (link->has_socket)
        uv_read_stop(&link->socket.stream);
    link_wake(link);
}

bool proto_link_has_failed(const struct proto_link *link)
{
    return !link_is_usable(link);
}

/* `what` says what was tried; the address is added. */
static void link_fault(struct proto_link *link, enum ct_code code, const char *what, int uv_error)
{
    char *where = ct_address_print(link->address);
    struct ct_error why;

    ct_error_set(&why, code, "%s %s: %s", what, where,
                 uv_error == UV_EOF ? "closed by the peer" : uv_strerror(uv_error));
    free(where);
    proto_link_fail(link, &why);
}

static void link_written(uv_write_t *request, int status)
{
    struct proto_link *link = request->data;

    link->is_writing = false;
    ct_buf_clear(&link->writing);
    if (link->writing.cap > LINK_KEEP_MAX)
        ct_buf_free(&link->writing);
    if (status < 0)
        link_fault(link, CT_E_CLOSED, "writing to", status);
    else if (link_is_usable(link))
        link_wake(link); /* for what was queued meanwhile, or for the end that waits for it */
    link_release(link);
}

/* Lends the whole of `out` to libuv. */
static void link_write_rest(struct proto_link *link)
{
    struct ct_buf empty = link->writing;

    link->writing = link->out;
    link->out = empty;
    uv_buf_t bytes = uv_buf_init(ct_buf_data(&link->writing), (unsigned)link->writing.len);
    link->write.data = link;
    int rc = uv_write(&link->write, &link->socket.stream, &bytes, 1, link_written);
    if (rc < 0) {
        ct_buf_clear(&link->writing);
        link_fault(link, CT_E_CLOSED, "writing to", rc);
        return;
    }
    link->is_writing = true;
    link->callbacks_due++;
}

static void link_write(struct proto_link *link)
{
    struct ct_buf *out = &link->out;

    if (link->is_writing || out->len == 0 ||
        (link->state != LINK_OPEN && link->state != LINK_FINISHING))
        return;
    uv_buf_t bytes = uv_buf_init(ct_buf_data(out), (unsigned)out->len);
    int taken = uv_try_write(&link->socket.stream, &bytes, 1);
    if (taken < 0 && taken != UV_EAGAIN) {
        link_fault(link, CT_E_CLOSED, "writing to", taken);
        return;
    }
    if (taken > 0)
        ct_buf_consume(out, (size_t)taken);
    if (out->len > 0)
        link_write_rest(link);
    else if (out->cap > LINK_KEEP_MAX)
        ct_buf_free(out);
}

/* Nothing hangs on the answer: the peer's close comes as the end of its stream, and the owner has
 * a deadline. */
static void link_shut(uv_shutdown_t *request, int status)
{
    (void)status;
    link_release(request->data);
}

static void link_shut_when_written(struct proto_link *link)
{
    if (link->state != LINK_FINISHING || link->is_shut || link->is_writing || link->out.len > 0)
        return;
    link->is_shut = true;
    link->shutdown.data = link;
    int rc = uv_shutdown(&link->shutdown, &link->socket.stream, link_shut);
    if (rc < 0)
        link_fault(link, CT_E_CLOSED, "closing the connection to", rc);
    else
        link->callbacks_due++;
}

static void link_turn(struct proto_link *link)
{
    uv_prepare_stop(&link->prepare);
    uv_check_stop(&link->check);
    link_write(link);
    link_shut_when_written(link);
    if (!link->has_fault || link->state == LINK_FAILED)
        return;
    link->state = LINK_FAILED;
    /* A write that found a second fault has woken the handles again. */
    uv_prepare_stop(&link->prepare);
    uv_check_stop(&link->check);
    link->events.on_fail(link->ctx, &link->fault);
}

static void link_on_prepare(uv_prepare_t *handle)
{
    link_turn(handle->data);
}

static void link_on_check(uv_check_t *handle)
{
    link_turn(handle->data);
}

static void link_wake(struct proto_link *link)
{
    uv_prepare_start(&link->prepare, link_on_prepare);
    uv_check_start(&link->check, link_on_check);
}

struct ct_buf *proto_link_out(struct proto_link *link)
{
    return &link->out;
}

void proto_link_flush_soon(struct proto_link *link)
{
    /* While a write is under way its end wakes us. */
    if (link_is_usable(link) && !link->is_writing)
        link_wake(link);
}

size_t proto_link_queued(const struct proto_link *link)
{
    return link->out.len + link->writing.len;
}

/* --- reading -------------------------------------------------------------------------------- */

static void link_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct proto_link *link = handle->data;
    size_t room;
    char *space = proto_reader_space(&link->reader, suggested, &room);

    *out = uv_buf_init(space, room > INT32_MAX ? INT32_MAX : (unsigned)room);
}

/* Hands out every whole payload; a callback may fail or close the link between two of them. */
static void link_deliver(struct proto_link *link)
{
    struct ct_str payload;
    struct ct_error err;
    enum ct_code rc;

    while ((rc = proto_reader_next(&link->reader, &payload, &err)) == CT_E_OK) {
        if (link->state == LINK_OPEN)
            link->events.on_payload(link->ctx, payload);
        if (!link_is_usable(link))
            return;
    }
    if (rc != CT_E_CLOSED)
        proto_link_fail(link, &err);
}

static void link_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct proto_link *link = stream->data;

    if (len > 0) {
        proto_reader_filled(&link->reader, (size_t)len);
        link_deliver(link);
    } else if (len < 0 && len != UV_ECANCELED) {
        link_fault(link, len == UV_ENOBUFS ? CT_E_SYSTEM : CT_E_CLOSED, "reading from", (int)len);
    }
}

/* --- connecting ----------------------------------------------------------------------------- */

static void link_opened(struct proto_link *link)
{
    int rc = uv_read_start(&link->socket.stream, link_alloc, link_read);

    if (rc < 0) {
        link_fault(link, CT_E_SYSTEM, "reading from", rc);
        return;
    }
    link->state = LINK_OPEN;
    link->events.on_open(link->ctx);
}

/* A handle that failed to connect cannot be used a second time. */
static void link_socket_retry(uv_handle_t *handle)
{
    struct proto_link *link = handle->data;

    if (link_is_usable(link))
        link_connect_next(link);
    link_release(link);
}

static void link_connect_failed(struct proto_link *link, int uv_error)
{
    if (link->untried > 0)
        link_socket_close(link, link_socket_retry);
    else
        link_fault(link, CT_E_CLOSED, "connecting to", uv_error);
}

static void link_connected(uv_connect_t *request, int status)
{
    struct proto_link *link = request->data;

    if (link_is_usable(link)) {
        if (status < 0)
            link_connect_failed(link, status);
        else
            link_opened(link);
    }
    link_release(link);
}

static void link_connect_tcp(struct proto_link *link, const struct sockaddr *to)
{
    int rc = uv_tcp_connect(&link->connect, &link->socket.tcp, to, link_connected);

    if (rc < 0) {
        link_connect_failed(link, rc);
        return;
    }
    link->callbacks_due++;
    /* Both take effect once there is a socket, which the connect made. Messages are already
     * gathered, so Nagle could only delay them; keepalive notices a host that is gone. */
    uv_tcp_nodelay(&link->socket.tcp, 1);
    uv_tcp_keepalive(&link->socket.tcp, 1, LINK_KEEPALIVE_S);
}

static void link_connect_next(struct proto_link *link)
{
    const struct addrinfo *to = link->trying;

    ct_assert(link->untried > 0);
    link->untried--;
    link->trying = to->ai_next ? to->ai_next : link->found;
    int rc = uv_tcp_init(link->loop, &link->socket.tcp);
    ct_assert(rc == 0);
    link->socket.handle.data = link;
    link->has_socket = true;
    link->callbacks_due++;
    link_connect_tcp(link, to->ai_addr);
}

static void link_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct proto_link *link = request->data;

    link->found = found;
    if (!link_is_usable(link)) {
        link_release(link);
        return;
    }
    if (status < 0) {
        link_fault(link, CT_E_CLOSED, "finding the host of", status);
    } else {
        for (const struct addrinfo *each = found; each; each = each->ai_next)
            link->untried++;
        link->trying = found;
        for (unsigned skip = link->first % link->untried; skip > 0; skip--)
            link->trying = link->trying->ai_next;
        link->state = LINK_CONNECTING;
        link_connect_next(link);
    }
    link_release(link);
}

static void link_resolve(struct proto_link *link)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];

    snprintf(port, sizeof port, "%u", (unsigned)link->address->port);
    link->resolve.data = link;
    int rc = uv_getaddrinfo(link->loop, &link->resolve, link_resolved, link->address->host, port,
                            &hints);
    if (rc < 0)
        link_fault(link, CT_E_SYSTEM, "finding the host of", rc);
    else
        link->callbacks_due++;
}

static void link_connect_path(struct proto_link *link)
{
    int rc = uv_pipe_init(link->loop, &link->socket.pipe, 0);

    ct_assert(rc == 0);
    link->socket.handle.data = link;
    link->has_socket = true;
    link->state = LINK_CONNECTING;
    link->callbacks_due += 2;
    uv_pipe_connect(&link->connect, &link->socket.pipe, link->address->path, link_connected);
}

struct proto_link *proto_link_open(uv_loop_t *loop, const struct ct_address *address,
                                   unsigned first, uint32_t frame_max,
                                   const struct proto_link_events *events, void *ctx)
{
    struct proto_link *link = ct_zalloc(sizeof *link);

    link->loop = loop;
    link->address = address;
    link->events = *events;
    link->ctx = ctx;
    link->first = first;
    proto_reader_init(&link->reader, frame_max);
    uv_prepare_init(loop, &link->prepare);
    uv_check_init(loop, &link->check);
    link->prepare.data = link;
    link->check.data = link;
    link->connect.data = link;
    link->callbacks_due = 2;
    if (address->path)
        link_connect_path(link);
    else
        link_resolve(link);
    return link;
}

void proto_link_finish(struct proto_link *link)
{
    struct ct_error why;

    if (!link_is_usable(link) || link->state == LINK_FINISHING)
        return;
    if (link->state == LINK_OPEN) {
        link->state = LINK_FINISHING;
        link_wake(link);
        return;
    }
    ct_error_set(&why, CT_E_CLOSED, "closed before it was connected");
    proto_link_fail(link, &why);
}

void proto_link_close(struct proto_link *link)
{
    ct_assert(link->state != LINK_CLOSING);
    if (!link->has_fault)
        link_write(link);
    if (link->state == LINK_RESOLVING)
        uv_cancel((uv_req_t *)&link->resolve); /* too late for one under way: its end is awaited */
    link->state = LINK_CLOSING;
    uv_close((uv_handle_t *)&link->prepare, link_handle_closed);
    uv_close((uv_handle_t *)&link->check, link_handle_closed);
    if (link->has_socket)
        link_socket_close(link, link_handle_closed);
}
