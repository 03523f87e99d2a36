/* Routing of what can only be read. */
#include "http/http_routes.h"

#include <string.h>

void http_say(struct http_request *request, unsigned status, const char *text)
{
    http_answer(request, status, HTTP_TEXT, ct_str_of(text));
}

bool http_routes_answer(const struct http_route *routes, size_t count, void *ctx,
                        struct http_request *request)
{
    const char *method = http_method(request);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(http_path(request), routes[i].path) != 0)
            continue;
        if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
            routes[i].answer(ctx, request);
        } else {
            http_set_header(request, "Allow", "GET, HEAD");
            http_say(request, 405, "this can only be read\n");
        }
        return true;
    }
    return false;
}
