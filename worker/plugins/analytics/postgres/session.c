/* Transactions and what happens in them. See session.h.
 *
 *   begin:   BEGIN; SET LOCAL ... in one round trip. A connection that was idle may have died with
 *            its server or pooler: then once more, on a fresh one.
 *   run:     send, wait for all results; the first error is kept.
 *   stopped: the statement is cancelled on the server (PQcancel), and the connection is closed when
 *            it does not end within CANCEL_WAIT_MS.
 *   any failure: the transaction is over; pg_rollback clears up. */
#include "postgres/session.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/clock.h"

#include "postgres/cancel.h"
#include "postgres/error.h"

#define CANCEL_WAIT_MS   2000
#define ROLLBACK_WAIT_MS 2000
#define ANSWER_SLACK_MS                                                      \
    10000 /* the server ends a statement by itself; then the network is gone \
           */
#define BEGIN_SQL_MAX 512

struct pg_session {
    struct pg_pool *pool; /* borrowed */
    PGconn *connection;   /* taken */
    struct pg_stop stop;
    int64_t timeout_ms; /* for an answer: the statement's, and slack */
    bool is_usable;     /* the connection, for another transaction */
};

static bool session_is_stopped(void *ctx)
{
    struct sdk_call *call = ctx;

    return call->host->is_cancelled(call->job) != 0;
}

struct pg_stop pg_stop_with(struct sdk_call *call)
{
    return (struct pg_stop){.is_wanted = session_is_stopped, .ctx = call};
}

void pg_param(struct pg_params *params, Oid type, const char *value)
{
    if (params->count >= PG_PARAMS_MAX)
        abort();
    params->types[params->count] = type;
    params->values[params->count++] = value;
}

/* --- waiting -------------------------------------------------------------------------------------
 */

/* Sends what is buffered; takes what comes meanwhile, or both sides may wait for ever. */
static bool session_flush(struct pg_session *session, int64_t until_ms, struct sdk_error *error)
{
    int rc;

    while ((rc = PQflush(session->connection)) == 1) {
        if (!pg_wait(session->connection, POLLIN | POLLOUT, until_ms, &session->stop, error))
            return false;
        if (!PQconsumeInput(session->connection))
            break;
    }
    return rc == 0 || pg_lost(pg_pool_what(session->pool), session->connection, error);
}

/* Until PQgetResult does not block. */
static bool session_settle(struct pg_session *session, int64_t until_ms, const struct pg_stop *stop,
                           struct sdk_error *error)
{
    while (PQisBusy(session->connection)) {
        if (!pg_wait(session->connection, POLLIN, until_ms, stop, error))
            return sdk_error_wrap(error, "%s", pg_pool_what(session->pool));
        if (!PQconsumeInput(session->connection))
            return pg_lost(pg_pool_what(session->pool), session->connection, error);
    }
    return true;
}

/* Takes what is left of a statement; false: the connection is of no use any more. */
static bool session_drain(struct pg_session *session, int64_t wait_ms)
{
    const struct pg_stop never = {0};
    int64_t until_ms = sdk_now_ms() + wait_ms;

    for (;;) {
        PGresult *result;

        if (!session_settle(session, until_ms, &never, NULL))
            return false;
        result = PQgetResult(session->connection);
        if (!result)
            return true;
        switch (PQresultStatus(result)) {
        case PGRES_COPY_IN:
            PQputCopyEnd(session->connection, "stopped");
            PQflush(session->connection);
            break;
        case PGRES_COPY_OUT:
        case PGRES_COPY_BOTH:
            PQclear(result);
            return false;
        default:
            break;
        }
        PQclear(result);
    }
}

static int64_t session_deadline(const struct pg_session *session)
{
    return sdk_now_ms() + session->timeout_ms;
}

/* --- statements ----------------------------------------------------------------------------------
 */

static bool session_send(struct pg_session *session, const char *sql,
                         const struct pg_params *params, struct sdk_error *error)
{
    int sent = params ? PQsendQueryParams(session->connection, sql, params->count, params->types,
                                          params->values, NULL, NULL, 0)
                      : PQsendQuery(session->connection, sql);

    if (!sent)
        return pg_lost(pg_pool_what(session->pool), session->connection, error);
    return session_flush(session, session_deadline(session), error);
}

