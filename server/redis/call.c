/* One request on its way: its frame, and its one answer. Called by link.c, handshake.c and
 * connection.c. */
#include <stdio.h>
#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"
#include "redis/link_internal.h"

void call_write_head(struct redis_call *call)
{
    const struct redis_script *script = call->script;

    if (!script) {
        call->head_len =
            (size_t)snprintf(call->head, sizeof call->head, "*%u\r\n", (unsigned)call->argc);
        return;
    }
    if (!call->has_source) {
        call->head_len = (size_t)snprintf(
            call->head, sizeof call->head, "*%u\r\n$7\r\nEVALSHA\r\n$%zu\r\n%s\r\n",
            (unsigned)call->argc + 2, strlen(script->sha), script->sha);
        ct_assert(call->head_len < sizeof call->head);
        return;
    }
    call->head_len =
        (size_t)snprintf(call->head, sizeof call->head, "*%u\r\n$4\r\nEVAL\r\n$%zu\r\n",
                         (unsigned)call->argc + 2, script->source_len);
}

struct redis_call *call_new(struct redis_command *command, redis_done_fn done, void *arg)
{
    struct redis_call *call = ct_zalloc(sizeof *call);

    call->script = command->script;
    call->argc = command->argc;
    call->body = command->body;
    call->done = done;
    call->arg = arg;
    ct_list_init(&call->link);
    ct_buf_init(&command->body);
    command->argc = 0;
    call_write_head(call);
    return call;
}

void call_free(struct redis_call *call)
{
    ct_list_remove(&call->link);
    ct_buf_free(&call->body);
    free(call->channel);
    free(call);
}

void call_written(struct redis_call *call)
{
    if (call->is_answered)
        call_free(call);
}

/* The one answer. The call's memory stays while the loop still writes from it. */
void call_answer(struct redis_call *call, const struct redis_reply *reply,
                 const struct ct_error *err)
{
    ct_list_remove(&call->link);
    if (call->done)
        call->done(call->arg, reply, err);
    call->is_answered = true;
    if (!call->is_writing)
        call_free(call);
}

void calls_fail(struct ct_list *calls, const struct ct_error *err)
{
    while (!ct_list_is_empty(calls))
        call_answer(CT_CONTAINER(calls->next, struct redis_call, link), NULL, err);
}
