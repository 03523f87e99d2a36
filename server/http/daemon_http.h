/* The daemon's HTTP: what it shows of itself. Owned by the daemon; asks hosts and connections, and
 * never changes them.
 *
 *   daemon_http.c   life, and which address
 *   routes.c        the table of paths
 *   health.c        /healthz and /readyz
 *   metrics.c       /metrics
 *   sampler.c       how many jobs are where, from Redis
 *
 * What is below /api/ is server/api's. */
#ifndef CT_SERVER_HTTP_DAEMON_HTTP_H
#define CT_SERVER_HTTP_DAEMON_HTTP_H

#include "http/http.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/hosts.h"
#include "server/api/api.h"
#include "server/http/sampler.h"

struct daemon_http {
    struct http_server *server; /* owned */
    const struct config *config;
    struct hosts *hosts;
    struct conns *conns;
    struct sampler *sampler; /* owned; since daemon_http_begin */
    struct api *api;         /* owned */
    uv_loop_t *loop;
    int64_t started_ms; /* wall time */
    bool is_draining;
};

/* Binds; nothing is answered before daemon_http_begin. *out NULL: it is off, or the default address
 * is taken, which is logged. */
enum ct_code daemon_http_open(const struct config *config, uv_loop_t *loop,
                              struct daemon_http **out, struct ct_error *err) CT_MUST_CHECK;
struct daemon_http_world {
    struct hosts *hosts;
    struct conns *conns;
    const struct ct_redis_url *url;
    const char *server; /* where the daemon listens */
};

void daemon_http_begin(struct daemon_http *http, const struct daemon_http_world *world);
/* It goes on to answer, that it is not ready. NULL: nothing. */
void daemon_http_drain(struct daemon_http *http);
/* While hosts and connections are there still. Frees. NULL: nothing. */
void daemon_http_close(struct daemon_http *http);

/* --- routes.c --- */
void routes_answer(struct daemon_http *http, struct http_request *request);

/* --- health.c --- */
void health_answer(void *ctx, struct http_request *request);
void readiness_answer(void *ctx, struct http_request *request);

/* --- metrics.c --- */
void metrics_answer(void *ctx, struct http_request *request);

#endif
