/* Supervisors: their reports and their orders. See fleet.h.
 *
 * Happy path of an order: find the supervisor by its UUID, pass the order on under a number of our
 * own, pass its answer back. Failures: nobody of that UUID has reported; too many are under way;
 * the supervisor does not answer in time, or is gone; the client is gone, and the answer is
 * dropped. */
#include "server/fleet.h"

#include <stdlib.h>

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "server/conn_internal.h"

struct fleet_member {
    struct ct_list link; /* in fleet->members */
    struct conn *conn;   /* borrowed; owns this */
    char *report;        /* owned; a JSON object without its closing bracket */
    size_t len;
    bool is_empty;   /* an object without members */
    int64_t seen_ms; /* wall clock */
};

struct fleet_order {
    struct ct_list link; /* in fleet->orders */
    uint64_t number;     /* to the supervisor */
    struct conn *to;     /* the supervisor's */
    struct conn *from;   /* the client's */
    uint64_t request;    /* of the client */
    uint64_t deadline_ms;
};

/* --- reports --- */

static void member_free(struct fleet *fleet, struct fleet_member *member)
{
    fleet->bytes -= member->len;
    member->conn->member = NULL;
    ct_list_remove(&member->link);
    free(member->report);
    free(member);
}

/* The newest connection of a worker counts: the earlier one may not have been seen to end yet. */
static struct fleet_member *fleet_find(const struct fleet *fleet, struct ct_str worker)
{
    CT_LIST_FOREACH (node, &fleet->members) {
        struct fleet_member *member = CT_CONTAINER(node, struct fleet_member, link);
        if (ct_str_is(worker, member->conn->worker))
            return member;
    }
    return NULL;
}

static struct fleet_member *fleet_join(struct fleet *fleet, struct conn *conn)
{
    struct fleet_member *member = fleet_find(fleet, ct_str_of(conn->worker));

    if (member)
        member_free(fleet, member);
    else
        ct_log_info("worker reports", CT_STR("worker", conn->worker), CT_INT("pid", conn->pid));
    member = ct_zalloc(sizeof *member);
    member->conn = conn;
    conn->member = member;
    ct_list_push_back(&fleet->members, &member->link);
    return member;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Cuts the closing bracket, for a member that is added when it is shown. */
static void member_keep(struct fleet_member *member, struct ct_str state)
{
    size_t len = state.len;

    while (state.data[len - 1] != '}')
        len--;
    do
        len--;
    while (is_blank(state.data[len - 1]));
    free(member->report);
    member->report = ct_strndup(state.data, len);
    member->len = len;
    member->is_empty = state.data[len - 1] == '{';
}

static enum ct_code report_check(const struct conn *conn, struct ct_str state, struct ct_error *err)
{
    size_t at = 0;
    enum ct_code rc;

    if (!conn->worker)
        return ct_error_set(err, CT_E_BAD_MESSAGE,
                            "a report needs the UUID of its worker in the hello");
    rc = ct_json_check(state, err);
    if (rc != CT_E_OK) {
        ct_error_wrap(err, "report");
        return rc;
    }
    while (is_blank(state.data[at]))
        at++;
    if (state.data[at] != '{')
        return ct_error_set(err, CT_E_BAD_JSON, "a report is a JSON object");
    return CT_E_OK;
}

void fleet_report(struct conn *conn, const struct proto_report *report)
{
    struct fleet *fleet = &conn->conns->fleet;
    struct fleet_member *member = conn->member;
    size_t old_len = member ? member->len : 0;
    struct ct_error err;

    if (report->state.len > FLEET_REPORT_MAX ||
        fleet->bytes - old_len + report->state.len > FLEET_BYTES_MAX) {
        ct_log_warn("report passed over: too large", CT_STR("worker", conn->worker),
                    CT_INT("bytes", report->state.len),
                    CT_INT("FLEET_REPORT_MAX", FLEET_REPORT_MAX),
                    CT_INT("FLEET_BYTES_MAX", FLEET_BYTES_MAX));
        return;
    }
    if (report_check(conn, report->state, &err) != CT_E_OK) {
        session_refuse(conn, &err);
        return;
    }
    if (!member)
        member = fleet_join(fleet, conn);
    fleet->bytes -= member->len;
    member_keep(member, report->state);
    fleet->bytes += member->len;
    member->seen_ms = ct_wall_ms(conn->conns->clock);
}

void fleet_fleet(struct conn *conn, const struct proto_fleet *fleet)
{
    struct proto_message message = {
        .type = PROTO_DONE,
        .as.done = {.request = fleet->request, .code = CT_E_OK, .has_value = true},
    };
    struct ct_error err;
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_append_char(&text, '[');
    CT_LIST_FOREACH (node, &conn->conns->fleet.members) {
        const struct fleet_member *member = CT_CONTAINER(node, struct fleet_member, link);

        if (text.len > 1)
            ct_buf_append_char(&text, ',');
        ct_buf_append(&text, member->report, member->len);
        ct_buf_printf(&text, "%s\"seenAt\":%lld}", member->is_empty ? "" : ",",
                      (long long)member->seen_ms);
    }
    ct_buf_append_char(&text, ']');
    message.as.done.value = ct_buf_str(&text);
    if (conn_send(conn, &message, &err) != CT_E_OK)
        session_done(conn, fleet->request, &err);
    ct_buf_free(&text);
}

/* --- orders --- */

static void fleet_arm(struct fleet *fleet);

static void order_free(struct fleet *fleet, struct fleet_order *order)
{
    ct_list_remove(&order->link);
    fleet->order_count--;
    free(order);
}

static void order_fail(struct fleet *fleet, struct fleet_order *order, const struct ct_error *err)
{
    session_done(order->from, order->request, err);
    order_free(fleet, order);
}

static void fleet_on_timer(uv_timer_t *timer)
{
    struct conns *conns = timer->data;
    struct fleet *fleet = &conns->fleet;
    uint64_t now_ms = uv_now(conns->loop);
    struct ct_error err;

    CT_LIST_FOREACH_SAFE (node, following, &fleet->orders) {
        struct fleet_order *order = CT_CONTAINER(node, struct fleet_order, link);

        if (order->deadline_ms > now_ms)
            break;
        ct_error_set(&err, CT_E_TIMEOUT,
                     "worker %.40s did not answer within %d ms: whether it carried the order out, "
                     "its next report tells",
                     order->to->worker, FLEET_ORDER_MS);
        order_fail(fleet, order, &err);
    }
    fleet_arm(fleet);
}

static void fleet_arm(struct fleet *fleet)
{
    const struct fleet_order *first;
    uint64_t now_ms = uv_now(fleet->timer.loop);

    if (ct_list_is_empty(&fleet->orders)) {
        uv_timer_stop(&fleet->timer);
        return;
    }
    first = CT_CONTAINER(fleet->orders.next, struct fleet_order, link);
    uv_timer_start(&fleet->timer, fleet_on_timer,
                   first->deadline_ms > now_ms ? first->deadline_ms - now_ms : 0, 0);
}

static enum ct_code order_check(const struct fleet *fleet, const struct proto_order *order,
                                struct fleet_member **out, struct ct_error *err)
{
    if (order->worker.len > FLEET_TEXT_MAX || order->verb.len > FLEET_TEXT_MAX ||
        (order->has_pool && order->pool.len > FLEET_TEXT_MAX))
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "a text of the order is over %d bytes (FLEET_TEXT_MAX)",
                            FLEET_TEXT_MAX);
    if (fleet->order_count >= FLEET_ORDERS_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "%d orders wait for their answers already (FLEET_ORDERS_MAX)",
                            FLEET_ORDERS_MAX);
    *out = fleet_find(fleet, order->worker);
    if (!*out)
        return ct_error_set(err, CT_E_NOT_FOUND, "no worker %.*s is connected to this daemon",
                            (int)(order->worker.len < 40 ? order->worker.len : 40),
                            order->worker.data);
    return CT_E_OK;
}

