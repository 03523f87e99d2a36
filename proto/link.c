/* A client's connection over libuv. Owns the dial that holds its socket, the reader and the bytes
 * on their way out. Called by client.c; it never interprets a payload, never retries, never logs.
 *
 *   CONNECTING ─► OPEN ─► FINISHING
 *        │          │         │
 *        └────── fault ───────┴──► FAILED;   every state ─► CLOSING ─► freed
 *
 * Happy path: dial.c connects, then reading begins. What is queued goes out in the turn that
 * queued it: the check handle runs right after the loop has handled its sockets, the prepare handle
 * before it waits for them again, so whatever callback did the queueing, one of them comes before
 * any wait and after the last message of that batch. Both are active only while there is something
 * to do. uv_try_write first; what the socket does not take is lent to one uv_write at a time.
 *
 * Failures: each ends as a fault that is noted once and reported by the same pass, after the last
 * bytes were offered: no address, no connection on any address, a broken or oversized frame, the
 * peer's close, a failed read or write, and what the owner reports with proto_link_fail. */
#include "proto/link.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/list.h"
#include "common/mem.h"
#include "proto/dial.h"
#include "proto/frame.h"

/* An output buffer that has grown over this is given back once it is empty. */
#define LINK_KEEP_MAX (1u << 20)

enum link_state {
    LINK_CONNECTING,
    LINK_OPEN,
    LINK_FINISHING,
    LINK_FAILED,
    LINK_CLOSING,
};

struct proto_link {
    enum link_state state;
    struct proto_link_events events;
    void *ctx;

    /* Handles and requests whose last callback is still due. */
    unsigned callbacks_due;
    uv_prepare_t prepare;
    uv_check_t check;
    struct proto_dial dial; /* holds the socket */
    uv_write_t write;
    uv_shutdown_t shutdown;

    struct proto_reader reader;
    struct ct_buf out;     /* queued, not yet offered to the socket */
    struct ct_buf writing; /* lent to libuv while is_writing */
    bool is_writing, is_shut;

    bool has_fault;
    struct ct_error fault;
};

static struct proto_link *link_of(struct proto_dial *dial)
{
    return CT_CONTAINER(dial, struct proto_link, dial);
}

static uv_stream_t *link_stream(struct proto_link *link)
{
    return &link->dial.socket.stream;
}

/* --- the end -------------------------------------------------------------------------------- */

static void link_release(struct proto_link *link)
{
    ct_assert(link->callbacks_due > 0);
    if (--link->callbacks_due > 0 || link->state != LINK_CLOSING)
        return;
    struct proto_link_events events = link->events;
    void *ctx = link->ctx;

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
    if (link->state == LINK_OPEN || link->state == LINK_FINISHING)
        uv_read_stop(link_stream(link));
    link_wake(link);
}

bool proto_link_has_failed(const struct proto_link *link)
{
    return !link_is_usable(link);
}

/* `what` says what was tried; the address is added. */
static void link_fault(struct proto_link *link, enum ct_code code, const char *what, int uv_error)
{
    char *where = ct_address_print(link->dial.address);
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
    int rc = uv_write(&link->write, link_stream(link), &bytes, 1, link_written);
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
    int taken = uv_try_write(link_stream(link), &bytes, 1);
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
    int rc = uv_shutdown(&link->shutdown, link_stream(link), link_shut);
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
    struct proto_link *link = link_of(handle->data);
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
    struct proto_link *link = link_of(stream->data);

    if (len > 0) {
        proto_reader_filled(&link->reader, (size_t)len);
        link_deliver(link);
    } else if (len < 0 && len != UV_ECANCELED) {
        link_fault(link, len == UV_ENOBUFS ? CT_E_SYSTEM : CT_E_CLOSED, "reading from", (int)len);
    }
}

/* --- connecting ----------------------------------------------------------------------------- */

static void link_dialled(struct proto_dial *dial, const struct ct_error *why)
{
    struct proto_link *link = link_of(dial);

    if (!link_is_usable(link))
        return;
    if (why) {
        proto_link_fail(link, why);
        return;
    }
    int rc = uv_read_start(link_stream(link), link_alloc, link_read);
    if (rc < 0) {
        link_fault(link, CT_E_CLOSED, "reading from", rc);
        return;
    }
    link->state = LINK_OPEN;
    link->events.on_open(link->ctx);
}

static void link_dial_closed(struct proto_dial *dial)
{
    link_release(link_of(dial));
}

struct proto_link *proto_link_open(uv_loop_t *loop, const struct ct_address *address,
                                   struct proto_dialler *dialler, unsigned first,
                                   uint32_t frame_max, const struct proto_link_events *events,
                                   void *ctx)
{
    struct proto_link *link = ct_zalloc(sizeof *link);

    link->events = *events;
    link->ctx = ctx;
    proto_reader_init(&link->reader, frame_max);
    uv_prepare_init(loop, &link->prepare);
    uv_check_init(loop, &link->check);
    link->prepare.data = link;
    link->check.data = link;
    link->callbacks_due = 3; /* prepare, check, dial */
    link->dial = (struct proto_dial){.loop = loop,
                                     .address = address,
                                     .dialler = dialler,
                                     .first = first,
                                     .on_done = link_dialled,
                                     .on_closed = link_dial_closed};
    proto_dial_start(&link->dial);
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
    link->state = LINK_CLOSING;
    uv_close((uv_handle_t *)&link->prepare, link_handle_closed);
    uv_close((uv_handle_t *)&link->check, link_handle_closed);
    proto_dial_close(&link->dial);
}
