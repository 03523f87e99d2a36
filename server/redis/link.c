/* A link's life and its calls. Called by the daemon and the CLI; connection.c and handshake.c do
 * the work on the socket.
 *
 *   WAITING --timer--> CONNECTING --socket--> GREETING --answers--> UP
 *      ^                   |                     |                  |
 *      +-------------------+----- link_lost -----+------------------+
 *
 * A script that Redis does not know is sent again with its source, behind what was called since:
 * the order of the other calls' answers is not touched by it. */
#include "redis/link.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "redis/link_internal.h"

static void link_on_timer(uv_timer_t *timer);

/* --- calls --- */

static void link_send(struct redis_link *link, struct redis_call *call)
{
    call->sent_ms = uv_now(link->loop);
    if (ct_list_is_empty(&link->calls) && link->reply_timeout_ms > 0)
        uv_timer_start(&link->timer, link_on_timer, link->reply_timeout_ms, 0);
    ct_list_push_back(&link->calls, &call->link);
    connection_write(link, call);
    if (link->write_failed.code != CT_E_OK)
        uv_timer_start(&link->refusal, link_on_timer, 0, 0);
}

/* Sends a script again with its source in front of the arguments that are already there. */
static void link_send_source(struct redis_link *link, struct redis_call *call)
{
    const struct redis_script *script = call->script;
    struct ct_buf body;

    ct_buf_init(&body);
    ct_buf_reserve(&body, script->source_len + 2 + call->body.len);
    ct_buf_append(&body, script->source, script->source_len);
    ct_buf_append(&body, "\r\n", 2);
    ct_buf_append_str(&body, ct_buf_str(&call->body));
    ct_buf_free(&call->body);
    call->body = body;
    call->has_source = true;
    call_write_head(call);
    ct_list_remove(&call->link);
    link_send(link, call);
}

void redis_link_call(struct redis_link *link, struct redis_command *command, redis_done_fn done,
                     void *arg)
{
    ct_assert(link->state != LINK_CLOSING);
    ct_assert(!link->is_subscriber);

    struct redis_call *call = call_new(command, done, arg);
    if (link->state == LINK_UP) {
        link_send(link, call);
        return;
    }
    ct_list_push_back(&link->refused, &call->link);
    uv_timer_start(&link->refusal, link_on_timer, 0, 0);
}

/* --- replies --- */

/* True when the reply was a message, which answers no call. A subscription that is confirmed is
 * told like a message without payload. What comes by a pattern has the pattern in front. */
static bool link_take_message(struct redis_link *link, const struct redis_reply *reply)
{
    struct ct_str kind = redis_reply_str(redis_reply_at(reply, 0));
    struct ct_str channel = redis_reply_str(redis_reply_at(reply, 1));
    struct ct_str payload = redis_reply_str(redis_reply_at(reply, 2));
    bool is_message = ct_str_is(kind, "message");

    if (ct_str_is(kind, "pmessage")) {
        is_message = true;
        channel = payload;
        payload = redis_reply_str(redis_reply_at(reply, 3));
    }
    if (!link->on_message)
        return is_message;
    if (is_message)
        link->on_message(link->ctx, channel, payload);
    else if (ct_str_is(kind, "subscribe") || ct_str_is(kind, "psubscribe"))
        link->on_message(link->ctx, channel, CT_STR_NONE);
    return is_message;
}

static void link_subscriber_reply(struct redis_link *link, const struct redis_reply *reply)
{
    struct redis_call *call = NULL;
    struct ct_error err;

    if (!ct_list_is_empty(&link->calls))
        call = CT_CONTAINER(link->calls.next, struct redis_call, link);
    if (redis_reply_check(reply, &err) != CT_E_OK) {
        if (link->on_refused && call)
            link->on_refused(link->ctx, ct_str_of(call->channel), &err);
    } else if (link_take_message(link, reply)) {
        return;
    }
    if (call)
        call_answer(call, NULL, NULL);
}