static bool session_refuse(struct pg_session *session, const PGresult *result,
                           struct sdk_error *error)
{
    return pg_refused(pg_pool_what(session->pool), session->connection, result, error);
}

static bool session_no_copy(struct sdk_error *error)
{
    return sdk_refuse(error, "DatabaseError", "COPY where a query was expected");
}

/* All results of what was sent; `last` (may be NULL) is the last one when all went well. */
static bool session_collect(struct pg_session *session, PGresult **last, struct sdk_error *error)
{
    PGresult *kept = NULL, *result;
    bool is_good = true;

    for (;;) {
        if (!session_settle(session, session_deadline(session), &session->stop, error)) {
            PQclear(kept);
            return false;
        }
        result = PQgetResult(session->connection);
        if (!result)
            break;
        switch (PQresultStatus(result)) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
            PQclear(kept);
            kept = result;
            continue;
        case PGRES_COPY_IN:
            PQclear(kept);
            if (!last) {
                PQclear(result);
                return session_no_copy(error);
            }
            *last = result;
            return true;
        case PGRES_COPY_OUT:
        case PGRES_COPY_BOTH:
            PQclear(kept);
            PQclear(result);
            return session_no_copy(error);
        default:
            if (is_good)
                is_good = session_refuse(session, result, error);
            PQclear(result);
            if (PQstatus(session->connection) == CONNECTION_BAD) {
                PQclear(kept);
                return false;
            }
        }
    }
    if (is_good && last)
        *last = kept;
    else
        PQclear(kept);
    return is_good;
}

bool pg_run(struct pg_session *session, const char *sql, const struct pg_params *params,
            PGresult **result, struct sdk_error *error)
{
    return session_send(session, sql, params, error) && session_collect(session, result, error);
}

/* --- begin and end -------------------------------------------------------------------------------
 */

static void session_begin_sql(const struct pg_want *want, char *sql)
{
    int len = snprintf(sql, BEGIN_SQL_MAX,
                       "BEGIN%s; SET LOCAL statement_timeout = %lld; SET LOCAL TimeZone = 'UTC'",
                       want->is_read_only ? " READ ONLY" : "", (long long)want->timeout_ms);

    if (want->schema)
        snprintf(sql + len, (size_t)(BEGIN_SQL_MAX - len),
                 "; SET LOCAL search_path = \"%s\", public", want->schema);
}

static struct pg_session *session_on(struct pg_pool *pool, const struct pg_want *want,
                                     PGconn *connection)
{
    struct pg_session *session = calloc(1, sizeof *session);

    if (!session)
        abort();
    session->pool = pool;
    session->connection = connection;
    session->is_usable = true;
    session->stop = want->stop;
    session->timeout_ms = want->timeout_ms + ANSWER_SLACK_MS;
    return session;
}

bool pg_begin(struct pg_pool *pool, const struct pg_want *want, struct pg_session **out,
              struct sdk_error *error)
{
    char sql[BEGIN_SQL_MAX];
    bool wants_fresh = false;

    session_begin_sql(want, sql);
    for (;;) {
        struct pg_session *session;
        PGconn *connection;
        bool is_fresh;

        if (!pg_pool_take(pool, &want->stop, wants_fresh, &connection, &is_fresh, error))
            return false;
        session = session_on(pool, want, connection);
        if (pg_run(session, sql, NULL, NULL, error)) {
            *out = session;
            return true;
        }
        wants_fresh = !is_fresh && (!want->stop.is_wanted || !want->stop.is_wanted(want->stop.ctx));
        pg_rollback(session);
        if (!wants_fresh)
            return false;
    }
}

static void session_end(struct pg_session *session)
{
    pg_pool_give(session->pool, session->connection, session->is_usable);
    free(session);
}

bool pg_commit(struct pg_session *session, struct sdk_error *error)
{
    PGresult *result = NULL;
    bool is_done = pg_run(session, "COMMIT", NULL, &result, error);

    /* COMMIT of a transaction that has failed answers ROLLBACK, and is no error to the server. */
    if (is_done && strcmp(PQcmdStatus(result), "COMMIT") != 0)
        is_done = sdk_retry_later(error, "DatabaseError", "%s: the transaction was rolled back",
                                  pg_pool_what(session->pool));
    PQclear(result);
    if (is_done)
        session_end(session);
    else
        pg_rollback(session);
    return is_done;
}

