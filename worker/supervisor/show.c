/* Life of the worker's HTTP, and whether it is well. Not ready: it stops, its daemon cannot be
 * reached, or a pool has fewer runners that are ready than it should. */
#include "worker/supervisor/show.h"

#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "http/http_routes.h"

static void show_health(void *ctx, struct http_request *request)
{
    http_say(request, 200, "ok\n");
}

static const struct pool_run *show_unready_pool(const struct generation *generation)
{
    for (size_t i = 0; i < generation->config.pool_count; i++)
        if (!pool_run_is_ready(&generation->pools[i]))
            return &generation->pools[i];
    return NULL;
}

static void show_say_pool(struct http_request *request, const struct pool_run *pool)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_printf(&text, "not ready: pool %s (%s) has %u of %u runners\n", pool->config->name,
                  pool_run_state(pool), pool_run_ready_count(pool), pool->wanted);
    http_answer(request, 503, HTTP_TEXT, ct_buf_str(&text));
    ct_buf_free(&text);
}

static void show_readiness(void *ctx, struct http_request *request)
{
    const struct show *show = ctx;
    const struct generation *serving = generations_serving(show->generations);
    const struct pool_run *unready = serving ? show_unready_pool(serving) : NULL;

    if (*show->is_stopping)
        http_say(request, 503, "not ready: stopping, running jobs may finish\n");
    else if (!undertaker_is_up(show->undertaker))
        http_say(request, 503, "not ready: the daemon cannot be reached\n");
    else if (unready)
        show_say_pool(request, unready);
    else
        http_say(request, 200, "ready\n");
}

static const struct http_route show_routes[] = {
    {"/healthz", show_health},
    {"/readyz", show_readiness},
    {"/metrics", show_metrics},
};

static void show_on_request(void *ctx, struct http_request *request)
{
    if (!http_routes_answer(show_routes, sizeof show_routes / sizeof *show_routes, ctx, request))
        http_say(request, 404, "nothing is here; there are /healthz, /readyz and /metrics\n");
}

enum ct_code show_open(struct show *show, uv_loop_t *loop, const struct worker_config *config,
                       struct ct_error *err)
{
    const struct http_options options = {
        .loop = loop,
        .address = config->http,
        .cert_file = config->http_cert,
        .key_file = config->http_key,
        .ca_file = config->http_ca,
        .on_request = show_on_request,
        .ctx = show,
    };

    show->started_ms = ct_wall_ms(&ct_clock_system);
    if (!config->http)
        return CT_E_OK;
    enum ct_code rc = http_open(&options, &show->server, err);
    if (rc == CT_E_OK)
        ct_log_info("serving HTTP", CT_STR("address", http_address(show->server)));
    return rc;
}

void show_close(struct show *show)
{
    if (show->server)
        http_close(show->server, NULL, NULL);
    show->server = NULL;
}
