/* A transaction for reading with a query: where, how long, how fresh. Used by aggregate, report and
 * export. */
#ifndef QUERY_READ_H
#define QUERY_READ_H

#include "analytics.h"
#include "postgres/session.h"

/* On the replica when one is given, else on the primary. Read-only; the plugin's schema is looked
 * in first. A replica that is away, or behind by more than replicaLagMax, is an error to be
 * retried: the primary is never read in its place, for that is the load it is to be spared. */
bool query_begin(struct sdk_call *call, struct pg_session **out, struct sdk_error *error);

#endif
