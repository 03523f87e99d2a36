/* Which path is whose. */
#include <string.h>

#include "server/http/daemon_http.h"

struct route {
    const char *path;
    void (*answer)(struct daemon_http *http, struct http_request *request);
};

/* All of them only read. */
static const struct route routes[] = {
    {"/healthz", health_answer},
    {"/readyz", readiness_answer},
    {"/metrics", metrics_answer},
};

void routes_say(struct http_request *request, unsigned status, const char *text)
{
    http_answer(request, status, "text/plain; charset=utf-8", ct_str_of(text));
}

void routes_answer(struct daemon_http *http, struct http_request *request)
{
    const char *method = http_method(request);

    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(http_path(request), routes[i].path) != 0)
            continue;
        if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
            routes[i].answer(http, request);
        } else {
            http_set_header(request, "Allow", "GET, HEAD");
            routes_say(request, 405, "this can only be read\n");
        }
        return;
    }
    routes_say(request, 404, "nothing is here; there are /healthz, /readyz and /metrics\n");
}
