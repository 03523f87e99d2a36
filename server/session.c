/* What is said on a connection: hello first, then one function for each message. Called by conn.c
 * with whole payloads.
 *
 * An unknown message is answered with an error and skipped: a newer peer may go on. A broken one,
 * or one that the peer's role does not have, ends the connection after an error. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "server/conn_internal.h"

#define SESSION_SOFTWARE "cartrita-queued/" CARTRITA_VERSION
#define SESSION_TEXT_MAX 256 /* bytes of a UUID or a software name */

static void session_error(struct conn *conn, const struct ct_error *err)
{
    const struct proto_message message = {
        .type = PROTO_ERROR,
        .as.error = {.code = err->code, .detail = ct_str_of(err->detail)},
    };

    conn_tell(conn, &message);
}

void session_refuse(struct conn *conn, const struct ct_error *err)
{
    ct_log_warn("connection refused", CT_INT("pid", conn->pid), CT_ERR(err));
    session_error(conn, err);
    if (conn->leases.count > 0) {
        /* A runner that lost its mind, but its jobs may go on: as if the connection broke. */
        conn->is_doomed = true;
        conn->doom = *err;
        conns_mark(conn);
        return;
    }
    conn_leave(conn);
}

void session_done(struct conn *conn, uint64_t request, const struct ct_error *answer)
{
    const struct proto_message message = {
        .type = PROTO_DONE,
        .as.done = {.request = request,
                    .code = answer->code,
                    .has_detail = answer->detail[0] != '\0',
                    .detail = ct_str_of(answer->detail)},
    };

    conn_tell(conn, &message);
}

/* --- hello --- */

static void session_welcome(struct conn *conn, uint64_t version)
{
    const struct proto_message message = {
        .type = PROTO_WELCOME,
        .as.welcome = {.protocol = version,
                       .software = conn->conns->is_private
                                       ? CT_STR_LIT(SESSION_SOFTWARE PROTO_SOFTWARE_PRIVATE)
                                       : CT_STR_LIT(SESSION_SOFTWARE),
                       .daemon = ct_str_of(conn->conns->uuid),
                       .frame_max = conn->conns->frame_max},
    };

    conn_tell(conn, &message);
}

static char *session_text(struct ct_str text)
{
    return text.len > 0 && text.len <= SESSION_TEXT_MAX ? ct_strndup(text.data, text.len) : NULL;
}

static void session_hello(struct conn *conn, const struct proto_hello *hello)
{
    struct ct_error err;
    uint64_t version =
        hello->protocol_max < PROTO_VERSION_MAX ? hello->protocol_max : PROTO_VERSION_MAX;

    if (version < hello->protocol_min || version < PROTO_VERSION_MIN) {
        ct_error_set(&err, CT_E_UNSUPPORTED,
                     "the peer (%.*s) speaks protocol %llu to %llu, this daemon (" SESSION_SOFTWARE
                     ") %d to %d: update the older one",
                     (int)(hello->software.len < 60 ? hello->software.len : 60),
                     hello->software.data, (unsigned long long)hello->protocol_min,
                     (unsigned long long)hello->protocol_max, PROTO_VERSION_MIN, PROTO_VERSION_MAX);
        session_refuse(conn, &err);
        return;
    }
    if (hello->role < PROTO_ROLE_RUNNER || hello->role > PROTO_ROLE_CLIENT) {
        ct_error_set(&err, CT_E_BAD_MESSAGE, "hello: no role has the number %llu",
                     (unsigned long long)hello->role);
        session_refuse(conn, &err);
        return;
    }
    conn->role = (enum proto_role)hello->role;
    conn->worker = hello->has_worker ? session_text(hello->worker) : NULL;
    conn->runner =
        hello->has_runner && conn->role == PROTO_ROLE_RUNNER ? session_text(hello->runner) : NULL;
    conn->pid = hello->has_pid ? hello->pid : 0;
    conn->state = CONN_OPEN;
    uv_timer_stop(&conn->timer);
    session_welcome(conn, version);
    ct_log_debug("connection open", CT_INT("role", conn->role), CT_INT("pid", conn->pid),
                 CT_BYTES("software", hello->software));
    if (conn->conns->is_draining)
        conns_mark(conn);
}

/* --- the rest --- */

static void session_pong(struct conn *conn, const struct proto_ping *ping)
{
    const struct proto_message message = {.type = PROTO_PONG, .as.pong = {.nonce = ping->nonce}};

    conn_tell(conn, &message);
}

static void session_bye(struct conn *conn)
{
    attach_close_all(conn, CONSUMER_RETURNS);
    conn_leave(conn);
}

