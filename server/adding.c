/* Jobs that a connection adds. Called by session.c; the engine batches the adds of a turn.
 *
 * An add outlives its connection once it is handed to the engine: it is then carried out, and
 * nobody hears of it. */
#include <stdlib.h>

#include "common/mem.h"
#include "server/conn_internal.h"

struct adding {
    struct ct_list link; /* in conn->addings */
    struct conn *conn;   /* NULL once it is gone */
    uint64_t request;
    struct hosts_search *search; /* while the queue is being found */
    struct queue_host *host;     /* held from then on */
    struct job_add add;
    struct ct_buf texts; /* owned; what `add` borrows from */
};

/* It is its connection's business no more. */
static void adding_part(struct adding *adding)
{
    struct conn *conn = adding->conn;

    ct_list_remove(&adding->link);
    conn->adding_count--;
    conn->adding_bytes -= adding->texts.len;
    adding->conn = NULL;
    conns_mark(conn);
}

static void adding_free(struct adding *adding)
{
    if (adding->conn)
        adding_part(adding);
    if (adding->host)
        queue_host_release(adding->host);
    job_add_fini(&adding->add);
    ct_buf_free(&adding->texts);
    free(adding);
}

static void adding_answer(struct conn *conn, uint64_t request, const struct ct_error *err,
                          const char *id)
{
    const struct proto_message message = {
        .type = PROTO_ADDED,
        .as.added = {.request = request,
                     .code = err ? err->code : CT_E_OK,
                     .has_id = id != NULL,
                     .id = ct_str_of(id),
                     .has_detail = err != NULL,
                     .detail = ct_str_of(err ? err->detail : NULL)},
    };

    conn_tell(conn, &message);
}

static void adding_on_done(struct job_add *add)
{
    struct adding *adding = CT_CONTAINER(add, struct adding, add);

    if (adding->conn)
        adding_answer(adding->conn, adding->request, add->err.code == CT_E_OK ? NULL : &add->err,
                      add->id);
    adding_free(adding);
}

static void adding_on_found(void *arg, struct queue_host *host, const struct ct_error *err)
{
    struct adding *adding = arg;

    adding->search = NULL;
    if (!host) {
        adding_answer(adding->conn, adding->request, err, NULL);
        adding_free(adding);
        return;
    }
    adding->host = host;
    queue_host_hold(host);
    queue_add(queue_host_queue(host), &adding->add, adding_on_done);
}

/* The message is gone when the add is carried out: its texts are kept in one block. */
static void adding_copy(struct adding *adding, const struct proto_add *add)
{
    struct ct_str name = add->has_name ? add->name : CT_STR_NONE;
    struct ct_str data = add->has_data ? add->data : CT_STR_NONE;
    struct ct_str opts = add->has_opts ? add->opts : CT_STR_NONE;

    ct_buf_reserve(&adding->texts, name.len + data.len + opts.len + 1);
    ct_buf_append_str(&adding->texts, name);
    ct_buf_append_str(&adding->texts, data);
    ct_buf_append_str(&adding->texts, opts);

    const char *at = ct_buf_data(&adding->texts);
    adding->add.name = name.data ? (struct ct_str){at, name.len} : CT_STR_NONE;
    adding->add.data = data.data ? (struct ct_str){at + name.len, data.len} : CT_STR_NONE;
    adding->add.opts =
        opts.data ? (struct ct_str){at + name.len + data.len, opts.len} : CT_STR_NONE;
}

static enum ct_code adding_check(const struct conn *conn, const struct proto_add *add,
                                 struct ct_error *err)
{
    if (conn->adding_count >= CONN_ADDS_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "%d adds of this connection wait already (CONN_ADDS_MAX)",
                            CONN_ADDS_MAX);
    if (conn->adding_bytes > CONN_ADD_BYTES_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "the adds of this connection that wait already have more than %u "
                            "bytes (CONN_ADD_BYTES_MAX)",
                            CONN_ADD_BYTES_MAX);
    return hosts_check_name(add->queue, add->has_prefix ? add->prefix : CT_STR_NONE, err);
}

void adding_add(struct conn *conn, const struct proto_add *add)
{
    struct ct_error err;

    if (adding_check(conn, add, &err) != CT_E_OK) {
        adding_answer(conn, add->request, &err, NULL);
        return;
    }
    const struct hosts_want want = {
        .prefix = add->has_prefix ? add->prefix : CT_STR_LIT("bull"),
        .name = add->queue,
        .dialect = add->has_dialect ? add->dialect : CT_STR_NONE,
        .is_hasty = true,
    };
    struct adding *adding = ct_zalloc(sizeof *adding);
    adding->conn = conn;
    adding->request = add->request;
    ct_list_init(&adding->add.link);
    ct_buf_init(&adding->texts);
    adding_copy(adding, add);
    ct_list_push_back(&conn->addings, &adding->link);
    conn->adding_count++;
    conn->adding_bytes += adding->texts.len;
    adding->search = hosts_find(conn->conns->hosts, &want, adding_on_found, adding);
}

void adding_abandon(struct conn *conn)
{
    CT_LIST_FOREACH_SAFE (node, following, &conn->addings) {
        struct adding *adding = CT_CONTAINER(node, struct adding, link);
        if (adding->search) {
            hosts_forget(adding->search);
            adding_free(adding);
            continue;
        }
        adding_part(adding);
    }
}
