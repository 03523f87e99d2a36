/* Questions of job threads about children: sent to the daemon, whose answer is collected, and
 * answered for it when it cannot. Part of leases.h. */
#include <stdlib.h>

#include "common/mem.h"
#include "worker/runner/leases.h"

/* The thread may be gone; its reference is what it is. */
static void asks_finish(struct ask *ask, const char *error)
{
    ct_list_remove(&ask->link);
    ask_answer(ask, error);
}

static struct proto_message asks_message(const struct ask *ask)
{
    if (ask->is_cache)
        return (struct proto_message){
            .type = PROTO_CACHE_GET,
            .as.cache_get = {.request = ask->request,
                             .key = ct_str_of(ask->key),
                             .has_tags = ask->tags != NULL,
                             .tags = ct_str_of(ask->tags)},
        };
    return (struct proto_message){
        .type = PROTO_CHILDREN,
        .as.children = {.request = ask->request,
                        .lease = ask->job->lease,
                        .which = ask->which,
                        .has_cursor = ask->cursor != 0,
                        .cursor = ask->cursor,
                        .has_key = ask->key != NULL,
                        .key = ct_str_of(ask->key)},
    };
}

void asks_take(struct leases *leases, struct ask *ask)
{
    struct proto_message message;

    ask->request = leases->ask_next++;
    ct_list_push_back(&leases->asks, &ask->link);
    message = asks_message(ask);
    if (ask->job->is_lost)
        asks_finish(ask, "the job is not this worker's any more");
    else if (ask->job->lease == 0 || !leases_send(leases, &message))
        asks_finish(ask, "the daemon cannot be reached now");
}

static struct ask *asks_find(const struct leases *leases, uint64_t request)
{
    CT_LIST_FOREACH (node, &leases->asks) {
        struct ask *ask = CT_CONTAINER(node, struct ask, link);

        if (ask->request == request)
            return ask;
    }
    return NULL; /* answered already, because its job is to stop */
}

void asks_child(struct leases *leases, const struct proto_child *child)
{
    struct ask *ask = asks_find(leases, child->request);

    if (ask)
        ask_add(ask, child->key, child->has_value ? child->value : CT_STR_NONE,
                child->has_cut && child->cut);
}

/* The stamp stands where the key of a child would. */
void asks_cached(struct leases *leases, const struct proto_cached *cached)
{
    struct ask *ask = asks_find(leases, cached->request);

    if (!ask)
        return;
    if (cached->has_stamp)
        ask_add(ask, cached->stamp, cached->has_value ? cached->value : CT_STR_NONE, false);
    asks_finish(ask, NULL);
}

void asks_end(struct leases *leases, const struct proto_children_end *end)
{
    struct ask *ask = asks_find(leases, end->request);
    char *error = NULL;

    if (!ask)
        return;
    ask->next_cursor = end->has_cursor ? end->cursor : 0;
    if (end->code != CT_E_OK && end->has_detail && end->detail.len)
        error = ct_strndup(end->detail.data, end->detail.len);
    asks_finish(ask,
                error || end->code == CT_E_OK ? error : ct_error_text((enum ct_code)end->code));
    free(error);
}

void asks_stop(struct leases *leases, const struct cartrita_job *job, const char *reason)
{
    CT_LIST_FOREACH_SAFE (node, following, &leases->asks) {
        struct ask *ask = CT_CONTAINER(node, struct ask, link);

        if (ask->job == job)
            asks_finish(ask, reason);
    }
}

void asks_down(struct leases *leases)
{
    CT_LIST_FOREACH_SAFE (node, following, &leases->asks)
        asks_finish(CT_CONTAINER(node, struct ask, link), "the connection to the daemon was lost");
}
