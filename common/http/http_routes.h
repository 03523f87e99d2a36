/* A table of paths that can only be read, as both programs have one. */
#ifndef CT_HTTP_ROUTES_H
#define CT_HTTP_ROUTES_H

#include "http/http.h"

#define HTTP_TEXT "text/plain; charset=utf-8"

struct http_route {
    const char *path;
    void (*answer)(void *ctx, struct http_request *request);
};

/* Answers by the table: 405 to what would write. False: no such path, and nothing was answered. */
bool http_routes_answer(const struct http_route *routes, size_t count, void *ctx,
                        struct http_request *request);
void http_say(struct http_request *request, unsigned status, const char *text);

#endif
