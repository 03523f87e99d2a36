/* Jobs that a connection asks to stop. Called by session.c; hosts_cancel.c does it.
 *
 * A request outlives its connection once it is on its way: it is then carried out, and nobody
 * hears of it. */
#include <stdlib.h>

#include "common/mem.h"
#include "server/conn_internal.h"

struct stopping {
    struct ct_list link; /* in conn->stops */
    struct conn *conn;   /* NULL once it is gone */
    uint64_t request;
};

/* It is its connection's business no more. */
static void stopping_part(struct stopping *stopping)
{
    ct_list_remove(&stopping->link);
    stopping->conn->stop_count--;
    stopping->conn = NULL;
}

static void stopping_on_cancelled(void *arg, const struct ct_error *answer)
{
    struct stopping *stopping = arg;

    if (stopping->conn) {
        session_done(stopping->conn, stopping->request, answer);
        stopping_part(stopping);
    }
    free(stopping);
}

static enum ct_code stopping_check(const struct conn *conn, const struct proto_stop_job *stop,
                                   struct ct_error *err)
{
    if (conn->stop_count >= CONN_STOPS_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "%d requests of this connection to stop a job wait already "
                            "(CONN_STOPS_MAX)",
                            CONN_STOPS_MAX);
    if (stop->id.len == 0)
        return ct_error_set(err, CT_E_INVALID, "the id of the job to stop is empty");
    if (stop->id.len > CONN_TEXT_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "the id of a job may have %d bytes (CONN_TEXT_MAX)", CONN_TEXT_MAX);
    return hosts_check_name(stop->queue, stop->has_prefix ? stop->prefix : CT_STR_NONE, err);
}

void stopping_stop_job(struct conn *conn, const struct proto_stop_job *stop)
{
    const struct hosts_want want = {
        .prefix = stop->has_prefix ? stop->prefix : CT_STR_LIT("bull"),
        .name = stop->queue,
    };
    struct stopping *stopping;
    struct ct_error err;

    if (stopping_check(conn, stop, &err) != CT_E_OK) {
        session_done(conn, stop->request, &err);
        return;
    }
    stopping = ct_zalloc(sizeof *stopping);
    stopping->conn = conn;
    stopping->request = stop->request;
    ct_list_push_back(&conn->stops, &stopping->link);
    conn->stop_count++;
    hosts_cancel(conn->conns->hosts, &want, stop->id, stop->has_reason ? stop->reason : CT_STR_NONE,
                 stopping_on_cancelled, stopping);
}

void stopping_abandon(struct conn *conn)
{
    while (!ct_list_is_empty(&conn->stops))
        stopping_part(CT_CONTAINER(conn->stops.next, struct stopping, link));
}
