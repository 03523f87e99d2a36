/* What the worker tells its service manager (common/notify.h): ready when each pool has had a
 * runner, or when it is known that it will not have one soon, so that one bad pool does not hold
 * up the others; reloading; stopping; and that its loop turns. Called by supervisor.c. */
#ifndef WORKER_SERVICE_H
#define WORKER_SERVICE_H

#include <uv.h>

#include "common/notify.h"
#include "worker/supervisor/generation.h"

#define SERVICE_STOP_EXTRA_MS 15000u /* beyond the grace period, until the last process is gone */
#define SERVICE_STATUS_MAX    256u

struct service {
    struct ct_notify notify;
    uv_timer_t alive;
    bool is_ready; /* told */
    bool is_stopping;
    char status[SERVICE_STATUS_MAX]; /* as last told */
};

/* Before anything is started: children must not see the manager's variables. */
void service_open(struct service *service, uv_loop_t *loop);
/* The memory is free to go when the loop has closed its timer. */
void service_close(struct service *service);

/* Something may have changed in the newest configuration. */
void service_changed(struct service *service, const struct generation *newest);
/* Begins; service_changed ends it, also when nothing came of it. */
void service_reloading(struct service *service);
void service_stopping(struct service *service, uint64_t grace_ms);

#endif
