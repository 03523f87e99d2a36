/* One connection: its socket. Called by conns.c and the libuv callbacks below; what is said on it
 * is session.c's business.
 *
 * Happy path: read, hand out payloads, and at the end of the turn one write for everything that was
 * queued meanwhile. Failure paths: the peer closes or resets (its jobs become orphans); it sends a
 * broken frame (error, last words, close); it does not read (no jobs above CONN_WRITE_MARK, cut off
 * above CONN_WRITE_MAX); it never says hello. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "server/conn_internal.h"

#define CONN_READ_BYTES 32768
/* A peer that vanished without a word is noticed after this long. */
#define CONN_KEEPALIVE_S     15
#define CONN_USER_TIMEOUT_MS 30000
/* A buffer that a large frame has blown up is given back above this. */
#define CONN_OUT_KEEP_MAX (1u << 20)

/* --- writing --- */

size_t conn_unwritten(const struct conn *conn)
{
    return conn->out.len + (conn->is_writing ? conn->writing.len : 0);
}

enum ct_code conn_send(struct conn *conn, const struct proto_message *message, struct ct_error *err)
{
    if (!conn->has_socket || conn->state == CONN_LEAVING)
        return CT_E_OK;
    enum ct_code rc = proto_encode(&conn->out, message, conn->conns->frame_max, err);
    if (rc == CT_E_OK)
        conns_mark(conn);
    return rc;
}

void conn_tell(struct conn *conn, const struct proto_message *message)
{
    struct ct_error err;

    if (conn_send(conn, message, &err) != CT_E_OK && !conn->is_doomed) {
        conn->is_doomed = true;
        conn->doom = err;
        conns_mark(conn);
    }
}

/* The peer closes when it has read it all; the timer closes otherwise. */
static void conn_on_shut(uv_shutdown_t *request, int status)
{
    (void)request;
}

static void conn_shut(struct conn *conn)
{
    conn->is_shut = true;
    uv_shutdown(&conn->shutdown, &conn->as.stream, conn_on_shut);
}

static void conn_on_written(uv_write_t *request, int status)
{
    struct conn *conn = request->data;

    conn->is_writing = false;
    ct_buf_clear(&conn->writing);
    if (conn->writing.cap > CONN_OUT_KEEP_MAX)
        ct_buf_free(&conn->writing);
    if (conn->has_socket)
        conns_mark(conn); /* a failure shows on the reading side */
}

static void conn_write(struct conn *conn)
{
    if (conn->is_writing || conn->out.len == 0)
        return;
    uv_buf_t buf = uv_buf_init(ct_buf_data(&conn->out), (unsigned)conn->out.len);
    int sent = uv_try_write(&conn->as.stream, &buf, 1);
    if (sent > 0)
        ct_buf_consume(&conn->out, (size_t)sent);
    if (conn->out.len == 0) {
        if (conn->out.cap > CONN_OUT_KEEP_MAX)
            ct_buf_free(&conn->out);
        return;
    }
    struct ct_buf empty = conn->writing;
    conn->writing = conn->out;
    conn->out = empty;
    buf = uv_buf_init(ct_buf_data(&conn->writing), (unsigned)conn->writing.len);
    conn->write.data = conn;
    conn->is_writing = uv_write(&conn->write, &conn->as.stream, &buf, 1, conn_on_written) == 0;
}

/* --- the turn --- */

static void conn_check_pressure(struct conn *conn)
{
    size_t unwritten = conn_unwritten(conn);

    if (unwritten > CONN_WRITE_MAX) {
        ct_error_set(&conn->doom, CT_E_TOO_LARGE,
                     "the peer does not read: more than CONN_WRITE_MAX (%u bytes) wait for it",
                     CONN_WRITE_MAX);
        conn->is_doomed = true;
    } else if (unwritten > CONN_WRITE_MARK && !conn->is_choked) {
        conn->is_choked = true;
        attach_set_windows(conn);
    } else if (unwritten <= CONN_WRITE_MARK / 2 && conn->is_choked) {
        conn->is_choked = false;
        attach_set_windows(conn);
    }
}

void conn_turn(struct conn *conn)
{
    bool is_free = conn->leases.count == 0 && conn->adding_count == 0;

    if (conn->state == CONN_ORPHANED && is_free)
        obituary_settle(conn);
    if (!conn->has_socket)
        return;
    conn_write(conn);
    if (conn->state == CONN_OPEN)
        conn_check_pressure(conn);
    if (conn->is_doomed)
        conn_lost(conn, &conn->doom);
    else if (conn->state < CONN_LEAVING && conn->conns->is_draining && is_free)
        conn_leave(conn);
    else if (conn->state == CONN_LEAVING && !conn->is_shut && conn_unwritten(conn) == 0)
        conn_shut(conn);
}

