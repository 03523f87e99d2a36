/* The supervisors that are connected: what they report, and the orders that clients give them.
 * Called by session.c with messages and by conn.c when a connection ends; reads nothing in a report
 * and never acts on a worker itself: it passes on.
 *
 * A report lives as long as its connection. An order is answered exactly once while its client is
 * there: by the supervisor, or here when that is gone or silent. */
#ifndef CT_SERVER_FLEET_H
#define CT_SERVER_FLEET_H

#include <uv.h>

#include "common/list.h"
#include "proto/codec.h"

struct conn;
struct conns;
struct fleet_member;

#define FLEET_REPORT_MAX (1u << 20)  /* bytes of one */
#define FLEET_BYTES_MAX  (64u << 20) /* of all reports together */
#define FLEET_ORDERS_MAX 1024        /* under way */
#define FLEET_ORDER_MS   10000       /* for a supervisor to answer */
#define FLEET_TEXT_MAX   512         /* bytes of a worker, verb or pool in an order */

struct fleet {
    struct ct_list members; /* struct fleet_member, in the order of their first reports */
    size_t bytes;
    struct ct_list orders; /* struct fleet_order, the oldest first */
    uint32_t order_count;
    uint64_t number;  /* of the last order passed on */
    uv_timer_t timer; /* for the oldest order */
};

void fleet_init(struct conns *conns);

void fleet_report(struct conn *conn, const struct proto_report *report);
void fleet_fleet(struct conn *conn, const struct proto_fleet *fleet);
void fleet_order(struct conn *conn, const struct proto_order *order);
void fleet_done(struct conn *conn, const struct proto_done *done);
/* The connection ends: its report goes, what it was ordered is answered, what it ordered is
 * forgotten. Once or more. */
void fleet_leave(struct conn *conn);

#endif
