/* Whether the daemon is well (/healthz: it answers, so its loop turns) and whether workers should
 * be sent to it (/readyz). An outage of Redis is no reason to restart the daemon, so /healthz does
 * not mind it. */
#include "common/buf.h"
#include "http/http_routes.h"
#include "server/http/daemon_http.h"

void health_answer(void *ctx, struct http_request *request)
{
    http_say(request, 200, "ok\n");
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
        http_say(request, 200, "ready\n");
        return;
    }
    ct_buf_init(&text);
    ct_buf_printf(&text, "not ready: Redis is away for %llu ms: %s\n",
                  (unsigned long long)outage.lasted_ms, outage.why);
    http_answer(request, 503, HTTP_TEXT, ct_buf_str(&text));
    ct_buf_free(&text);
}
