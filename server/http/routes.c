/* Which path is whose. */
#include "http/http_routes.h"
#include "server/http/daemon_http.h"

static const struct http_route routes[] = {
    {"/healthz", health_answer},
    {"/readyz", readiness_answer},
    {"/metrics", metrics_answer},
};

void routes_answer(struct daemon_http *http, struct http_request *request)
{
    if (api_answer(http->api, request))
        return;
    if (!http_routes_answer(routes, sizeof routes / sizeof *routes, http, request))
        http_say(request, 404,
                 "nothing is here; there are /healthz, /readyz, /metrics and /api/v1\n");
}
