/* Whether the client of a suspended connection is still there. Lives as a handle of the loop, so
 * it outlasts its request until that has closed. */
#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"
#include "http/http_internal.h"

struct http_watch {
    uv_poll_t poll;
    struct http_server *server;
    struct http_request *request;
};

static void watch_on_closed(uv_handle_t *handle)
{
    struct http_watch *watch = handle->data;
    struct http_server *server = watch->server;

    free(watch);
    http_handle_closed(server);
}

void http_watch_close(struct http_watch *watch)
{
    uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, watch_on_closed);
}

static void watch_on_event(uv_poll_t *poll, int status, int events)
{
    struct http_watch *watch = poll->data;

    if (status < 0 || (events & UV_DISCONNECT))
        http_request_lost(watch->request);
}

struct http_watch *http_watch_open(struct http_request *request, int fd)
{
    struct http_watch *watch = ct_zalloc(sizeof *watch);

    watch->server = request->server;
    watch->request = request;
    int status = uv_poll_init(watch->server->loop, &watch->poll, fd);
    ct_assert(status == 0);
    watch->poll.data = watch;
    watch->server->handles++;
    uv_poll_start(&watch->poll, UV_DISCONNECT, watch_on_event);
    return watch;
}
