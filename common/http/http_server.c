/* libmicrohttpd on the caller's loop: its epoll descriptor is polled, its timeout is a timer. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "http/http_internal.h"

#define HTTP_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define HTTP_LOG_BYTES      256

/* --- the loop --- */

static void http_run(struct http_server *server);

static void http_on_timer(uv_timer_t *timer)
{
    http_run(timer->data);
}

static void http_on_poll(uv_poll_t *poll, int status, int events)
{
    http_run(poll->data);
}

static void http_arm(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG timeout;

    if (server->has_resumed)
        uv_timer_start(&server->timer, http_on_timer, 0, 0);
    else if (MHD_get_timeout(server->daemon, &timeout) == MHD_YES)
        uv_timer_start(&server->timer, http_on_timer, timeout, 0);
    else
        uv_timer_stop(&server->timer);
}

static void http_run(struct http_server *server)
{
    if (server->is_closing)
        return;
    server->is_running = true;
    server->has_resumed = false;
    MHD_run(server->daemon);
    server->is_running = false;
    http_arm(server);
}

/* Without threads of its own libmicrohttpd has nothing to wake itself with. */
void http_wake(struct http_server *server)
{
    server->has_resumed = true;
    if (!server->is_running && !server->is_closing)
        http_arm(server);
}

/* --- opening --- */

static void http_on_log(void *ctx, const char *format, va_list args)
{
    char text[HTTP_LOG_BYTES];
    int len = vsnprintf(text, sizeof text, format, args);

    while (len > 0 && len < (int)sizeof text && text[len - 1] == '\n')
        text[--len] = '\0';
    ct_log_debug("http", CT_STR("text", text));
}

static struct MHD_Daemon *http_start(struct http_server *server, int fd, unsigned idle_s)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, server->tls.cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->tls.key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)HTTP_TLS_PRIORITIES},
        {server->tls.ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, server->tls.ca},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

    if (server->tls.cert)
        flags |= MHD_USE_TLS;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, http_on_access, server, MHD_OPTION_EXTERNAL_LOGGER, http_on_log,
        server, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd, MHD_OPTION_URI_LOG_CALLBACK, http_on_uri,
        server, MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, server, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_ARRAY, server->tls.cert ? tls : none,
        MHD_OPTION_END);
}

static void http_free(struct http_server *server)
{
    http_tls_free(&server->tls);
    free(server->address);
    free(server->socket_path);
    free(server);
}

static enum ct_code http_begin(struct http_server *server, const struct http_options *options,
                               struct ct_error *err)
{
    int fd;
    enum ct_code rc = http_tls_read(options, &server->tls, err);

    if (rc == CT_E_OK)
        rc = http_listen(options->address, server->tls.cert, &fd, &server->address,
                         &server->socket_path, err);
    if (rc != CT_E_OK)
        return rc;
    server->daemon = http_start(server, fd, options->idle_s ? options->idle_s : HTTP_IDLE_S);
    if (server->daemon)
        return CT_E_OK;
    close(fd);
    if (server->socket_path)
        unlink(server->socket_path);
    return ct_error_set(err, CT_E_SYSTEM, "cannot serve HTTP on %.120s%s", server->address,
                        server->tls.cert ? ": are certificate, key and CA valid PEM, and is it the "
                                           "certificate's key?"
                                         : "");
}

enum ct_code http_open(const struct http_options *options, struct http_server **out,
                       struct ct_error *err)
{
    struct http_server *server = ct_zalloc(sizeof *server);

    server->loop = options->loop;
    server->on_request = options->on_request;
    server->ctx = options->ctx;
    ct_list_init(&server->requests);
    enum ct_code rc = http_begin(server, options, err);
    if (rc != CT_E_OK) {
        http_free(server);
        return rc;
    }
    int fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    int status = uv_poll_init(server->loop, &server->poll, fd);
    ct_assert(status == 0);
    uv_timer_init(server->loop, &server->timer);
    server->handles = 2;
    server->poll.data = server->timer.data = server;
    uv_poll_start(&server->poll, UV_READABLE, http_on_poll);
    http_arm(server);
    *out = server;
    return CT_E_OK;
}

const char *http_address(const struct http_server *server)
{
    return server->address;
}

/* --- closing --- */

void http_handle_closed(struct http_server *server)
{
    void (*closed)(void *ctx) = server->closed;
    void *ctx = server->closed_ctx;

    if (--server->handles > 0)
        return;
    http_free(server);
    if (closed)
        closed(ctx);
}

static void http_on_closed(uv_handle_t *handle)
{
    http_handle_closed(handle->data);
}

void http_close(struct http_server *server, void (*closed)(void *ctx), void *ctx)
{
    ct_assert(!server->is_running);
    server->closed = closed;
    server->closed_ctx = ctx;
    server->is_closing = true;
    uv_close((uv_handle_t *)&server->poll, http_on_closed);
    uv_close((uv_handle_t *)&server->timer, http_on_closed);
    CT_LIST_FOREACH_SAFE (node, next, &server->requests) {
        http_request_lost(CT_CONTAINER(node, struct http_request, link));
    }
    /* It refuses to stop with suspended connections, and resumes them only as it runs. */
    server->is_running = true;
    MHD_run(server->daemon);
    MHD_stop_daemon(server->daemon);
    if (server->socket_path)
        unlink(server->socket_path);
    ct_assert(ct_list_is_empty(&server->requests));
}
