/* One queue and its port to the world. Called by hosts.c and, for their counts, by connections;
 * never decides anything about jobs.
 *
 * A host lives until nobody uses it for HOST_LINGER_MS (or the daemon stops): it is then retired
 * (found no more), drained, and goes when the engine is idle and its handles are closed. */
#include "server/queue_host.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "queue/cancel.h"

struct queue_host {
    struct ct_list link;      /* in its owner's list */
    struct ct_list turn_link; /* in its owner's list of turns */
    const struct queue_host_world *world;
    struct queue_port port;
    struct queue *queue;          /* owned */
    struct redis_link *wait_link; /* owned; NULL while nobody waits */
    uv_timer_t timer, linger, unwait;
    int handles_open;
    uint32_t workers, holders;
    bool is_pinned, is_retired, is_closing;
    bool is_up;             /* told the engine so */
    bool is_heard;          /* the subscription of its channel is in force */
    char *cancel_channel;   /* owned */
    bool hears_cancels;     /* the same */
    bool has_warned_cancel; /* of a message that is not understood */
    /* The wait under way. */
    struct redis_command wait_command; /* owned; not sent yet while wait_is_held */
    redis_done_fn wait_done;           /* NULL: none */
    void *wait_arg;
    bool wait_is_held; /* until the blocking link is up */
};

struct queue *queue_host_queue(const struct queue_host *host)
{
    return host->queue;
}

struct ct_list *queue_host_node(struct queue_host *host)
{
    return &host->link;
}

struct queue_host *queue_host_of(struct ct_list *node)
{
    return CT_CONTAINER(node, struct queue_host, link);
}

struct ct_list *queue_host_turn_node(struct queue_host *host)
{
    return &host->turn_link;
}

struct queue_host *queue_host_of_turn(struct ct_list *node)
{
    return CT_CONTAINER(node, struct queue_host, turn_link);
}

/* --- the blocking wait --- */

static void host_wait_ended(struct queue_host *host, const struct redis_reply *reply,
                            const struct ct_error *err)
{
    redis_done_fn done = host->wait_done;

    host->wait_done = NULL;
    host->wait_is_held = false;
    redis_command_fini(&host->wait_command);
    uv_timer_stop(&host->unwait);
    done(host->wait_arg, reply, err);
    host->world->schedule(host->world->ctx, host);
}

static void host_on_wait_done(void *arg, const struct redis_reply *reply,
                              const struct ct_error *err)
{
    host_wait_ended(arg, reply, err);
}

static void host_send_wait(struct queue_host *host)
{
    host->wait_is_held = false;
    redis_link_call(host->wait_link, &host->wait_command, host_on_wait_done, host);
}

static void host_on_wait_link_up(void *ctx)
{
    struct queue_host *host = ctx;

    if (host->wait_is_held)
        host_send_wait(host);
}

static void host_on_wait_link_down(void *ctx, const struct ct_error *why)
{
    struct queue_host *host = ctx;

    ct_log_debug("blocking connection is down", CT_STR("queue", queue_name(host->queue)),
                 CT_ERR(why));
}

static void host_open_wait_link(struct queue_host *host)
{
    const struct queue_host_world *world = host->world;
    const struct redis_link_options options = {
        .loop = world->loop,
        .url = world->url,
        .random = world->random,
        .client_name = queue_dialect(host->queue)->client_name(queue_dialect_queue(host->queue)),
        .on_up = host_on_wait_link_up,
        .on_down = host_on_wait_link_down,
        .ctx = host,
    };

    host->wait_link = redis_link_open(&options);
}

/* Held back until the blocking link is up: refusing would only make the engine ask again. */
static void host_wait(void *ctx, struct redis_command *command, redis_done_fn done, void *arg)
{
    struct queue_host *host = ctx;

    ct_assert(!host->wait_done);
    host->wait_done = done;
    host->wait_arg = arg;
    host->wait_command = *command;
    redis_command_init(command, NULL);
    if (!host->wait_link)
        host_open_wait_link(host);
    if (redis_link_is_up(host->wait_link))
        host_send_wait(host);
    else
        host->wait_is_held = true;
}

/* A wait that was never sent. */
static void host_cancel_held_wait(struct queue_host *host)
{
    struct ct_error err;

    ct_error_set(&err, CT_E_REDIS_DOWN, "the blocking connection to Redis is down");
    host_wait_ended(host, NULL, &err);
}

static void host_on_unwait(uv_timer_t *timer)
{
    struct queue_host *host = timer->data;
    struct redis_command command;

    if (host->wait_done && host->wait_is_held) {
        host_cancel_held_wait(host);
        return;
    }
    int64_t id = host->wait_done ? redis_link_client_id(host->wait_link) : 0;
    if (id == 0 || !redis_link_is_up(host->world->commands)) {
        uv_timer_stop(&host->unwait);
        return;
    }
    redis_command_init(&command, NULL);
    redis_command_text(&command, "CLIENT");
    redis_command_text(&command, "UNBLOCK");
    redis_command_int(&command, id);
    redis_link_call(host->world->commands, &command, NULL, NULL);
    redis_command_fini(&command);
}

