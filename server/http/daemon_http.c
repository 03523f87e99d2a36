/* Life of the daemon's HTTP. Called by daemon.c. */
#include "server/http/daemon_http.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

static void daemon_http_on_request(void *ctx, struct http_request *request)
{
    routes_answer(ctx, request);
}

enum ct_code daemon_http_open(const struct config *config, uv_loop_t *loop,
                              struct daemon_http **out, struct ct_error *err)
{
    const struct config_flags *flags = &config->flags;
    struct daemon_http *http;

    *out = NULL;
    if (!config_http_is_on(config))
        return CT_E_OK;
    http = ct_zalloc(sizeof *http);
    http->config = config;
    http->loop = loop;
    http->started_ms = ct_wall_ms(&ct_clock_system);
    const struct http_options options = {
        .loop = loop,
        .address = flags->http,
        .cert_file = flags->http_cert,
        .key_file = flags->http_key,
        .ca_file = flags->http_ca,
        .on_request = daemon_http_on_request,
        .ctx = http,
    };
    const struct api_options api_options = {
        .loop = loop,
        .tokens_file = flags->api_tokens,
        .redis_file = flags->api_redis_file,
    };
    enum ct_code rc = api_open(&api_options, &http->api, err);
    if (rc != CT_E_OK) {
        free(http);
        return rc;
    }
    rc = http_open(&options, &http->server, err);
    if (rc == CT_E_OK) {
        *out = http;
        return CT_E_OK;
    }
    api_close(http->api);
    free(http);
    if (ct_option_source_of(&config->options, "http") != CT_OPTION_FROM_DEFAULT || flags->http_cert)
        return rc;
    ct_log_warn("going on without health and metrics: say --http ADDRESS, or --http off",
                CT_ERR(err));
    return CT_E_OK;
}

void daemon_http_begin(struct daemon_http *http, const struct daemon_http_world *world)
{
    if (!http)
        return;
    char *url = ct_redis_url_print_secret(world->url);
    http->hosts = world->hosts;
    http->conns = world->conns;
    http->sampler = sampler_open(http->loop, world->hosts);
    api_begin(http->api, url, world->server);
    explicit_bzero(url, strlen(url));
    free(url);
    ct_log_info("serving HTTP", CT_STR("address", http_address(http->server)));
}

void daemon_http_drain(struct daemon_http *http)
{
    if (http)
        http->is_draining = true;
}

static void daemon_http_on_closed(void *ctx)
{
    free(ctx);
}

void daemon_http_close(struct daemon_http *http)
{
    if (!http)
        return;
    if (http->sampler)
        sampler_close(http->sampler);
    http_close(http->server, daemon_http_on_closed, http);
    api_close(http->api);
}
