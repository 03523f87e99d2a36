/* The daemon's part in a replay. See peer.h; PROTOCOL.md says what a daemon answers. */
#include "worker/replay/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/frame.h"

#define PEER_LEASE 1u /* the one job's */

struct peer_conn {
    struct ct_list link;
    struct peer *peer;
    uv_pipe_t pipe;
    struct proto_reader reader;
};

/* --- saying --------------------------------------------------------------------------------------
 */

static void peer_written(uv_write_t *request, int status)
{
    free(request->data);
    free(request);
}

static void peer_say(struct peer_conn *conn, const struct proto_message *message)
{
    uv_write_t *request = ct_zalloc(sizeof *request);
    struct ct_buf frame;
    struct ct_error err;
    uv_buf_t bytes;
    size_t len;

    ct_buf_init(&frame);
    if (proto_encode(&frame, message, PROTO_FRAME_MAX_EVER, &err) != CT_E_OK) {
        ct_log_error("replay: a message cannot be sent", CT_ERR(&err));
        ct_buf_free(&frame);
        free(request);
        return;
    }
    request->data = ct_buf_take(&frame, &len);
    bytes = uv_buf_init(request->data, (unsigned)len);
    if (uv_write(request, (uv_stream_t *)&conn->pipe, &bytes, 1, peer_written) != 0)
        peer_written(request, 0); /* it is gone: its end is read */
}

static void peer_welcome(struct peer_conn *conn)
{
    peer_say(conn, &(struct proto_message){
                       .type = PROTO_WELCOME,
                       .as.welcome = {.protocol = PROTO_VERSION_MAX,
                                      .software = CT_STR_LIT("cartrita-replay/" CARTRITA_VERSION),
                                      .daemon = CT_STR_LIT("replay"),
                                      .frame_max = PROTO_FRAME_MAX_EVER},
                   });
}

static void peer_give_job(struct peer_conn *conn, uint64_t sub)
{
    const struct replay_job *job = conn->peer->job;

    if (conn->peer->is_given)
        return;
    conn->peer->is_given = true;
    peer_say(conn, &(struct proto_message){
                       .type = PROTO_JOB,
                       .as.job = {.lease = PEER_LEASE,
                                  .sub = sub,
                                  .id = ct_str_of(job->id),
                                  .name = ct_str_of(job->name),
                                  .data = ct_str_of(job->data),
                                  .opts = ct_str_of(job->opts),
                                  .token = CT_STR_LIT("replay"),
                                  .timestamp_ms = job->timestamp_ms,
                                  .attempts_made = job->attempts_made,
                                  .has_timeout_ms = job->timeout_ms > 0,
                                  .timeout_ms = job->timeout_ms},
                   });
}

/* --- hearing -------------------------------------------------------------------------------------
 */

static void peer_end(struct peer_conn *conn, enum peer_end end, struct ct_str text,
                     struct ct_str stack)
{
    struct peer *peer = conn->peer;

    peer_say(conn, &(struct proto_message){.type = PROTO_ACK,
                                           .as.ack = {.lease = PEER_LEASE,
                                                      .code = CT_E_OK,
                                                      .has_state = true,
                                                      .state = end == PEER_COMPLETED
                                                                   ? PROTO_STATE_COMPLETED
                                                                   : PROTO_STATE_FAILED}});
    if (peer->is_ended)
        return;
    peer->is_ended = true;
    peer->events->on_end(peer->ctx, end, text, stack);
}

static void peer_refuse_add(struct peer_conn *conn, const struct proto_add *add)
{
    peer_say(conn,
             &(struct proto_message){
                 .type = PROTO_ADDED,
                 .as.added = {.request = add->request,
                              .code = CT_E_UNSUPPORTED,
                              .has_detail = true,
                              .detail = CT_STR_LIT("this is a replay: no queue is touched")}});
}

static void peer_refuse_children(struct peer_conn *conn, const struct proto_children *children)
{
    peer_say(conn, &(struct proto_message){
                       .type = PROTO_CHILDREN_END,
                       .as.children_end = {
                           .request = children->request,
                           .code = CT_E_UNSUPPORTED,
                           .has_detail = true,
                           .detail = CT_STR_LIT("this is a replay: it has no children")}});
}