static void host_unwait(void *ctx)
{
    struct queue_host *host = ctx;

    if (host->wait_done && !uv_is_active((uv_handle_t *)&host->unwait))
        uv_timer_start(&host->unwait, host_on_unwait, 0, HOST_UNWAIT_MS);
}

/* --- the rest of the port --- */

static void host_call(void *ctx, struct redis_command *command, redis_done_fn done, void *arg)
{
    struct queue_host *host = ctx;

    redis_link_call(host->world->commands, command, done, arg);
}

static void host_schedule(void *ctx)
{
    struct queue_host *host = ctx;

    host->world->schedule(host->world->ctx, host);
}

static void host_on_timer(uv_timer_t *timer)
{
    queue_timer(((struct queue_host *)timer->data)->queue);
}

static void host_arm(void *ctx, int64_t at_ms)
{
    struct queue_host *host = ctx;

    if (host->is_closing)
        return;
    if (at_ms == COMMIT_NEVER) {
        uv_timer_stop(&host->timer);
        return;
    }
    int64_t delay_ms = at_ms - ct_monotonic_ms(host->world->clock);
    uv_timer_start(&host->timer, host_on_timer, delay_ms > 0 ? (uint64_t)delay_ms : 0, 0);
}

/* --- life --- */

static void host_on_closed(void *ctx)
{
    struct queue_host *host = ctx;
    const struct queue_host_world *world = host->world;

    if (--host->handles_open > 0)
        return;
    free(host->cancel_channel);
    free(host);
    world->gone(world->ctx);
}

static void host_on_handle_closed(uv_handle_t *handle)
{
    host_on_closed(handle->data);
}

static void host_close_wait_link(struct queue_host *host, void (*closed)(void *ctx))
{
    redis_link_close(host->wait_link, closed, host);
    host->wait_link = NULL;
}

static void host_close(struct queue_host *host)
{
    const char *channel =
        queue_dialect(host->queue)->wake_channel(queue_dialect_queue(host->queue));

    ct_log_debug("queue closed", CT_STR("queue", queue_name(host->queue)));
    if (channel)
        redis_link_unsubscribe(host->world->messages, channel);
    redis_link_unsubscribe(host->world->messages, host->cancel_channel);
    queue_free(host->queue);
    host->queue = NULL;
    host->is_closing = true;
    ct_list_remove(&host->link);
    ct_list_remove(&host->turn_link);
    host->handles_open = 3;
    if (host->wait_link) {
        host->handles_open++;
        host_close_wait_link(host, host_on_closed);
    }
    uv_close((uv_handle_t *)&host->timer, host_on_handle_closed);
    uv_close((uv_handle_t *)&host->linger, host_on_handle_closed);
    uv_close((uv_handle_t *)&host->unwait, host_on_handle_closed);
}

void queue_host_drain(struct queue_host *host)
{
    if (host->is_retired)
        return;
    host->is_retired = true;
    uv_timer_stop(&host->linger);
    queue_drain(host->queue);
    host->world->retire(host->world->ctx, host);
    host->world->schedule(host->world->ctx, host);
}

static void host_on_linger(uv_timer_t *timer)
{
    queue_host_drain(timer->data);
}

static void host_check_use(struct queue_host *host)
{
    if (host->workers == 0)
        host->world->schedule(host->world->ctx, host);
    if (host->is_retired || host->is_pinned)
        return;
    if (host->workers + host->holders > 0)
        uv_timer_stop(&host->linger);
    else
        uv_timer_start(&host->linger, host_on_linger, HOST_LINGER_MS, 0);
}

void queue_host_attach(struct queue_host *host)
{
    host->workers++;
    host_check_use(host);
}

void queue_host_detach(struct queue_host *host)
{
    ct_assert(host->workers > 0);
    host->workers--;
    host_check_use(host);
}

void queue_host_hold(struct queue_host *host)
{
    host->holders++;
    host_check_use(host);
}

void queue_host_release(struct queue_host *host)
{
    ct_assert(host->holders > 0);
    host->holders--;
    host_check_use(host);
}

void queue_host_turn(struct queue_host *host)
{
    queue_turn(host->queue);
    /* It is by the name of this connection that dashboards find a worker, also one that has no time
     * to wait. */
    if (host->workers == 0 && host->wait_link && !host->wait_done)
        host_close_wait_link(host, NULL);
    else if (host->workers > 0 && !host->wait_link && !host->is_retired)
        host_open_wait_link(host); /* its name is what lists of workers show, busy ones too */
    if (host->is_retired && host->workers == 0 && host->holders == 0 && queue_is_idle(host->queue))
        host_close(host);
}

