/* Asks a server to end the statement of a connection, and does not wait for ever: libpq's way
 * blocks until the server has answered, which one that is frozen does not. */
#ifndef POSTGRES_CANCEL_H
#define POSTGRES_CANCEL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#define PG_CANCELS_MAX 32 /* under way in a process; beyond it connections are closed at once */

/* True: the server has taken the order. False: nobody knows, and it may still arrive: the
 * connection must not be used for anything else. */
bool pg_cancel(PGconn *connection, int64_t wait_ms);

#endif