static void peer_heard(struct peer_conn *conn, const struct proto_message *message)
{
    struct peer *peer = conn->peer;

    switch (message->type) {
    case PROTO_HELLO:
        peer_welcome(conn);
        break;
    case PROTO_ATTACH:
        peer_say(conn, &(struct proto_message){.type = PROTO_ATTACHED,
                                               .as.attached = {.sub = message->as.attach.sub}});
        if (ct_str_is(message->as.attach.queue, peer->job->queue))
            peer_give_job(conn, message->as.attach.sub);
        break;
    case PROTO_PROGRESS:
        peer->events->on_note(peer->ctx, "progress", message->as.progress.value);
        break;
    case PROTO_LOG:
        peer->events->on_note(peer->ctx, "log", message->as.log.line);
        break;
    case PROTO_UPDATE:
        peer->events->on_note(peer->ctx, "data", message->as.update.data);
        break;
    case PROTO_COMPLETED:
        peer_end(conn, PEER_COMPLETED,
                 message->as.completed.has_value ? message->as.completed.value : CT_STR_LIT("null"),
                 CT_STR_NONE);
        break;
    case PROTO_FAILED:
        peer_end(conn, PEER_FAILED,
                 message->as.failed.has_reason ? message->as.failed.reason
                                               : CT_STR_LIT("Unknown reason"),
                 message->as.failed.has_stack ? message->as.failed.stack : CT_STR_NONE);
        break;
    case PROTO_RELEASED:
        peer_end(conn, PEER_RELEASED, CT_STR_LIT("the job was handed back without an outcome"),
                 CT_STR_NONE);
        break;
    case PROTO_CASUALTY:
        peer_end(conn, PEER_FAILED, message->as.casualty.reason,
                 message->as.casualty.has_stack ? message->as.casualty.stack : CT_STR_NONE);
        break;
    case PROTO_OBITUARY:
        peer->events->on_obituary(peer->ctx, message->as.obituary.reason);
        break;
    case PROTO_ADD:
        peer_refuse_add(conn, &message->as.add);
        break;
    case PROTO_CHILDREN:
        peer_refuse_children(conn, &message->as.children);
        break;
    case PROTO_PING:
        peer_say(conn, &(struct proto_message){.type = PROTO_PONG,
                                               .as.pong = {.nonce = message->as.ping.nonce}});
        break;
    default: /* windows and reports: there is one job, and nobody who asks */
        break;
    }
}

/* --- connections ---------------------------------------------------------------------------------
 */

static void peer_handle_closed(struct peer *peer)
{
    if (--peer->handles_open > 0)
        return;
    (void)unlink(peer->address + strlen("unix:"));
    (void)rmdir(peer->folder);
    free(peer->folder);
    free(peer->address);
    peer->closed(peer->ctx);
}

static void peer_conn_closed(uv_handle_t *handle)
{
    struct peer_conn *conn = handle->data;
    struct peer *peer = conn->peer;

    proto_reader_fini(&conn->reader);
    free(conn);
    peer_handle_closed(peer);
}

static void peer_hang_up(struct peer_conn *conn)
{
    if (uv_is_closing((uv_handle_t *)&conn->pipe))
        return;
    ct_list_remove(&conn->link);
    conn->peer->connection_count--;
    uv_close((uv_handle_t *)&conn->pipe, peer_conn_closed);
}

static void peer_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct peer_conn *conn = handle->data;
    size_t room;
    char *space = proto_reader_space(&conn->reader, suggested, &room);

    *buf = uv_buf_init(space, (unsigned)room);
}

static void peer_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct peer_conn *conn = stream->data;
    struct proto_message message;
    struct ct_str payload;
    struct ct_error err;

    if (count < 0) {
        peer_hang_up(conn);
        return;
    }
    proto_reader_filled(&conn->reader, (size_t)count);
    while (!uv_is_closing((uv_handle_t *)stream) &&
           proto_reader_next(&conn->reader, &payload, &err) == CT_E_OK) {
        if (proto_decode(payload, &message, &err) == CT_E_OK)
            peer_heard(conn, &message);
        else
            ct_log_warn("replay: a message is not understood", CT_ERR(&err));
    }
}

static void peer_connected(uv_stream_t *server, int status)
{
    struct peer *peer = server->data;
    struct peer_conn *conn;

    if (status != 0)
        return;
    conn = ct_zalloc(sizeof *conn);
    conn->peer = peer;
    ct_list_init(&conn->link);
    ct_list_push_back(&peer->connections, &conn->link);
    peer->connection_count++;
    proto_reader_init(&conn->reader, PROTO_FRAME_MAX_EVER);
    uv_pipe_init(peer->loop, &conn->pipe, 0);
    conn->pipe.data = conn;
    peer->handles_open++;
    if (uv_accept(server, (uv_stream_t *)&conn->pipe) != 0 ||
        peer->connection_count > PEER_CONNECTIONS_MAX ||
        uv_read_start((uv_stream_t *)&conn->pipe, peer_alloc, peer_read) != 0)
        peer_hang_up(conn);
}

enum ct_code peer_open(struct peer *peer, struct ct_error *err)
{
    const char *temp = getenv("TMPDIR");
    int rc;

    peer->folder = ct_asprintf("%s/cartrita-replay-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(peer->folder)) {
        ct_error_set(err, CT_E_SYSTEM, "making a folder for the replay's socket, %s: %s",
                     peer->folder, strerror(errno));
        free(peer->folder);
        return err->code;
    }
    peer->address = ct_asprintf("unix:%s/replay.sock", peer->folder);
    ct_list_init(&peer->connections);
    uv_pipe_init(peer->loop, &peer->server, 0);
    peer->server.data = peer;
    peer->handles_open = 1;
    rc = uv_pipe_bind(&peer->server, peer->address + strlen("unix:"));
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&peer->server, PEER_CONNECTIONS_MAX, peer_connected);
    /* The folder is ours alone and its name is short: only a lack of memory or files fails here. */
    ct_assert(rc == 0);
    return CT_E_OK;
}

static void peer_server_closed(uv_handle_t *handle)
{
    peer_handle_closed(handle->data);
}

void peer_close(struct peer *peer, void (*closed)(void *ctx))
{
    peer->closed = closed;
    CT_LIST_FOREACH_SAFE (node, following, &peer->connections)
        peer_hang_up(CT_CONTAINER(node, struct peer_conn, link));
    uv_close((uv_handle_t *)&peer->server, peer_server_closed);
}
