/* The socket of a link: finds the address, connects, reads into the reply reader, writes calls.
 * Called by link.c. Knows neither what is said on it nor when to try again.
 *
 * hiredis is used for what it does best, its parser. The socket is libuv's own: names are resolved
 * without blocking, a frame goes to the kernel straight from where it was built, reads are 64 KiB
 * and not 16, and nothing of a connection outlives its close callback.
 *
 * Happy path: numeric address or lookup, connect, link_connected, then reads until the end. Failure
 * paths: the lookup fails; an address refuses (the next one is tried); the last one refuses; the
 * peer closes; a write fails; the peer speaks no Redis. Each ends in link_lost with the reason. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/mem.h"
#include "redis/link_internal.h"

#define CONNECTION_READ_BYTES 65536
/* A peer that went away without a word is noticed after about this long without traffic. */
#define CONNECTION_KEEPALIVE_S 15

static void connection_next_address(struct redis_link *link);

static void connection_lost(struct redis_link *link, int status, const char *what)
{
    char *url = ct_redis_url_print(link->url);
    struct ct_error err;

    ct_error_set(&err, CT_E_REDIS_DOWN, "%s %.120s: %s", what, url, uv_strerror(status));
    free(url);
    link_lost(link, &err);
}

static void connection_on_closed(uv_handle_t *handle)
{
    struct redis_connection *connection = handle->data;

    reply_reader_free(connection->reader);
    redis_tls_free(connection->tls);
    free(connection);
}

static void connection_close(struct redis_connection *connection)
{
    connection->link = NULL;
    uv_close(&connection->as.handle, connection_on_closed);
}

void connection_drop(struct redis_link *link)
{
    if (link->lookup) {
        uv_cancel((uv_req_t *)&link->lookup->request);
        link->lookup->link = NULL;
        link->lookup = NULL;
    }
    if (link->connection) {
        connection_close(link->connection);
        link->connection = NULL;
    }
    uv_freeaddrinfo(link->addresses);
    link->addresses = link->address_next = NULL;
}

/* --- reading --- */

static void connection_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    /* One for all links: what is read is parsed before anybody else reads. */
    static char bytes[CONNECTION_READ_BYTES];

    *buf = uv_buf_init(bytes, sizeof bytes);
}

void connection_parse(struct redis_connection *connection, const char *bytes, size_t len)
{
    const struct redis_reply *reply;
    struct ct_error err;

    if (reply_reader_feed(connection->reader, bytes, len, &err) != CT_E_OK) {
        link_lost(connection->link, &err);
        return;
    }
    /* An answer may end the link: then it has let go of this connection. */
    while (connection->link) {
        if (reply_reader_next(connection->reader, &reply, &err) != CT_E_OK) {
            link_lost(connection->link, &err);
            return;
        }
        if (!reply)
            return;
        link_reply(connection->link, reply);
    }
}

static void connection_on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct redis_connection *connection = stream->data;

    if (!connection->link)
        return;
    if (count > 0 && connection->tls)
        connection_take_secured(connection, buf->base, (size_t)count);
    else if (count > 0)
        connection_parse(connection, buf->base, (size_t)count);
    else if (count < 0)
        connection_lost(connection->link, (int)count, "lost the connection to");
}

/* --- writing --- */

static void connection_on_written(uv_write_t *request, int status)
{
    struct redis_call *call = request->data;

    /* A failure shows on the reading side, or is our own close. */
    call->is_writing = false;
    call_written(call);
}

void connection_write(struct redis_link *link, struct redis_call *call)
{
    if (link->connection->tls) {
        connection_write_secured(link, call);
        return;
    }
    uv_stream_t *stream = &link->connection->as.stream;
    uv_buf_t bufs[2] = {
        uv_buf_init(call->head, (unsigned)call->head_len),
        uv_buf_init(ct_buf_data(&call->body), (unsigned)call->body.len),
    };
    unsigned count = call->body.len > 0 ? 2 : 1;

    /* The short way: most frames fit the socket's buffer. uv_try_write refuses by itself while
     * earlier writes are queued. */
    int sent = uv_try_write(stream, bufs, count);
    for (unsigned i = 0; i < count && sent > 0; i++) {
        size_t gone = (size_t)sent < bufs[i].len ? (size_t)sent : bufs[i].len;
        bufs[i].base += gone;
        bufs[i].len -= gone;
        sent -= (int)gone;
    }
    if (bufs[0].len == 0 && (count == 1 || bufs[1].len == 0))
        return;
    call->write.data = call;
    call->is_writing = true;
    int rc = uv_write(&call->write, stream, bufs, count, connection_on_written);
    if (rc != 0) {
        call->is_writing = false;
        ct_error_set(&link->write_failed, CT_E_REDIS_DOWN, "cannot write to Redis: %s",
                     uv_strerror(rc));
    }
}

