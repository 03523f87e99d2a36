/* Cancelling a job on behalf of somebody who asked this daemon: here, when a worker of ours has it;
 * else by a message to all daemons that serve the queue. Called by connections.
 *
 *   ours       answered at once
 *   not ours   published; answered by how many others have heard: none, or it is passed on
 *   Redis away answered with that */
#include <stdlib.h>

#include "common/mem.h"
#include "queue/cancel.h"
#include "server/hosts_internal.h"

struct hosts_cancel {
    hosts_cancelled_fn cancelled;
    void *arg;
    bool hears_itself; /* this daemon is among those that hear the message */
    char *queue;       /* owned */
};

static struct queue_host *cancel_find_in(const struct ct_list *list, struct ct_str prefix,
                                         struct ct_str name)
{
    CT_LIST_FOREACH (node, list) {
        struct queue_host *host = queue_host_of(node);
        const struct queue *queue = queue_host_queue(host);

        if (ct_str_is(name, queue_name(queue)) && ct_str_is(prefix, queue_prefix(queue)))
            return host;
    }
    return NULL;
}

static void cancel_answer(struct hosts_cancel *cancel, const struct ct_error *answer)
{
    hosts_cancelled_fn cancelled = cancel->cancelled;
    void *arg = cancel->arg;

    free(cancel->queue);
    free(cancel);
    cancelled(arg, answer);
}

static void cancel_on_published(void *arg, const struct redis_reply *reply,
                                const struct ct_error *err)
{
    struct hosts_cancel *cancel = arg;
    const int64_t others = err ? 0 : redis_reply_int(reply, 0) - cancel->hears_itself;
    struct ct_error answer = {CT_E_OK, ""};

    if (err)
        answer = *err;
    else if (others <= 0)
        ct_error_set(&answer, CT_E_NOT_FOUND,
                     "no daemon works on this job of queue %.100s; if it is active, a Node worker "
                     "has it, and those cannot be told to stop",
                     cancel->queue);
    else
        ct_error_set(&answer, CT_E_OK, "passed on to %lld other daemon%s", (long long)others,
                     others == 1 ? "" : "s");
    cancel_answer(cancel, &answer);
}

static void cancel_publish(struct hosts *hosts, const struct hosts_want *want, struct ct_str id,
                           struct ct_str reason, struct hosts_cancel *cancel)
{
    char *prefix = ct_strndup(want->prefix.data, want->prefix.len);
    char *channel = cancel_channel(prefix, cancel->queue);
    struct redis_command command;
    struct ct_error err;

    redis_command_init(&command, NULL);
    if (cancel_build(channel, id, reason, &command, &err) == CT_E_OK)
        redis_link_call(hosts->world.commands, &command, cancel_on_published, cancel);
    else
        cancel_answer(cancel, &err);
    redis_command_fini(&command);
    free(channel);
    free(prefix);
}

void hosts_cancel(struct hosts *hosts, const struct hosts_want *want, struct ct_str id,
                  struct ct_str reason, hosts_cancelled_fn cancelled, void *arg)
{
    struct queue_host *host = cancel_find_in(&hosts->live, want->prefix, want->name);
    struct ct_error answer = {CT_E_OK, ""};
    struct hosts_cancel *cancel;

    if (!host)
        host = cancel_find_in(&hosts->retired, want->prefix, want->name);
    if (host && queue_cancel(queue_host_queue(host), id, reason, &answer) != CT_E_NOT_FOUND) {
        cancelled(arg, &answer);
        return;
    }
    cancel = ct_zalloc(sizeof *cancel);
    cancel->cancelled = cancelled;
    cancel->arg = arg;
    cancel->hears_itself = host && queue_host_hears_cancels(host);
    cancel->queue = ct_strndup(want->name.data, want->name.len);
    cancel_publish(hosts, want, id, reason, cancel);
}
