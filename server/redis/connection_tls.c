/* TLS on the socket of a link: moves bytes between the socket and tls.c. Called by connection.c.
 *
 * Happy path: connected, handshake, link_connected, then records both ways. Failure paths: the
 * handshake or a record fails; the socket takes no more. Both end in link_lost with the reason. */
#include <stdlib.h>

#include "common/mem.h"
#include "redis/link_internal.h"

#define PLAIN_BYTES 16384 /* what a record holds at most */

/* Records that the kernel has not taken yet. Lives until its callback. */
struct secured_write {
    uv_write_t request;
    struct ct_buf bytes; /* owned */
};

static void secured_on_written(uv_write_t *request, int status)
{
    struct secured_write *write = request->data;

    /* A failure shows on the reading side, or is our own close. */
    ct_buf_free(&write->bytes);
    free(write);
}

/* Sends what TLS has to send; 0 or libuv's error. */
static int connection_flush(struct redis_connection *connection)
{
    struct ct_buf *output = redis_tls_output(connection->tls);

    if (output->len == 0)
        return 0;
    uv_buf_t buf = uv_buf_init(ct_buf_data(output), (unsigned)output->len);
    int sent = uv_try_write(&connection->as.stream, &buf, 1);
    if (sent > 0)
        ct_buf_consume(output, (size_t)sent);
    if (output->len == 0)
        return 0;
    struct secured_write *write = ct_zalloc(sizeof *write);
    write->bytes = *output;
    ct_buf_init(output);
    write->request.data = write;
    buf = uv_buf_init(ct_buf_data(&write->bytes), (unsigned)write->bytes.len);
    int rc = uv_write(&write->request, &connection->as.stream, &buf, 1, secured_on_written);
    if (rc != 0)
        secured_on_written(&write->request, rc);
    return rc;
}

static void secured_lost(struct redis_connection *connection, struct ct_error *err)
{
    char *url = ct_redis_url_print(connection->link->url);

    (void)connection_flush(connection); /* the alert that says why */
    ct_error_wrap(err, "%.120s", url);
    free(url);
    link_lost(connection->link, err);
}

static void connection_go_on(struct redis_connection *connection)
{
    struct ct_error err;
    bool is_done;

    if (redis_tls_handshake(connection->tls, &is_done, &err) != CT_E_OK) {
        secured_lost(connection, &err);
        return;
    }
    int rc = connection_flush(connection);
    if (rc != 0) {
        ct_error_set(&err, CT_E_REDIS_DOWN, "cannot write to Redis: %s", uv_strerror(rc));
        secured_lost(connection, &err);
    } else if (is_done) {
        connection->is_secured = true;
        link_connected(connection->link);
    }
}

void connection_secure(struct redis_connection *connection)
{
    struct ct_error err;

    if (redis_tls_new(connection->link->url, &connection->tls, &err) != CT_E_OK) {
        link_lost(connection->link, &err);
        return;
    }
    connection_go_on(connection);
}

bool connection_is_securing(const struct redis_link *link)
{
    const struct redis_connection *connection = link->connection;

    return connection && connection->tls && !connection->is_secured;
}

void connection_take_secured(struct redis_connection *connection, const char *bytes, size_t len)
{
    /* One for all links: what is read is parsed before anybody else reads. */
    static char plain[PLAIN_BYTES];
    struct ct_error err;
    size_t got = 1;

    redis_tls_feed(connection->tls, bytes, len);
    if (!connection->is_secured)
        connection_go_on(connection);
    /* An answer may end the link: then it has let go of this connection. */
    while (connection->link && connection->is_secured && got > 0) {
        if (redis_tls_read(connection->tls, plain, sizeof plain, &got, &err) != CT_E_OK)
            secured_lost(connection, &err);
        else if (got > 0)
            connection_parse(connection, plain, got);
    }
}

void connection_write_secured(struct redis_link *link, const struct redis_call *call)
{
    struct redis_connection *connection = link->connection;
    struct ct_error *err = &link->write_failed;
    int rc;

    if (redis_tls_write(connection->tls, call->head, call->head_len, err) != CT_E_OK ||
        redis_tls_write(connection->tls, ct_buf_data(&call->body), call->body.len, err) != CT_E_OK)
        return;
    rc = connection_flush(connection);
    if (rc != 0)
        ct_error_set(err, CT_E_REDIS_DOWN, "cannot write to Redis: %s", uv_strerror(rc));
}