void fleet_order(struct conn *conn, const struct proto_order *order)
{
    struct fleet *fleet = &conn->conns->fleet;
    struct proto_message message = {.type = PROTO_ORDER, .as.order = *order};
    struct fleet_member *member = NULL;
    struct fleet_order *passed;
    struct ct_error err;

    message.as.order.request = fleet->number + 1;
    if (order_check(fleet, order, &member, &err) != CT_E_OK ||
        conn_send(member->conn, &message, &err) != CT_E_OK) {
        session_done(conn, order->request, &err);
        return;
    }
    ct_log_info("order", CT_BYTES("verb", order->verb), CT_STR("worker", member->conn->worker),
                CT_BYTES("pool", order->has_pool ? order->pool : CT_STR_LIT("")),
                CT_INT("from_pid", conn->pid));
    passed = ct_zalloc(sizeof *passed);
    passed->number = ++fleet->number;
    passed->to = member->conn;
    passed->from = conn;
    passed->request = order->request;
    passed->deadline_ms = uv_now(conn->conns->loop) + FLEET_ORDER_MS;
    ct_list_push_back(&fleet->orders, &passed->link);
    fleet->order_count++;
    if (fleet->order_count == 1)
        fleet_arm(fleet);
}

void fleet_done(struct conn *conn, const struct proto_done *done)
{
    struct fleet *fleet = &conn->conns->fleet;
    struct proto_message message = {.type = PROTO_DONE, .as.done = *done};

    CT_LIST_FOREACH (node, &fleet->orders) {
        struct fleet_order *order = CT_CONTAINER(node, struct fleet_order, link);

        if (order->to != conn || order->number != done->request)
            continue;
        message.as.done.request = order->request;
        conn_tell(order->from, &message);
        order_free(fleet, order);
        fleet_arm(fleet);
        return;
    }
}

/* --- life --- */

void fleet_leave(struct conn *conn)
{
    struct fleet *fleet = &conn->conns->fleet;
    struct ct_error err;

    if (conn->member)
        member_free(fleet, conn->member);
    CT_LIST_FOREACH_SAFE (node, following, &fleet->orders) {
        struct fleet_order *order = CT_CONTAINER(node, struct fleet_order, link);

        if (order->from == conn) {
            order_free(fleet, order);
        } else if (order->to == conn) {
            ct_error_set(&err, CT_E_CLOSED,
                         "the connection of worker %.40s ended before it answered: whether it "
                         "carried the order out, its next report tells",
                         conn->worker);
            order_fail(fleet, order, &err);
        }
    }
}

void fleet_init(struct conns *conns)
{
    ct_list_init(&conns->fleet.members);
    ct_list_init(&conns->fleet.orders);
    uv_timer_init(conns->loop, &conns->fleet.timer);
    conns->fleet.timer.data = conns;
}
