/* All connections of the daemon. See conn.h. */
#include <stdlib.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "server/conn_internal.h"

static void conns_on_watch(uv_timer_t *timer)
{
    struct conns *conns = timer->data;

    CT_LIST_FOREACH (node, &conns->all)
        conn_watch(CT_CONTAINER(node, struct conn, link));
}

static void conns_on_hold(uv_timer_t *timer)
{
    struct conns *conns = timer->data;
    bool is_any = false;

    CT_LIST_FOREACH_SAFE (node, following, &conns->all) {
        struct conn *conn = CT_CONTAINER(node, struct conn, link);
        if (conn->is_held)
            conn_try_release(conn);
        is_any |= conn->is_held;
    }
    if (!is_any)
        uv_timer_stop(timer);
}

void conns_hold(struct conns *conns)
{
    if (!uv_is_active((uv_handle_t *)&conns->hold))
        uv_timer_start(&conns->hold, conns_on_hold, CONN_HOLD_MS, CONN_HOLD_MS);
}

struct conns *conns_new(const struct conns_options *options)
{
    struct conns *conns = ct_zalloc(sizeof *conns);

    conns->loop = options->loop;
    conns->hosts = options->hosts;
    conns->random = options->random;
    conns->clock = options->clock;
    conns->frame_max = options->frame_max;
    conns->is_private = options->is_private;
    ct_uuid(conns->random, conns->uuid);
    ct_list_init(&conns->all);
    ct_list_init(&conns->dirty);
    uv_timer_init(conns->loop, &conns->watch);
    conns->watch.data = conns;
    uv_timer_start(&conns->watch, conns_on_watch, CONN_WATCH_MS, CONN_WATCH_MS);
    uv_timer_init(conns->loop, &conns->hold);
    conns->hold.data = conns;
    fleet_init(conns);
    backlog_init(conns);
    conns->handles_open = 4;
    return conns;
}

static void conns_on_closed(uv_handle_t *handle)
{
    struct conns *conns = handle->data;

    if (--conns->handles_open == 0)
        free(conns);
}

void conns_free(struct conns *conns)
{
    uv_timer_t *const timers[] = {&conns->watch, &conns->hold, &conns->fleet.timer,
                                  &conns->backlog.timer};

    ct_assert(conns_are_gone(conns));
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++)
        uv_close((uv_handle_t *)timers[i], conns_on_closed);
}

void conns_accept(struct conns *conns, uv_stream_t *server)
{
    struct conn *conn = conn_new(conns);
    struct ct_error err;

    if (server->type == UV_TCP)
        uv_tcp_init(conns->loop, &conn->as.tcp);
    else
        uv_pipe_init(conns->loop, &conn->as.pipe, 0);
    conn->as.handle.data = conn;
    conn->handles_open++;
    conn->has_socket = true;
    int rc = uv_accept(server, &conn->as.stream);
    if (rc == 0)
        rc = conn_start(conn);
    if (rc != 0) {
        ct_error_set(&err, CT_E_SYSTEM, "cannot accept: %s", uv_strerror(rc));
        conn_lost(conn, &err);
    } else if (conns->count > CONN_MAX) {
        ct_error_set(&err, CT_E_TOO_LARGE, "this daemon already has %d connections (CONN_MAX)",
                     CONN_MAX);
        session_refuse(conn, &err);
    }
}

void conns_mark(struct conn *conn)
{
    if (ct_list_is_empty(&conn->dirty_link))
        ct_list_push_back(&conn->conns->dirty, &conn->dirty_link);
}

void conns_turn(struct conns *conns)
{
    struct ct_list now;

    ct_list_init(&now);
    ct_list_append(&now, &conns->dirty);
    while (!ct_list_is_empty(&now)) {
        struct conn *conn = CT_CONTAINER(now.next, struct conn, dirty_link);
        ct_list_remove(&conn->dirty_link);
        conn_turn(conn);
    }
}

bool conns_want_turn(const struct conns *conns)
{
    return !ct_list_is_empty(&conns->dirty);
}

void conns_drain(struct conns *conns)
{
    const struct proto_message bye = {
        .type = PROTO_BYE,
        .as.bye = {.reason = CT_STR_LIT("the daemon is stopping"), .has_reason = true},
    };

    conns->is_draining = true;
    CT_LIST_FOREACH (node, &conns->all) {
        struct conn *conn = CT_CONTAINER(node, struct conn, link);
        if (conn->state == CONN_OPEN)
            conn_tell(conn, &bye);
        conns_mark(conn);
    }
}

void conns_end(struct conns *conns)
{
    CT_LIST_FOREACH_SAFE (node, following, &conns->all) {
        struct conn *conn = CT_CONTAINER(node, struct conn, link);
        attach_close_all(conn, CONSUMER_RETURNS);
        if (conn->has_socket)
            conn_close_socket(conn);
        conn_bury(conn);
    }
}

bool conns_are_gone(const struct conns *conns)
{
    return ct_list_is_empty(&conns->all);
}

uint32_t conns_lease_count(const struct conns *conns)
{
    uint32_t count = 0;

    CT_LIST_FOREACH (node, &conns->all)
        count += CT_CONTAINER(node, struct conn, link)->leases.count;
    return count;
}