/* --- connecting --- */

static void connection_keep_alive(struct redis_connection *connection)
{
    int fd, user_timeout_ms = REDIS_REPLY_TIMEOUT_MS;

    uv_tcp_nodelay(&connection->as.tcp, 1);
    uv_tcp_keepalive(&connection->as.tcp, 1, CONNECTION_KEEPALIVE_S);
    if (uv_fileno(&connection->as.handle, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
}

static void connection_on_connected(uv_connect_t *request, int status)
{
    struct redis_connection *connection = request->handle->data;
    struct redis_link *link = connection->link;

    if (!link)
        return;
    if (status == 0)
        status = uv_read_start(&connection->as.stream, connection_on_alloc, connection_on_read);
    if (status == 0) {
        if (connection->as.handle.type == UV_TCP)
            connection_keep_alive(connection);
        if (link->url->is_tls)
            connection_secure(connection);
        else
            link_connected(link);
    } else if (link->address_next) {
        connection_close(connection);
        link->connection = NULL;
        connection_next_address(link);
    } else {
        connection_lost(link, status, "cannot connect to");
    }
}

static struct redis_connection *connection_new(struct redis_link *link)
{
    struct redis_connection *connection = ct_zalloc(sizeof *connection);

    connection->link = link;
    connection->reader = reply_reader_new();
    link->connection = connection;
    return connection;
}

static void connection_try_path(struct redis_link *link)
{
    struct sockaddr_un limit;

    if (strlen(link->url->path) >= sizeof limit.sun_path) {
        connection_lost(link, UV_ENAMETOOLONG, "cannot connect to");
        return;
    }
    struct redis_connection *connection = connection_new(link);
    uv_pipe_init(link->loop, &connection->as.pipe, 0);
    connection->as.handle.data = connection;
    uv_pipe_connect(&connection->connect, &connection->as.pipe, link->url->path,
                    connection_on_connected);
}

static void connection_try_address(struct redis_link *link, const struct sockaddr *address)
{
    struct redis_connection *connection = connection_new(link);

    uv_tcp_init(link->loop, &connection->as.tcp);
    connection->as.handle.data = connection;
    int rc =
        uv_tcp_connect(&connection->connect, &connection->as.tcp, address, connection_on_connected);
    if (rc != 0)
        connection_lost(link, rc, "cannot connect to");
}

static void connection_next_address(struct redis_link *link)
{
    struct addrinfo *address = link->address_next;

    link->address_next = address->ai_next;
    connection_try_address(link, address->ai_addr);
}

static void connection_on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct redis_lookup *lookup = request->data;
    struct redis_link *link = lookup->link;

    free(lookup);
    if (!link) {
        uv_freeaddrinfo(found);
        return;
    }
    link->lookup = NULL;
    if (status != 0) {
        connection_lost(link, status, "cannot resolve the host of");
        return;
    }
    link->addresses = link->address_next = found;
    connection_next_address(link);
}

static void connection_resolve(struct redis_link *link)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct redis_lookup *lookup = ct_zalloc(sizeof *lookup);
    char port[8];

    snprintf(port, sizeof port, "%u", link->url->port);
    lookup->link = link;
    lookup->request.data = lookup;
    int rc = uv_getaddrinfo(link->loop, &lookup->request, connection_on_resolved, link->url->host,
                            port, &hints);
    if (rc != 0) {
        free(lookup);
        connection_lost(link, rc, "cannot resolve the host of");
        return;
    }
    link->lookup = lookup;
}

void connection_try(struct redis_link *link)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (link->url->path)
        connection_try_path(link);
    else if (uv_ip4_addr(link->url->host, link->url->port, &v4) == 0)
        connection_try_address(link, (struct sockaddr *)&v4);
    else if (uv_ip6_addr(link->url->host, link->url->port, &v6) == 0)
        connection_try_address(link, (struct sockaddr *)&v6);
    else
        connection_resolve(link);
}