void link_reply(struct redis_link *link, const struct redis_reply *reply)
{
    struct ct_error err = {CT_E_OK, ""};

    if (link->state == LINK_UP && link->is_subscriber) {
        link_subscriber_reply(link, reply);
        return;
    }
    if (ct_list_is_empty(&link->calls)) {
        if (redis_reply_check(reply, &err) == CT_E_OK)
            ct_error_set(&err, CT_E_REDIS_DOWN, "Redis sent what nobody asked for");
        link_lost(link, &err); /* such as: max number of clients reached */
        return;
    }
    struct redis_call *call = CT_CONTAINER(link->calls.next, struct redis_call, link);
    if (link->state == LINK_GREETING) {
        call_answer(call, reply, NULL);
        handshake_answer(link, reply);
        return;
    }
    enum ct_code code = redis_reply_check(reply, &err);
    if (code == CT_E_REDIS_SCRIPT && call->script && !call->has_source && !call->is_writing) {
        link_send_source(link, call);
        return;
    }
    call_answer(call, code == CT_E_OK ? reply : NULL, code == CT_E_OK ? NULL : &err);
    /* A write sent to a replica, or to a master that became one: after a failover the name may
     * lead elsewhere, so look again. */
    if (code == CT_E_REDIS_READONLY && link->state == LINK_UP)
        link_lost(link, &err);
}

/* --- up and down --- */

static void channel_ask(struct redis_link *link, const struct redis_channel *channel)
{
    handshake_subscribe(link, channel->is_pattern ? "PSUBSCRIBE" : "SUBSCRIBE", channel->name);
}

void link_connected(struct redis_link *link)
{
    link->state = LINK_GREETING;
    handshake_begin(link);
}

void link_is_up(struct redis_link *link)
{
    link->state = LINK_UP;
    link->up_since_ms = uv_now(link->loop);
    uv_timer_stop(&link->timer);
    CT_LIST_FOREACH (node, &link->channels)
        channel_ask(link, CT_CONTAINER(node, struct redis_channel, link));
    if (link->on_up)
        link->on_up(link->ctx);
}

/* Half of the delay is random, so that many clients of one Redis do not come back as one. A link
 * that was up for less than the longest delay goes on where its backoff stood: a Redis that takes
 * connections and then refuses everything is asked seldom. */
static uint64_t link_next_delay(struct redis_link *link, const struct ct_error *why)
{
    if (link->up_since_ms > 0 && uv_now(link->loop) - link->up_since_ms > REDIS_RECONNECT_MAX_MS)
        link->backoff_ms = REDIS_RECONNECT_MIN_MS;
    link->up_since_ms = 0;

    uint64_t delay = link->backoff_ms;
    if (why->code == CT_E_REDIS_AUTH)
        delay = REDIS_RECONNECT_MAX_MS; /* trying faster than people type helps nobody */
    link->backoff_ms = delay * 2 < REDIS_RECONNECT_MAX_MS ? delay * 2 : REDIS_RECONNECT_MAX_MS;
    return delay / 2 + ct_random_next(link->random) % (delay / 2 + 1);
}

void link_lost(struct redis_link *link, const struct ct_error *why)
{
    struct ct_list lost;
    struct ct_error told = *why;

    if (link->state == LINK_CLOSING || link->state == LINK_WAITING)
        return;
    link->state = LINK_WAITING;
    link->client_id = 0;
    link->write_failed.code = CT_E_OK;
    link->down_reason = told;
    link->failures++;
    connection_drop(link);
    uv_timer_start(&link->timer, link_on_timer, link_next_delay(link, &told), 0);

    ct_list_init(&lost);
    ct_list_append(&lost, &link->calls);
    if (link->on_down)
        link->on_down(link->ctx, &told);
    if (told.code == CT_E_REDIS_READONLY)
        told.code = CT_E_REDIS_DOWN; /* refused was only the one that was told so */
    calls_fail(&lost, &told);
}

static void link_reply_is_late(struct redis_link *link)
{
    const struct redis_call *oldest = CT_CONTAINER(link->calls.next, struct redis_call, link);
    uint64_t waited_ms;
    struct ct_error err;

    if (ct_list_is_empty(&link->calls) || link->reply_timeout_ms == 0)
        return;
    waited_ms = uv_now(link->loop) - oldest->sent_ms;
    if (waited_ms < link->reply_timeout_ms) {
        uv_timer_start(&link->timer, link_on_timer, link->reply_timeout_ms - waited_ms, 0);
        return;
    }
    ct_error_set(&err, CT_E_REDIS_DOWN, "no answer from Redis for %llu ms: connecting again",
                 (unsigned long long)waited_ms);
    link_lost(link, &err);
}

static void link_refuse(struct redis_link *link)
{
    struct ct_list refused;
    struct ct_error err = link->write_failed;

    if (err.code != CT_E_OK)
        link_lost(link, &err);
    ct_error_set(&err, CT_E_REDIS_DOWN, "the connection to Redis is down");
    ct_list_init(&refused);
    ct_list_append(&refused, &link->refused);
    calls_fail(&refused, &err);
}

