/* Whether the daemon is well (/healthz: it answers, so its loop turns) and whether workers should
 * be sent to it (/readyz). An outage of Redis is no reason to restart the daemon, so /healthz does
 * not mind it. */
#include "common/buf.h"
#include "http/http_routes.h"
#include "server/http/daemon_http.h"

#define READY_TROUBLES_MAX 10 /* queues that are named */

void health_answer(void *ctx, struct http_request *request)
{
    http_say(request, 200, "ok\n");
}

struct troubles {
    struct ct_buf text;
    uint32_t lines;
};

static void troubles_add(void *arg, const char *name, const char *why)
{
    struct troubles *troubles = arg;

    if (troubles->lines++ < READY_TROUBLES_MAX)
        ct_buf_printf(&troubles->text, "%s: %s\n", name, why);
}

/* The others go on, so it is ready. */
static void readiness_answer_ready(const struct daemon_http *http, struct http_request *request)
{
    struct troubles troubles = {0};
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_init(&troubles.text);
    const uint32_t count = hosts_each_trouble(http->hosts, troubles_add, &troubles);
    if (count == 0)
        ct_buf_printf(&text, "ready\n");
    else
        ct_buf_printf(&text, "ready, but %u of the queues cannot be changed in Redis:\n", count);
    ct_buf_append_str(&text, ct_buf_str(&troubles.text));
    http_answer(request, 200, HTTP_TEXT, ct_buf_str(&text));
    ct_buf_free(&troubles.text);
    ct_buf_free(&text);
}

void readiness_answer(void *ctx, struct http_request *request)
{
    const struct daemon_http *http = ctx;
    struct hosts_outage outage;
    struct ct_buf text;

    if (http->is_draining) {
        http_say(request, 503, "not ready: stopping, workers end what they hold\n");
        return;
    }
    if (!hosts_find_outage(http->hosts, &outage)) {
        readiness_answer_ready(http, request);
        return;
    }
    ct_buf_init(&text);
    ct_buf_printf(&text, "not ready: Redis is away for %llu ms: %s\n",
                  (unsigned long long)outage.lasted_ms, outage.why);
    http_answer(request, 503, HTTP_TEXT, ct_buf_str(&text));
    ct_buf_free(&text);
}
