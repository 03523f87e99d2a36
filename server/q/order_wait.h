/* Whether what a worker was ordered has come about, judged by its reports. Called by
 * cmd_worker_order.c; pure. */
#ifndef Q_ORDER_WAIT_H
#define Q_ORDER_WAIT_H

#include <jansson.h>
#include <stdbool.h>

#include "common/error.h"

struct worker_order {
    const char *verb; /* all borrowed */
    const char *pool; /* NULL: all */
    int64_t count;    /* of scale */
};

/* The worker is to end: it has done so when it is no longer in the fleet. */
bool order_ends_worker(const struct worker_order *order);

/* `before`: its report from before the order; `now`: its latest one. */
bool order_is_done(const struct worker_order *order, const json_t *before, const json_t *now);

#endif