static void link_on_timer(uv_timer_t *timer)
{
    struct redis_link *link = timer->data;
    struct ct_error err;

    if (timer == &link->refusal) {
        link_refuse(link);
        return;
    }
    switch (link->state) {
    case LINK_WAITING:
        link->state = LINK_CONNECTING;
        uv_timer_start(&link->timer, link_on_timer, REDIS_CONNECT_TIMEOUT_MS, 0);
        connection_try(link);
        break;
    case LINK_CONNECTING:
    case LINK_GREETING:
        ct_error_set(&err, CT_E_REDIS_DOWN, "no answer from Redis within %d ms of connecting%s",
                     REDIS_CONNECT_TIMEOUT_MS,
                     connection_is_securing(link) ? " (is it the tls-port? others stay silent)"
                                                  : "");
        link_lost(link, &err);
        break;
    case LINK_UP:
        link_reply_is_late(link);
        break;
    case LINK_CLOSING:
        break;
    }
}

/* --- life --- */

struct redis_link *redis_link_open(const struct redis_link_options *options)
{
    struct redis_link *link = ct_zalloc(sizeof *link);

    link->loop = options->loop;
    link->url = options->url;
    link->random = options->random;
    link->client_name = options->client_name ? ct_strdup(options->client_name) : NULL;
    link->reply_timeout_ms = options->reply_timeout_ms;
    link->on_up = options->on_up;
    link->on_down = options->on_down;
    link->on_message = options->on_message;
    link->on_refused = options->on_refused;
    link->ctx = options->ctx;
    link->backoff_ms = REDIS_RECONNECT_MIN_MS;
    link->handles_open = 2;
    ct_list_init(&link->calls);
    ct_list_init(&link->refused);
    ct_list_init(&link->channels);
    uv_timer_init(link->loop, &link->timer);
    uv_timer_init(link->loop, &link->refusal);
    link->timer.data = link->refusal.data = link;
    link->state = LINK_WAITING;
    uv_timer_start(&link->timer, link_on_timer, 0, 0);
    return link;
}

bool redis_link_is_up(const struct redis_link *link)
{
    return link->state == LINK_UP;
}

int64_t redis_link_client_id(const struct redis_link *link)
{
    return link->client_id;
}

static void channel_free(struct redis_channel *channel)
{
    ct_list_remove(&channel->link);
    free(channel->name);
    free(channel);
}

static void link_add_channel(struct redis_link *link, const char *name, bool is_pattern)
{
    struct redis_channel *channel = ct_zalloc(sizeof *channel);

    channel->name = ct_strdup(name);
    channel->is_pattern = is_pattern;
    link->is_subscriber = true;
    ct_list_push_back(&link->channels, &channel->link);
    if (link->state == LINK_UP)
        channel_ask(link, channel);
}

void redis_link_subscribe(struct redis_link *link, const char *channel)
{
    link_add_channel(link, channel, false);
}

void redis_link_subscribe_pattern(struct redis_link *link, const char *pattern)
{
    link_add_channel(link, pattern, true);
}

void redis_link_unsubscribe(struct redis_link *link, const char *name)
{
    CT_LIST_FOREACH_SAFE (node, following, &link->channels) {
        struct redis_channel *channel = CT_CONTAINER(node, struct redis_channel, link);
        if (strcmp(channel->name, name) == 0) {
            if (link->state == LINK_UP)
                handshake_subscribe(link, "UNSUBSCRIBE", name);
            channel_free(channel);
            return;
        }
    }
}

static void link_on_closed(uv_handle_t *handle)
{
    struct redis_link *link = handle->data;
    struct ct_error err;

    if (--link->handles_open > 0)
        return;
    ct_error_set(&err, CT_E_CLOSED, "the link to Redis was closed");
    calls_fail(&link->calls, &err);
    calls_fail(&link->refused, &err);
    while (!ct_list_is_empty(&link->channels))
        channel_free(CT_CONTAINER(link->channels.next, struct redis_channel, link));

    void (*closed)(void *ctx) = link->closed;
    void *ctx = link->closed_ctx;
    free(link->client_name);
    free(link);
    if (closed)
        closed(ctx);
}

void redis_link_close(struct redis_link *link, void (*closed)(void *ctx), void *ctx)
{
    ct_assert(link->state != LINK_CLOSING);
    link->state = LINK_CLOSING;
    link->closed = closed;
    link->closed_ctx = ctx;
    connection_drop(link);
    uv_close((uv_handle_t *)&link->timer, link_on_closed);
    uv_close((uv_handle_t *)&link->refusal, link_on_closed);
}