static void session_misplaced(struct conn *conn, enum proto_type type)
{
    struct ct_error err;

    ct_error_set(&err, CT_E_BAD_MESSAGE, "a %s message has no place here", proto_type_name(type));
    session_refuse(conn, &err);
}

/* What only a supervisor says. */
static void session_supervisor(struct conn *conn, const struct proto_message *message)
{
    switch (message->type) {
    case PROTO_CASUALTY:
        obituary_casualty(conn, &message->as.casualty);
        return;
    case PROTO_OBITUARY:
        obituary_obituary(conn, &message->as.obituary);
        return;
    case PROTO_REPORT:
        fleet_report(conn, &message->as.report);
        return;
    case PROTO_DONE:
        fleet_done(conn, &message->as.done);
        return;
    case PROTO_WATCH:
        backlog_watch(conn, &message->as.watch);
        return;
    default:
        session_misplaced(conn, message->type);
    }
}

/* What only a client says. */
static void session_client(struct conn *conn, const struct proto_message *message)
{
    switch (message->type) {
    case PROTO_FLEET:
        fleet_fleet(conn, &message->as.fleet);
        return;
    case PROTO_ORDER:
        fleet_order(conn, &message->as.order);
        return;
    default:
        session_misplaced(conn, message->type);
    }
}

/* What all may say, then what the peer's role has. */
static void session_message(struct conn *conn, const struct proto_message *message)
{
    switch (message->type) {
    case PROTO_ATTACH:
        attach_attach(conn, &message->as.attach);
        return;
    case PROTO_WINDOW:
        attach_window(conn, &message->as.window);
        return;
    case PROTO_COMPLETED:
        outcome_completed(conn, &message->as.completed);
        return;
    case PROTO_FAILED:
        outcome_failed(conn, &message->as.failed);
        return;
    case PROTO_RELEASED:
        outcome_released(conn, &message->as.released);
        return;
    case PROTO_PROGRESS:
        outcome_progress(conn, &message->as.progress);
        return;
    case PROTO_LOG:
        outcome_log(conn, &message->as.log);
        return;
    case PROTO_UPDATE:
        outcome_update(conn, &message->as.update);
        return;
    case PROTO_RESUME:
        attach_resume(conn, &message->as.resume);
        return;
    case PROTO_ADD:
        adding_add(conn, &message->as.add);
        return;
    case PROTO_CHILDREN:
        asking_ask(conn, &message->as.children);
        return;
    case PROTO_CACHE_GET:
        caching_get(conn, &message->as.cache_get);
        return;
    case PROTO_CACHE_PUT:
        caching_put(conn, &message->as.cache_put);
        return;
    case PROTO_STOP_JOB:
        if (conn->role == PROTO_ROLE_RUNNER)
            break;
        stopping_stop_job(conn, &message->as.stop_job);
        return;
    case PROTO_BYE:
        session_bye(conn);
        return;
    case PROTO_PING:
        session_pong(conn, &message->as.ping);
        return;
    case PROTO_PONG:
        return;
    case PROTO_ERROR: /* of a request of ours; we make none that can fail */
        ct_log_warn("a peer reports an error", CT_INT("pid", conn->pid),
                    CT_BYTES("detail", message->as.error.detail));
        return;
    default:
        break;
    }
    if (conn->role == PROTO_ROLE_SUPERVISOR)
        session_supervisor(conn, message);
    else if (conn->role == PROTO_ROLE_CLIENT)
        session_client(conn, message);
    else
        session_misplaced(conn, message->type);
}

void session_payload(struct conn *conn, struct ct_str payload)
{
    struct proto_message message;
    struct ct_error err;
    enum ct_code rc = proto_decode(payload, &message, &err);

    if (rc == CT_E_UNSUPPORTED && conn->state == CONN_OPEN) {
        ct_log_debug("unknown message skipped", CT_INT("pid", conn->pid), CT_ERR(&err));
        session_error(conn, &err);
    } else if (rc != CT_E_OK) {
        session_refuse(conn, &err);
    } else if (conn->state == CONN_OPEN) {
        session_message(conn, &message);
    } else if (message.type == PROTO_HELLO) {
        session_hello(conn, &message.as.hello);
    } else if (message.type == PROTO_PING) {
        session_pong(conn, &message.as.ping);
    } else if (message.type != PROTO_PONG) {
        ct_error_set(&err, CT_E_BAD_MESSAGE, "the first message must be hello, not %s",
                     proto_type_name(message.type));
        session_refuse(conn, &err);
    }
}
