/* What a worker shows of itself over HTTP: /healthz, /readyz, /metrics (worker/METRICS.md). Off
 * unless --http is given. Owned by supervisor.c; only reads. */
#ifndef WORKER_SHOW_H
#define WORKER_SHOW_H

#include <uv.h>

#include "http/http.h"
#include "worker/supervisor/generations.h"

struct show {
    struct http_server *server; /* owned; NULL: off */
    const struct generations *generations;
    const struct undertaker *undertaker;
    const bool *is_stopping;
    int64_t started_ms; /* wall time */
};

/* Fills in `server`; the other members are the caller's, before. */
enum ct_code show_open(struct show *show, uv_loop_t *loop, const struct worker_config *config,
                       struct ct_error *err) CT_MUST_CHECK;
void show_close(struct show *show);

/* show_metrics.c */
void show_metrics(void *ctx, struct http_request *request);

#endif