/* --- reading --- */

static void conn_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct conn *conn = handle->data;
    size_t room;
    char *space = proto_reader_space(&conn->reader, CONN_READ_BYTES, &room);

    *buf = uv_buf_init(space, (unsigned)(room < UINT32_MAX ? room : UINT32_MAX));
}

static void conn_read_payloads(struct conn *conn)
{
    struct ct_str payload;
    struct ct_error err;

    while (conn->has_socket && conn->state != CONN_LEAVING && !conn->is_held) {
        enum ct_code rc = proto_reader_next(&conn->reader, &payload, &err);
        if (rc == CT_E_CLOSED)
            return;
        if (rc != CT_E_OK) {
            session_refuse(conn, &err);
            return;
        }
        session_payload(conn, payload);
    }
}

static void conn_on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct conn *conn = stream->data;
    struct ct_error err;

    if (count < 0) {
        ct_error_set(&err, CT_E_CLOSED, "%s", uv_strerror((int)count));
        conn_lost(conn, &err);
    } else if (count > 0 && conn->state != CONN_LEAVING) {
        conn->silence = 0;
        proto_reader_filled(&conn->reader, (size_t)count);
        conn_read_payloads(conn);
    }
}

void conn_hold(struct conn *conn)
{
    if (conn->is_held || !conn->has_socket)
        return;
    conn->is_held = true;
    uv_read_stop(&conn->as.stream);
    conns_hold(conn->conns);
}

static bool conn_is_behind(const struct conn *conn)
{
    const struct lease *lease;
    uint32_t at = 0;

    while ((lease = lease_table_next(&conn->leases, &at)) != NULL) {
        if (!queue_takes_notes(lease))
            return true;
    }
    return false;
}

void conn_try_release(struct conn *conn)
{
    struct ct_error err;
    int status;

    if (conn->has_socket && conn_is_behind(conn))
        return;
    conn->is_held = false;
    if (!conn->has_socket)
        return;
    status = uv_read_start(&conn->as.stream, conn_on_alloc, conn_on_read);
    if (status != 0) {
        ct_error_set(&err, CT_E_CLOSED, "%s", uv_strerror(status));
        conn_lost(conn, &err);
        return;
    }
    conn_read_payloads(conn); /* what was read already */
}

/* Steps are counted and not time: when the daemon itself was stopped, its runners were not silent.
 * Only those that take jobs are asked; and what takes a large message in is alive. */
void conn_watch(struct conn *conn)
{
    const struct proto_message ping = {.type = PROTO_PING, .as.ping = {.nonce = conn->silence}};
    size_t unsent;

    if (conn->state != CONN_OPEN || conn->sub_count == 0)
        return;
    unsent = uv_stream_get_write_queue_size(&conn->as.stream);
    if (unsent < conn->unsent || conn->is_held)
        conn->silence = 0;
    conn->unsent = unsent;
    conn->silence++;
    /* While it is held, its own questions are not read: a word from us tells it that we live. */
    if (conn->silence == CONN_ASK_MS / CONN_WATCH_MS || conn->is_held) {
        conn_tell(conn, &ping);
    } else if (conn->silence >= CONN_SILENT_MS / CONN_WATCH_MS && !conn->is_doomed) {
        ct_error_set(&conn->doom, CT_E_TIMEOUT, "not a word for %d ms: it is stopped, or hangs",
                     CONN_SILENT_MS);
        ct_log_warn("runner is silent, its jobs go to others", CT_INT("pid", conn->pid),
                    CT_INT("jobs", conn->leases.count), CT_INT("silent_ms", CONN_SILENT_MS));
        conn->is_doomed = true;
        conns_mark(conn);
    }
}

/* --- life --- */

