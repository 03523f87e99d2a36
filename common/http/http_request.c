/* A request from its first line to its answer. Called by libmicrohttpd, which calls again with the
 * same request when it was resumed, and by the request's owner. */
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/mem.h"
#include "http/http_internal.h"
#include "http/http_routes.h"

/* --- suspended connections --- */

static int request_descriptor(const struct http_request *request)
{
    return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
        ->connect_fd;
}

void http_request_suspend(struct http_request *request)
{
    ct_assert(!request->is_suspended);
    request->is_suspended = true;
    MHD_suspend_connection(request->connection);
    request->watch = http_watch_open(request, request_descriptor(request));
}

void http_request_resume(struct http_request *request)
{
    if (!request->is_suspended)
        return;
    request->is_suspended = false;
    http_watch_close(request->watch);
    request->watch = NULL;
    MHD_resume_connection(request->connection);
    http_wake(request->server);
}

static void request_tell_gone(struct http_request *request)
{
    void (*gone)(void *arg) = request->gone;

    request->gone = NULL;
    if (gone)
        gone(request->gone_arg);
}

void http_request_lost(struct http_request *request)
{
    if (request->state == HTTP_ASKED) {
        request->state = HTTP_GONE;
        request_tell_gone(request);
    }
    if (request->feed)
        http_feed_lost(request->feed);
    http_request_resume(request);
}

/* --- receiving --- */

static void request_read_peer(struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;

    snprintf(request->peer, sizeof request->peer, "local");
    if (address && address->sa_family == AF_INET)
        uv_ip4_name((const struct sockaddr_in *)address, request->peer, sizeof request->peer);
    else if (address && address->sa_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)address, request->peer, sizeof request->peer);
}

void *http_on_uri(void *ctx, const char *uri, struct MHD_Connection *connection)
{
    struct http_server *server = ctx;
    struct http_request *request = ct_zalloc(sizeof *request);
    const char *query = strchr(uri, '?');

    request->server = server;
    request->connection = connection;
    request->raw_path = query ? ct_strndup(uri, (size_t)(query - uri)) : ct_strdup(uri);
    request_read_peer(request);
    ct_list_push_back(&server->requests, &request->link);
    return request;
}

static void request_drop_body(struct http_request *request)
{
    request->server->bodies -= request->body.len;
    ct_buf_free(&request->body);
}

static void request_refuse(struct http_request *request, unsigned status, const char *text)
{
    request_drop_body(request);
    request->state = HTTP_ASKED;
    http_answer(request, status, HTTP_TEXT, ct_str_of(text));
    request->state = HTTP_REFUSED;
}

static void request_take_data(struct http_request *request, const char *data, size_t size)
{
    if (request->state == HTTP_REFUSED)
        request->dropped += size;
    else if (request->body.len + size > HTTP_BODY_MAX)
        request_refuse(request, MHD_HTTP_CONTENT_TOO_LARGE,
                       "the body is over the limit (HTTP_BODY_MAX)\n");
    else if (request->server->bodies + size > HTTP_BODIES_MAX)
        request_refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                       "too many bodies are under way (HTTP_BODIES_MAX); try again\n");
    else {
        ct_buf_append(&request->body, data, size);
        request->server->bodies += size;
    }
}

/* A body that says beforehand that it is too large is not read at all. */
static void request_check_length(struct http_request *request)
{
    const char *length = http_header(request, "Content-Length");
    int64_t bytes;

    if (length && (!ct_str_to_int(ct_str_of(length), &bytes) || bytes > HTTP_BODY_MAX))
        request_refuse(request, MHD_HTTP_CONTENT_TOO_LARGE,
                       "the body is over the limit (HTTP_BODY_MAX)\n");
}

static enum MHD_Result request_queue(struct http_request *request)
{
    request->state = HTTP_ANSWERED;
    return MHD_queue_response(request->connection, request->status, request->response);
}

/* The whole request is there, or was resumed. */
static enum MHD_Result request_whole(struct http_request *request)
{
    switch (request->state) {
    case HTTP_RECEIVING:
        request->state = HTTP_ASKED;
        request->server->on_request(request->server->ctx, request);
        if (request->state == HTTP_ASKED) {
            http_request_suspend(request);
            return MHD_YES;
        }
        return request_queue(request);
    case HTTP_REFUSED:
    case HTTP_ANSWERED:
        return request_queue(request);
    case HTTP_ASKED:
        http_request_suspend(request); /* resumed for no reason of ours */
        return MHD_YES;
    case HTTP_GONE:
        break;
    }
    return MHD_NO;
}

