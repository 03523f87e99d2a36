/* What PostgreSQL says, as an error with a retry decision, by SQLSTATE. */
#ifndef POSTGRES_ERROR_H
#define POSTGRES_ERROR_H

#include <libpq-fe.h>

#include "cartrita/sdk/error.h"

#define PG_NO_PARTITION "23514" /* when the error is to be retried */

/* A statement was refused. `result` has the SQLSTATE; without one the connection is lost. Returns
 * false. `what` is the server: "the database". */
bool pg_refused(const char *what, const PGconn *connection, const PGresult *result,
                struct sdk_error *error);
/* The connection could not be made, or is lost: to be retried. Returns false. */
bool pg_lost(const char *what, const PGconn *connection, struct sdk_error *error);

/* The SQLSTATE is in `error` as "... (SQLSTATE)": whether it is this one. */
bool pg_error_is(const struct sdk_error *error, const char *sqlstate);

#endif