static void conn_on_timer(uv_timer_t *timer)
{
    struct conn *conn = timer->data;
    struct ct_error err;

    switch (conn->state) {
    case CONN_GREETING:
        ct_error_set(&err, CT_E_TIMEOUT, "no hello within %d ms", CONN_HELLO_MS);
        session_refuse(conn, &err);
        break;
    case CONN_OPEN:          /* its runner is dead, and yet the socket is open */
        if (conn->is_held) { /* what it said last is still in there */
            conn_be_patient(conn, CONN_RESUME_GRACE_MS);
            break;
        }
        /* fall through */
    case CONN_LEAVING:
        ct_error_set(&err, CT_E_TIMEOUT, "the peer did not close");
        conn_lost(conn, &err);
        break;
    case CONN_ORPHANED:
        obituary_settle(conn);
        break;
    case CONN_CLOSED:
        break;
    }
}

void conn_be_patient(struct conn *conn, uint64_t patience_ms)
{
    uv_timer_start(&conn->timer, conn_on_timer, patience_ms, 0);
}

struct conn *conn_new(struct conns *conns)
{
    struct conn *conn = ct_zalloc(sizeof *conn);

    conn->conns = conns;
    conn->state = CONN_GREETING;
    ct_list_init(&conn->dirty_link);
    ct_list_init(&conn->subs);
    ct_list_init(&conn->addings);
    ct_list_init(&conn->askings);
    ct_list_init(&conn->cachings);
    ct_list_init(&conn->watches);
    ct_list_init(&conn->stops);
    ct_list_init(&conn->casualties);
    lease_table_init(&conn->leases);
    proto_reader_init(&conn->reader, conns->frame_max);
    ct_buf_init(&conn->out);
    ct_buf_init(&conn->writing);
    uv_timer_init(conns->loop, &conn->timer);
    conn->timer.data = conn;
    conn->handles_open = 1;
    ct_list_push_back(&conns->all, &conn->link);
    conns->count++;
    return conn;
}

int conn_start(struct conn *conn)
{
    int fd, user_timeout_ms = CONN_USER_TIMEOUT_MS;

    if (conn->as.handle.type == UV_TCP) {
        uv_tcp_nodelay(&conn->as.tcp, 1);
        uv_tcp_keepalive(&conn->as.tcp, 1, CONN_KEEPALIVE_S);
        if (uv_fileno(&conn->as.handle, &fd) == 0)
            setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
    }
    conn_be_patient(conn, CONN_HELLO_MS);
    return uv_read_start(&conn->as.stream, conn_on_alloc, conn_on_read);
}

static void conn_on_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;

    ct_assert(conn->handles_open > 0);
    if (--conn->handles_open > 0)
        return;
    ct_assert(conn->state == CONN_CLOSED);
    ct_list_remove(&conn->link);
    ct_list_remove(&conn->dirty_link);
    conn->conns->count--;
    obituary_free(conn);
    lease_table_fini(&conn->leases);
    proto_reader_fini(&conn->reader);
    ct_buf_free(&conn->out);
    ct_buf_free(&conn->writing);
    free(conn->worker);
    free(conn->runner);
    free(conn);
}

void conn_close_socket(struct conn *conn)
{
    conn->has_socket = false;
    ct_buf_free(&conn->out);
    uv_close(&conn->as.handle, conn_on_closed);
}

/* What it asked for, and is not there to hear. */
static void conn_abandon(struct conn *conn)
{
    attach_forget_searches(conn);
    adding_abandon(conn);
    asking_abandon(conn);
    caching_abandon(conn);
    stopping_abandon(conn);
    fleet_leave(conn);
    backlog_leave(conn);
}

void conn_bury(struct conn *conn)
{
    if (conn->state == CONN_CLOSED)
        return;
    ct_assert(!conn->has_socket);
    conn->state = CONN_CLOSED;
    conn_abandon(conn);
    uv_close((uv_handle_t *)&conn->timer, conn_on_closed);
}

void conn_lost(struct conn *conn, const struct ct_error *why)
{
    ct_log_debug("connection closed", CT_INT("pid", conn->pid), CT_INT("jobs", conn->leases.count),
                 CT_ERR(why));
    conn_close_socket(conn);
    conn_abandon(conn);
    uv_timer_stop(&conn->timer);
    if (conn->leases.count > 0 && conn->runner) {
        obituary_orphan(conn);
        return;
    }
    attach_close_all(conn, conn->leases.count > 0 ? CONSUMER_DIED : CONSUMER_RETURNS);
    conn_bury(conn);
}

void conn_leave(struct conn *conn)
{
    conn_abandon(conn);
    attach_close_all(conn, CONSUMER_RETURNS);
    conn->state = CONN_LEAVING;
    conn_be_patient(conn, CONN_LEAVE_MS);
    conns_mark(conn);
}