/* The engine hears of the link when messages of its channel arrive as well: a delayed job that is
 * added in between would be promoted late. Without a right to subscribe it must do without. */
static void host_tell_up(struct queue_host *host)
{
    bool is_up =
        redis_link_is_up(host->world->commands) && (host->is_heard || host->world->is_deaf);

    if (is_up && !host->is_up) {
        host->is_up = true;
        queue_link_up(host->queue);
    }
}

void queue_host_link_up(struct queue_host *host)
{
    host_tell_up(host);
}

void queue_host_link_down(struct queue_host *host)
{
    if (host->is_up) {
        host->is_up = false;
        queue_link_down(host->queue);
    }
    if (host->wait_is_held)
        host_cancel_held_wait(host);
}

void queue_host_deaf(struct queue_host *host)
{
    /* A dialect without a channel has nothing to hear again. */
    host->is_heard = !queue_dialect(host->queue)->wake_channel(queue_dialect_queue(host->queue));
    host->hears_cancels = false;
    host_tell_up(host);
}

static bool host_is_wake_channel(const struct queue_host *host, struct ct_str channel)
{
    const char *own = queue_dialect(host->queue)->wake_channel(queue_dialect_queue(host->queue));

    return own && ct_str_is(channel, own);
}

static void host_cancel(struct queue_host *host, struct ct_str payload)
{
    struct cancel cancel;
    struct ct_error err;

    if (cancel_parse(payload, &cancel, &err) != CT_E_OK) {
        if (!host->has_warned_cancel)
            ct_log_warn("message that should cancel a job is not understood, nor told of again",
                        CT_STR("channel", host->cancel_channel), CT_ERR(&err));
        host->has_warned_cancel = true;
        return;
    }
    if (queue_cancel(host->queue, cancel.id, cancel.reason, &err) != CT_E_OK)
        ct_log_debug("nothing to cancel", CT_ERR(&err));
    cancel_fini(&cancel);
}

void queue_host_message(struct queue_host *host, struct ct_str channel, struct ct_str payload)
{
    if (host_is_wake_channel(host, channel)) {
        if (payload.data) {
            queue_wake(host->queue, payload);
            return;
        }
        host->is_heard = true;
        host_tell_up(host);
    } else if (ct_str_is(channel, host->cancel_channel)) {
        if (payload.data)
            host_cancel(host, payload);
        else
            host->hears_cancels = true;
    }
}

/* What cannot be heard is done without. */
void queue_host_refused(struct queue_host *host, struct ct_str channel, const struct ct_error *why)
{
    if (host_is_wake_channel(host, channel)) {
        ct_log_warn("Redis refused a subscription: delayed jobs may start later",
                    CT_BYTES("channel", channel), CT_ERR(why));
        host->is_heard = true;
        host_tell_up(host);
    } else if (ct_str_is(channel, host->cancel_channel)) {
        ct_log_warn("Redis refused a subscription: nobody can cancel active jobs by a message",
                    CT_BYTES("channel", channel), CT_ERR(why));
    }
}

bool queue_host_hears_cancels(const struct queue_host *host)
{
    return host->hears_cancels;
}

enum ct_code queue_host_new(const struct queue_host_world *world,
                            const struct queue_host_options *options, struct queue_host **out,
                            struct ct_error *err)
{
    struct queue_host *host = ct_zalloc(sizeof *host);
    const struct queue_options queue_options = {
        .dialect = options->dialect,
        .prefix = options->prefix,
        .name = options->name,
        .settings = options->settings,
        .clock = world->clock,
        .random = world->random,
        .port = &host->port,
        .tally = options->tally,
    };

    host->world = world;
    host->is_pinned = options->is_pinned;
    host->port = (struct queue_port){
        .call = host_call,
        .wait = host_wait,
        .unwait = host_unwait,
        .schedule = host_schedule,
        .arm = host_arm,
        .ctx = host,
    };
    ct_list_init(&host->link);
    ct_list_init(&host->turn_link);
    redis_command_init(&host->wait_command, NULL);
    enum ct_code rc = queue_new(&queue_options, &host->queue, err);
    if (rc != CT_E_OK) {
        free(host);
        return rc;
    }
    uv_timer_init(world->loop, &host->timer);
    uv_timer_init(world->loop, &host->linger);
    uv_timer_init(world->loop, &host->unwait);
    host->timer.data = host->linger.data = host->unwait.data = host;

    /* First: jobs are taken when the other one is in force, and by then this one is. */
    host->cancel_channel = cancel_channel(options->prefix, options->name);
    redis_link_subscribe(world->messages, host->cancel_channel);
    const char *channel = options->dialect->wake_channel(queue_dialect_queue(host->queue));
    if (channel)
        redis_link_subscribe(world->messages, channel);
    else
        host->is_heard = true;
    host_tell_up(host);
    *out = host;
    return CT_E_OK;
}
