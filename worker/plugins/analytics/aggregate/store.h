/* Results of aggregates, in the table `aggregates`. */
#ifndef AGGREGATE_STORE_H
#define AGGREGATE_STORE_H

#include "analytics.h"

struct aggregate_result {
    const char *name;   /* of the aggregate: the query's, or as the job says */
    const char *params; /* JSON: what the job gave */
    const char *from, *to;
    const char *rows; /* JSON array */
};

/* In place of what is there of the same name, parameters and window. */
bool aggregate_store(struct sdk_call *call, const struct aggregate_result *result,
                     struct sdk_error *error);

#endif
