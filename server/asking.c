/* What runners ask about the children of the jobs they hold. Called by session.c; the engine asks
 * Redis.
 *
 * A question outlives its connection once it is asked: then nobody hears the answer. */
#include <stdlib.h>

#include "common/mem.h"
#include "server/conn_internal.h"

struct asking {
    struct ct_list link;     /* in conn->askings */
    struct conn *conn;       /* NULL once it is gone */
    struct queue_host *host; /* held */
    uint64_t request;
    struct children_query query;
    char *id, *key; /* owned; what `query` borrows */
};

static void asking_end(struct conn *conn, uint64_t request, const struct ct_error *err,
                       uint64_t cursor)
{
    const struct proto_message message = {
        .type = PROTO_CHILDREN_END,
        .as.children_end = {.request = request,
                            .code = err->code,
                            .has_cursor = cursor != 0,
                            .cursor = cursor,
                            .has_detail = err->code != CT_E_OK,
                            .detail = ct_str_of(err->detail)},
    };

    conn_tell(conn, &message);
}

static void asking_part(struct asking *asking)
{
    ct_list_remove(&asking->link);
    asking->conn->asking_count--;
    asking->conn = NULL;
}

static void asking_free(struct asking *asking)
{
    if (asking->conn)
        asking_part(asking);
    queue_host_release(asking->host);
    children_query_fini(&asking->query);
    free(asking->id);
    free(asking->key);
    free(asking);
}

/* One that no frame can carry ends the answer. */
static enum ct_code asking_tell(const struct asking *asking, const struct child *child,
                                struct ct_error *err)
{
    const struct proto_message message = {
        .type = PROTO_CHILD,
        .as.child = {.request = asking->request,
                     .key = child->key,
                     .has_value = child->value.data != NULL,
                     .value = child->value,
                     .has_cut = child->is_cut,
                     .cut = child->is_cut},
    };

    return conn_send(asking->conn, &message, err);
}

static void asking_on_done(struct children_query *query, const struct ct_error *err)
{
    struct asking *asking = CT_CONTAINER(query, struct asking, query);
    struct ct_error own = *err;

    if (asking->conn) {
        for (uint32_t i = 0; i < query->child_count && own.code == CT_E_OK; i++)
            (void)asking_tell(asking, &query->children[i], &own);
        asking_end(asking->conn, asking->request, &own,
                   own.code == CT_E_OK ? query->next_cursor : 0);
        conns_mark(asking->conn);
    }
    asking_free(asking);
}

static enum ct_code asking_check(const struct conn *conn, const struct proto_children *children,
                                 struct ct_error *err)
{
    if (!lease_table_find(&conn->leases, children->lease))
        return ct_error_set(err, CT_E_NOT_FOUND,
                            "this connection holds no lease with the number %llu",
                            (unsigned long long)children->lease);
    if (children->which < PROTO_CHILDREN_PROCESSED || children->which > PROTO_CHILDREN_UNPROCESSED)
        return ct_error_set(err, CT_E_INVALID, "children: no kind of them has the number %llu",
                            (unsigned long long)children->which);
    if (conn->asking_count >= CONN_ASKINGS_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "%d questions of this connection wait already (CONN_ASKINGS_MAX)",
                            CONN_ASKINGS_MAX);
    return CT_E_OK;
}

_Static_assert((int)PROTO_CHILDREN_PROCESSED == (int)CHILDREN_PROCESSED &&
                   (int)PROTO_CHILDREN_UNPROCESSED == (int)CHILDREN_UNPROCESSED,
               "the kinds have one numbering");

static struct queue_host *asking_host(const struct conn *conn, const struct lease *lease)
{
    struct ct_list *node = conn->subs.next;

    while (CT_CONTAINER(node, struct sub, link)->consumer != lease_consumer(lease))
        node = node->next; /* a lease of this connection came through one of them */
    return CT_CONTAINER(node, struct sub, link)->host;
}

void asking_ask(struct conn *conn, const struct proto_children *children)
{
    struct ct_error err;

    if (asking_check(conn, children, &err) != CT_E_OK) {
        asking_end(conn, children->request, &err, 0);
        return;
    }
    const struct lease *lease = lease_table_find(&conn->leases, children->lease);
    struct asking *asking = ct_zalloc(sizeof *asking);

    asking->conn = conn;
    asking->host = asking_host(conn, lease);
    queue_host_hold(asking->host);
    asking->request = children->request;
    asking->id = ct_strndup(lease_job(lease)->id.data, lease_job(lease)->id.len);
    asking->query.id = (struct ct_str){asking->id, lease_job(lease)->id.len};
    asking->query.kind = (enum children_kind)children->which;
    asking->query.cursor = children->has_cursor ? children->cursor : 0;
    if (children->has_key) {
        asking->key = ct_strndup(children->key.data, children->key.len);
        asking->query.key = (struct ct_str){asking->key, children->key.len};
    }
    ct_list_push_back(&conn->askings, &asking->link);
    conn->asking_count++;
    if (queue_children(queue_host_queue(asking->host), &asking->query, asking_on_done, &err) !=
        CT_E_OK) {
        asking_end(conn, asking->request, &err, 0);
        asking_free(asking);
    }
}

void asking_abandon(struct conn *conn)
{
    CT_LIST_FOREACH_SAFE (node, following, &conn->askings)
        asking_part(CT_CONTAINER(node, struct asking, link));
}
