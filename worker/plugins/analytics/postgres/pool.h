/* Connections to one PostgreSQL server (or pgBouncer), shared by the job threads. A connection is
 * made when one is wanted and none is idle, and closed when it has failed or grown old; nothing is
 * kept in it between two transactions, so that pgBouncer may hand out another server each time. */
#ifndef POSTGRES_POOL_H
#define POSTGRES_POOL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "cartrita/sdk/error.h"

struct pg_pool;

struct pg_pool_options {
    const char *url;  /* of libpq: postgres://user:password@host:5432/db?sslmode=require */
    const char *what; /* "the database", "the replica": for errors */
    uint32_t max;     /* connections */
    int64_t connect_timeout_ms;
};

/* Asked at every wait, a few times a second; true: give up, the job should stop. */
struct pg_stop {
    bool (*is_wanted)(void *ctx); /* NULL: never */
    void *ctx;
};

/* Checks the URL; connects to nothing yet. `options` are copied. */
bool pg_pool_open(const struct pg_pool_options *options, struct pg_pool **out,
                  struct sdk_error *error);
/* When all connections are back. NULL is allowed. */
void pg_pool_close(struct pg_pool *pool);

/* A connection that was good when last seen; waits for one when all are in use. `*is_fresh`: it was
 * made for this call, so that a failure is none of a connection that had gone stale. */
bool pg_pool_take(struct pg_pool *pool, const struct pg_stop *stop, bool wants_fresh, PGconn **out,
                  bool *is_fresh, struct sdk_error *error);
/* Gives it back; closes it when it is not usable, broken, or not idle outside of a transaction. */
void pg_pool_give(struct pg_pool *pool, PGconn *connection, bool is_usable);
const char *pg_pool_what(const struct pg_pool *pool);

/* Waits until the socket of `connection` is ready for `events` (POLLIN, POLLOUT) or `until_ms`
 * (monotonic) is over. False: it should stop, or the time is over; `error` says which. */
bool pg_wait(PGconn *connection, short events, int64_t until_ms, const struct pg_stop *stop,
             struct sdk_error *error);

#endif