void pg_rollback(struct pg_session *session)
{
    if (!session)
        return;
    session->stop = (struct pg_stop){0};
    session->is_usable = true;
    if (PQstatus(session->connection) == CONNECTION_OK &&
        PQtransactionStatus(session->connection) == PQTRANS_ACTIVE) {
        session->is_usable = pg_cancel(session->connection, CANCEL_WAIT_MS) &&
                             session_drain(session, CANCEL_WAIT_MS);
    }
    if (session->is_usable && PQstatus(session->connection) == CONNECTION_OK &&
        (PQtransactionStatus(session->connection) == PQTRANS_INTRANS ||
         PQtransactionStatus(session->connection) == PQTRANS_INERROR)) {
        session->timeout_ms = ROLLBACK_WAIT_MS;
        session->is_usable = pg_run(session, "ROLLBACK", NULL, NULL, NULL);
    }
    session_end(session);
}

/* --- rows ----------------------------------------------------------------------------------------
 */

static bool session_row(const struct pg_rows *rows, const PGresult *result, bool *has_head,
                        struct sdk_error *error)
{
    if (!*has_head && rows->head && !rows->head(rows->ctx, result, error))
        return false;
    *has_head = true;
    return PQntuples(result) == 0 || rows->row(rows->ctx, result, error);
}

bool pg_stream(struct pg_session *session, const char *sql, const struct pg_params *params,
               const struct pg_rows *rows, struct sdk_error *error)
{
    bool has_head = false, is_good = true;
    const struct pg_params none = {0};

    if (!session_send(session, sql, params ? params : &none, error))
        return false;
    PQsetSingleRowMode(session->connection);
    while (is_good) {
        PGresult *result;

        if (!session_settle(session, session_deadline(session), &session->stop, error))
            return false;
        result = PQgetResult(session->connection);
        if (!result)
            return true;
        if (PQresultStatus(result) == PGRES_SINGLE_TUPLE ||
            PQresultStatus(result) == PGRES_TUPLES_OK)
            is_good = session_row(rows, result, &has_head, error);
        else if (PQresultStatus(result) == PGRES_COPY_IN ||
                 PQresultStatus(result) == PGRES_COPY_OUT)
            is_good = session_no_copy(error);
        else if (PQresultStatus(result) != PGRES_COMMAND_OK)
            is_good = session_refuse(session, result, error);
        PQclear(result);
    }
    return false; /* pg_rollback cancels what still comes */
}

/* --- COPY ----------------------------------------------------------------------------------------
 */

bool pg_copy_begin(struct pg_session *session, const char *sql, struct sdk_error *error)
{
    PGresult *result = NULL;
    bool is_copy;

    if (!session_send(session, sql, NULL, error) || !session_collect(session, &result, error))
        return false;
    is_copy = PQresultStatus(result) == PGRES_COPY_IN;
    PQclear(result);
    return is_copy || sdk_refuse(error, "DatabaseError", "not a COPY: %.100s", sql);
}

bool pg_copy_write(struct pg_session *session, const char *bytes, size_t len,
                   struct sdk_error *error)
{
    const size_t piece_max = 256u * 1024; /* what libpq buffers beyond the socket */

    while (len > 0) {
        size_t piece = len < piece_max ? len : piece_max;
        int rc = PQputCopyData(session->connection, bytes, (int)piece);

        if (rc < 0)
            return pg_lost(pg_pool_what(session->pool), session->connection, error);
        if (!session_flush(session, session_deadline(session), error))
            return false;
        if (rc == 1) {
            bytes += piece;
            len -= piece;
        }
    }
    return true;
}

bool pg_copy_end(struct pg_session *session, int64_t *row_count, struct sdk_error *error)
{
    PGresult *result = NULL;

    if (PQputCopyEnd(session->connection, NULL) < 0)
        return pg_lost(pg_pool_what(session->pool), session->connection, error);
    if (!session_flush(session, session_deadline(session), error) ||
        !session_collect(session, &result, error))
        return false;
    if (row_count)
        *row_count = strtoll(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return true;
}