enum MHD_Result http_on_access(void *ctx, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **con_cls)
{
    struct http_request *request = *con_cls;

    if (request->server->is_closing || request->state == HTTP_GONE)
        return MHD_NO;
    if (!request->method) {
        request->method = method;
        request->path = url;
        request_check_length(request);
        return request->state == HTTP_REFUSED ? request_queue(request) : MHD_YES;
    }
    if (*size == 0)
        return request_whole(request);
    request_take_data(request, data, *size);
    *size = 0;
    /* An endless body that nobody wants is not listened to for ever. */
    return request->dropped > HTTP_BODY_MAX ? MHD_NO : MHD_YES;
}

void http_on_completed(void *ctx, struct MHD_Connection *connection, void **con_cls,
                       enum MHD_RequestTerminationCode why)
{
    struct http_request *request = *con_cls;

    if (!request)
        return;
    *con_cls = NULL;
    ct_assert(!request->is_suspended);
    if (request->state == HTTP_ASKED)
        request_tell_gone(request);
    if (request->feed)
        http_feed_free(request->feed);
    request_drop_body(request);
    for (uint32_t i = 0; i < request->header_count; i++) {
        free(request->headers[i].name);
        free(request->headers[i].value);
    }
    if (request->response)
        MHD_destroy_response(request->response);
    ct_list_remove(&request->link);
    free(request->certified_name);
    free(request->raw_path);
    free(request);
}

/* --- reading it --- */

const char *http_method(const struct http_request *request)
{
    return request->method;
}

const char *http_path(const struct http_request *request)
{
    return request->path;
}

const char *http_raw_path(const struct http_request *request)
{
    return request->raw_path;
}

const char *http_query(const struct http_request *request, const char *name)
{
    const char *value = NULL;
    size_t len;

    if (MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name,
                                      strlen(name), &value, &len) == MHD_NO)
        return NULL;
    return value ? value : "";
}

struct query_walk {
    void (*visit)(void *arg, const char *name, const char *value);
    void *arg;
};

static enum MHD_Result query_visit(void *ctx, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    const struct query_walk *walk = ctx;

    walk->visit(walk->arg, name, value ? value : "");
    return MHD_YES;
}

void http_each_query(const struct http_request *request,
                     void (*visit)(void *arg, const char *name, const char *value), void *arg)
{
    struct query_walk walk = {visit, arg};

    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, query_visit, &walk);
}

const char *http_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct ct_str http_body(const struct http_request *request)
{
    return ct_buf_str(&request->body);
}

const char *http_peer(const struct http_request *request)
{
    return request->peer;
}

const char *http_certified_name(const struct http_request *request)
{
    struct http_request *cache = (struct http_request *)request;

    if (!request->is_name_known && request->server->tls.ca)
        cache->certified_name = http_tls_certified_name(request->connection);
    cache->is_name_known = true;
    return request->certified_name;
}

/* --- answering --- */

void http_on_gone(struct http_request *request, void (*gone)(void *arg), void *arg)
{
    request->gone = gone;
    request->gone_arg = arg;
}

void http_set_header(struct http_request *request, const char *name, const char *value)
{
    ct_assert(request->header_count < HTTP_HEADERS_MAX);
    request->headers[request->header_count++] =
        (struct http_header){ct_strdup(name), ct_strdup(value)};
}

void http_request_respond(struct http_request *request, unsigned status, const char *type,
                          struct MHD_Response *response)
{
    ct_assert(request->state == HTTP_ASKED && !request->response);
    ct_assert(response);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    for (uint32_t i = 0; i < request->header_count; i++)
        MHD_add_response_header(response, request->headers[i].name, request->headers[i].value);
    request->status = status;
    request->response = response;
    request->state = HTTP_ANSWERED;
    request->gone = NULL;
    http_request_resume(request);
}

void http_answer(struct http_request *request, unsigned status, const char *type,
                 struct ct_str body)
{
    http_request_respond(
        request, status, type,
        MHD_create_response_from_buffer(body.len, (void *)body.data, MHD_RESPMEM_MUST_COPY));
}
