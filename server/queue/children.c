/* Questions of running jobs about their children. Each is a call of its own, beside the commits; it
 * reads, so one that is lost may be asked again by who asked. Called by whoever serves a runner. */
#include "queue/queue_internal.h"

#include <stdlib.h>

#include "common/mem.h"

struct children_call {
    struct queue *queue;
    struct children_query *query; /* borrowed until `done` */
    children_done_fn done;
};

static void call_done(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct children_call *call = arg;
    struct queue *queue = call->queue;
    struct ct_error own = {CT_E_OK, ""};

    queue_enter(queue);
    queue->children_calls--;
    if (err && err->code != CT_E_OK)
        own = *err;
    else
        own.code = queue->dialect->parse_children(queue->dialect_queue, call->query, reply, &own);
    call->done(call->query, &own);
    free(call);
    queue_leave(queue);
}

enum ct_code queue_children(struct queue *queue, struct children_query *query,
                            children_done_fn done, struct ct_error *err)
{
    struct children_call *call;
    struct redis_command command;

    query->children = NULL;
    query->child_count = 0;
    if (!queue->dialect->build_children)
        return ct_error_set(err, CT_E_UNSUPPORTED,
                            "jobs of queue %s have no children: its dialect is %s", queue->name,
                            queue->dialect->name);
    if (!queue->is_up)
        return ct_error_set(err, CT_E_REDIS_DOWN, "queue %s: Redis cannot be reached", queue->name);
    if (queue->children_calls >= QUEUE_CHILDREN_CALLS_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "queue %s: %d questions about children are under way already "
                            "(QUEUE_CHILDREN_CALLS_MAX), ask again later",
                            queue->name, QUEUE_CHILDREN_CALLS_MAX);
    call = ct_alloc(sizeof *call);
    *call = (struct children_call){queue, query, done};
    queue->children_calls++;
    redis_command_init(&command, NULL);
    queue->dialect->build_children(queue->dialect_queue, query, &command);
    queue->port->call(queue->port->ctx, &command, call_done, call);
    redis_command_fini(&command);
    return CT_E_OK;
}
