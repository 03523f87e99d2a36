/* A transaction on a connection of a pool, and what can be done in it: run a statement, stream
 * rows, COPY in. There is no other way to talk to the database, so that all of it works through
 * pgBouncer in transaction mode: no named statements, no settings but SET LOCAL, nothing that
 * outlives the commit.
 *
 *   struct pg_session *session;
 *   if (!pg_begin(pool, &want, &session, error))
 *       return false;
 *   if (!pg_run(session, "UPDATE ...", &params, NULL, error))
 *       return pg_rollback(session), false;
 *   return pg_commit(session, error);
 *
 * Every wait ends soon when the job should stop: the statement is then cancelled on the server.
 * After an error only pg_rollback is left to do. Errors: see postgres/error.h. */
#ifndef POSTGRES_SESSION_H
#define POSTGRES_SESSION_H

#include <libpq-fe.h>

#include "cartrita/sdk/call.h"
#include "postgres/pool.h"

/* Types of parameters, by their numbers in PostgreSQL's catalogue (they never change). */
#define PG_BOOL        16u
#define PG_INT8        20u
#define PG_TEXT        25u
#define PG_FLOAT8      701u
#define PG_TEXTS       1009u /* text[] */
#define PG_TIMESTAMPTZ 1184u
#define PG_JSONB       3802u

#define PG_PARAMS_MAX 32

/* $1, $2, ... as texts; NULL is SQL's null. A type of 0 lets the server find it out. */
struct pg_params {
    int count;
    const char *values[PG_PARAMS_MAX]; /* borrowed */
    Oid types[PG_PARAMS_MAX];
};

/* Appends one; more than PG_PARAMS_MAX is a mistake of the caller (see query/query.h). */
void pg_param(struct pg_params *params, Oid type, const char *value);

struct pg_want {
    const char *schema;  /* looked in first; NULL: as the server does */
    bool is_read_only;   /* nothing can be changed in it */
    int64_t timeout_ms;  /* of each statement, on the server */
    struct pg_stop stop; /* see pg_stop_with */
};

struct pg_session; /* of one thread */

/* Stops when the job of `call` should. */
struct pg_stop pg_stop_with(struct sdk_call *call);

/* Begins a transaction. A connection that has gone stale is replaced without a word. */
bool pg_begin(struct pg_pool *pool, const struct pg_want *want, struct pg_session **out,
              struct sdk_error *error);
/* Ends it either way. After a lost connection nobody knows whether the commit took place: the error
 * is one to be retried, and what is retried must be idempotent. */
bool pg_commit(struct pg_session *session, struct sdk_error *error);
void pg_rollback(struct pg_session *session);

/* One statement. `result` may be NULL; else free it with PQclear. `params` may be NULL. */
bool pg_run(struct pg_session *session, const char *sql, const struct pg_params *params,
            PGresult **result, struct sdk_error *error);

/* One statement whose rows come one by one, however many. `head` (may be NULL) is called once,
 * before any row and also when there is none: PQnfields, PQfname, PQftype of `result`. `row` is
 * called with a result of a single row. False ends it: `error` says why. */
struct pg_rows {
    bool (*head)(void *ctx, const PGresult *result, struct sdk_error *error);
    bool (*row)(void *ctx, const PGresult *result, struct sdk_error *error);
    void *ctx;
};
bool pg_stream(struct pg_session *session, const char *sql, const struct pg_params *params,
               const struct pg_rows *rows, struct sdk_error *error);

/* COPY ... FROM STDIN: begin, any number of writes (of any size, rows may be cut), end. */
bool pg_copy_begin(struct pg_session *session, const char *sql, struct sdk_error *error);
bool pg_copy_write(struct pg_session *session, const char *bytes, size_t len,
                   struct sdk_error *error);
bool pg_copy_end(struct pg_session *session, int64_t *row_count, struct sdk_error *error);

#endif
