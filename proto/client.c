/* The client's side of the protocol: hello and welcome, ping and pong, trying again. Owns at most
 * one link (the connection), one timer and the backoff. Called by runners, supervisors and tools;
 * it knows nothing of jobs, keeps no message for later and never logs.
 *
 *   WAITING ─► CONNECTING ─► GREETING ─► UP          any ─► CLOSING ─► freed
 *      ▲           │             │       │
 *      └───────────┴─────────────┴───────┘ (down)    GREETING ─► REFUSED
 *
 * Happy path: connect, hello, welcome, on_up, messages both ways. The one timer is the deadline of
 * an attempt until the welcome, the ping interval while up, the backoff while waiting, and the time
 * left to flush while closing.
 *
 * Failures: no connection, no welcome in time, silence over two ping intervals, a message that
 * cannot be read, too much queued, the daemon's close: on_down once, then again after a backoff
 * that doubles with each failure and carries jitter, so that a thousand runners do not come back
 * in the same millisecond. Refused for good: on_refused, and nothing further. */
#include "proto/client.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/url.h"
#include "proto/frame.h"
#include "proto/link.h"

enum client_state {
    CLIENT_WAITING,
    CLIENT_CONNECTING,
    CLIENT_GREETING,
    CLIENT_UP,
    CLIENT_REFUSED,
    CLIENT_CLOSING,
};

/* How far a silence of the daemon has gone. */
enum silence { SILENCE_NONE, SILENCE_ASKED, SILENCE_DOUBTED };

struct proto_client {
    enum client_state state;
    struct proto_client_options options; /* address is not kept; the strings of hello are owned */
    struct ct_address address;
    struct proto_link *link; /* owned; NULL between attempts */
    uv_timer_t timer;
    unsigned callbacks_due; /* the timer, and links that are not gone yet */

    unsigned failures; /* attempts and short connections in a row: the backoff */
    bool is_down_told;
    uint64_t up_since_ms;    /* loop time */
    uint32_t peer_frame_max; /* from the welcome */

    bool has_heard; /* something came since the last tick */
    enum silence silence;
    struct ct_error why; /* what the daemon said before it closes; code OK: nothing */

    void (*closed)(void *ctx);
};

static void client_attempt(struct proto_client *client);
static void client_on_timer(uv_timer_t *timer);

/* --- the end -------------------------------------------------------------------------------- */

static void client_release(struct proto_client *client)
{
    ct_assert(client->callbacks_due > 0);
    if (--client->callbacks_due > 0)
        return;
    void (*closed)(void *ctx) = client->closed;
    void *ctx = client->options.ctx;

    ct_address_free(&client->address);
    free((char *)client->options.hello.software.data);
    free((char *)client->options.hello.worker.data);
    free((char *)client->options.hello.runner.data);
    free(client);
    if (closed)
        closed(ctx);
}

static void client_timer_closed(uv_handle_t *handle)
{
    client_release(handle->data);
}

static void client_link_closed(void *ctx)
{
    client_release(ctx);
}

static void client_link_drop(struct proto_client *client)
{
    struct proto_link *link = client->link;

    client->link = NULL;
    if (link)
        proto_link_close(link);
}

static void client_end(struct proto_client *client)
{
    client_link_drop(client);
    uv_close((uv_handle_t *)&client->timer, client_timer_closed);
}

/* --- down, and again ------------------------------------------------------------------------ */

/* Half of it is fixed, half is chance. */
static uint64_t client_backoff_ms(const struct proto_client *client)
{
    uint64_t ms = PROTO_RECONNECT_MIN_MS;

    for (unsigned i = 0; i < client->failures && ms < PROTO_RECONNECT_MAX_MS; i++)
        ms *= 2;
    if (ms > PROTO_RECONNECT_MAX_MS)
        ms = PROTO_RECONNECT_MAX_MS;
    return ms / 2 + ct_random_next(client->options.random) % (ms / 2 + 1);
}

static void client_tell_down(struct proto_client *client, const struct ct_error *why)
{
    if (client->is_down_told)
        return;
    client->is_down_told = true;
    client->options.events.on_down(client->options.ctx, why);
}

static void client_down(struct proto_client *client, const struct ct_error *why)
{
    /* A connection that held for a while was a good one: begin anew with the shortest wait. */
    if (client->state == CLIENT_UP &&
        uv_now(client->options.loop) - client->up_since_ms >= PROTO_RECONNECT_MAX_MS)
        client->failures = 0;
    client_link_drop(client);
    client->state = CLIENT_WAITING;
    uv_timer_start(&client->timer, client_on_timer, client_backoff_ms(client), 0);
    client->failures++;
    client_tell_down(client, why);
}

static void client_refused(struct proto_client *client, const struct ct_error *why)
{
    client_link_drop(client);
    uv_timer_stop(&client->timer);
    client->state = CLIENT_REFUSED;
    if (client->options.events.on_refused)
        client->options.events.on_refused(client->options.ctx, why);
    else
        client->options.events.on_down(client->options.ctx, why);
}

/* --- sending -------------------------------------------------------------------------------- */

static enum ct_code client_queue(struct proto_client *client, const struct proto_message *message,
                                 struct ct_error *err)
{
    struct ct_buf *out = proto_link_out(client->link);
    enum ct_code rc = proto_encode(out, message, client->peer_frame_max, err);

    if (rc != CT_E_OK)
        return rc;
    if (proto_link_queued(client->link) > client->options.write_queue_max) {
        struct ct_error why;
        ct_error_set(&why, CT_E_TOO_LARGE,
                     "over the write queue's limit of %zu bytes: the daemon does not read",
                     client->options.write_queue_max);
        proto_link_fail(client->link, &why);
        return ct_error_set(err, CT_E_CLOSED, "%s", why.detail);
    }
    proto_link_flush_soon(client->link);
    return CT_E_OK;
}

/* For messages of our own: small, so that only a full queue can refuse them, and that has failed
 * the link already. */
static void client_queue_own(struct proto_client *client, const struct proto_message *message)
{
    struct ct_error err;

    if (client_queue(client, message, &err) != CT_E_OK)
        proto_link_fail(client->link, &err);
}

/* Tells the daemon what is wrong with what it sent; without a request's number. */
static void client_complain(struct proto_client *client, const struct ct_error *why)
{
    struct proto_message message = {.type = PROTO_ERROR};

    message.as.error.code = why->code;
    message.as.error.detail = ct_str_of(why->detail);
    client_queue_own(client, &message);
}

static void client_break_off(struct proto_client *client, const struct ct_error *why)
{
    client_complain(client, why);
    proto_link_fail(client->link, why);
}

/* --- receiving ------------------------------------------------------------------------------ */

/* What trying again cannot mend; the rest (a daemon that drains or lacks Redis) may pass. */
static bool client_is_final(uint64_t code)
{
    return code == CT_E_UNSUPPORTED || code == CT_E_INVALID || code == CT_E_USAGE ||
           code == CT_E_BAD_MESSAGE;
}

static void client_note_error(struct proto_client *client, const struct proto_error *error)
{
    enum ct_code code = error->code <= CT_E_INTERNAL ? (enum ct_code)error->code : CT_E_INTERNAL;

    ct_error_set(&client->why, code, "the daemon says: %.*s",
                 (int)(error->detail.len < 200 ? error->detail.len : 200), error->detail.data);
}

static void client_welcomed(struct proto_client *client, const struct proto_welcome *welcome)
{
    struct ct_error why;

    if (welcome->protocol < PROTO_VERSION_MIN || welcome->protocol > PROTO_VERSION_MAX) {
        ct_error_set(&why, CT_E_UNSUPPORTED,
                     "the daemon chose protocol version %llu, this side speaks %d to %d: run "
                     "releases that fit together",
                     (unsigned long long)welcome->protocol, PROTO_VERSION_MIN, PROTO_VERSION_MAX);
        client->why = why;
        proto_link_fail(client->link, &why);
        return;
    }
    client->state = CLIENT_UP;
    client->is_down_told = false;
    client->up_since_ms = uv_now(client->options.loop);
    client->peer_frame_max = welcome->frame_max < PROTO_FRAME_MAX_EVER
                                 ? (uint32_t)welcome->frame_max
                                 : PROTO_FRAME_MAX_EVER;
    client->has_heard = true;
    client->silence = SILENCE_NONE;
    uv_timer_start(&client->timer, client_on_timer, client->options.ping_interval_ms,
                   client->options.ping_interval_ms);
    client->options.events.on_up(client->options.ctx, welcome);
}

static void client_answer_ping(struct proto_client *client, uint64_t nonce)
{
    struct proto_message pong = {.type = PROTO_PONG, .as.pong.nonce = nonce};

    client_queue_own(client, &pong);
}

static void client_unexpected(struct proto_client *client, enum proto_type type)
{
    struct ct_error why;

    ct_error_set(&why, CT_E_BAD_MESSAGE, "message \"%s\" %s", proto_type_name(type),
                 client->state == CLIENT_UP ? "comes a second time" : "comes before welcome");
    client_break_off(client, &why);
}

static void client_take(struct proto_client *client, const struct proto_message *message)
{
    bool is_up = client->state == CLIENT_UP;

    switch (message->type) {
    case PROTO_PING:
        client_answer_ping(client, message->as.ping.nonce);
        return;
    case PROTO_PONG:
        return; /* heard, and that was its point */
    case PROTO_WELCOME:
        if (is_up)
            client_unexpected(client, message->type);
        else
            client_welcomed(client, &message->as.welcome);
        return;
    case PROTO_ERROR:
        /* UNSUPPORTED: it did not know a message of ours and goes on. */
        if (!message->as.error.has_request &&
            !(is_up && message->as.error.code == CT_E_UNSUPPORTED))
            client_note_error(client, &message->as.error);
        if (is_up)
            client->options.events.on_message(client->options.ctx, message);
        else
            proto_link_fail(client->link, &client->why);
        return;
    default:
        if (is_up)
            client->options.events.on_message(client->options.ctx, message);
        else
            client_unexpected(client, message->type);
    }
}

static void client_on_payload(void *ctx, struct ct_str payload)
{
    struct proto_client *client = ctx;
    struct proto_message message;
    struct ct_error err;

    client->has_heard = true;
    enum ct_code rc = proto_decode(payload, &message, &err);
    if (rc == CT_E_OK)
        client_take(client, &message);
    else if (rc == CT_E_UNSUPPORTED)
        client_complain(client, &err);
    else
        client_break_off(client, &err);
}

/* --- connecting ----------------------------------------------------------------------------- */

static void client_on_open(void *ctx)
{
    struct proto_client *client = ctx;
    struct proto_message message = {.type = PROTO_HELLO, .as.hello = client->options.hello};

    client->state = CLIENT_GREETING;
    client_queue_own(client, &message);
}

static void client_on_fail(void *ctx, const struct ct_error *why)
{
    struct proto_client *client = ctx;

    /* The daemon's own words tell more than the end of the stream that follows them. */
    if (why->code == CT_E_CLOSED && client->why.code != CT_E_OK)
        why = &client->why;
    if (client->state == CLIENT_CLOSING)
        client_end(client);
    else if (client->state == CLIENT_GREETING && why->code == client->why.code &&
             client_is_final((uint64_t)why->code))
        client_refused(client, why);
    else
        client_down(client, why);
}

static void client_attempt(struct proto_client *client)
{
    static const struct proto_link_events events = {client_on_open, client_on_payload,
                                                    client_on_fail, client_link_closed};

    client->state = CLIENT_CONNECTING;
    client->why.code = CT_E_OK;
    client->peer_frame_max = PROTO_FRAME_MAX;
    client->callbacks_due++;
    client->link = proto_link_open(client->options.loop, &client->address, client->options.dialler,
                                   client->failures, client->options.frame_max, &events, client);
    uv_timer_start(&client->timer, client_on_timer, client->options.hello_timeout_ms, 0);
}

static void client_hello_timeout(struct proto_client *client)
{
    char *where = ct_address_print(&client->address);
    struct ct_error why;

    ct_error_set(&why, CT_E_TIMEOUT, "no %s from %s within %u ms",
                 client->state == CLIENT_GREETING ? "welcome" : "connection", where,
                 (unsigned)client->options.hello_timeout_ms);
    free(where);
    client_down(client, &why);
}

/* Half-open connections are the point of this: a host that went away says nothing. The verdict is
 * put off to one more turn, because timers run before sockets are read: where it was this loop that
 * slept, the answer lies unread. */
static void client_tick(struct proto_client *client)
{
    uint64_t interval_ms = client->options.ping_interval_ms;
    struct proto_message ping = {.type = PROTO_PING};
    struct ct_error why;

    if (client->has_heard) {
        client->has_heard = false;
        client->silence = SILENCE_NONE;
        return;
    }
    switch (client->silence) {
    case SILENCE_NONE:
        client->silence = SILENCE_ASKED;
        ping.as.ping.nonce = uv_now(client->options.loop);
        client_queue_own(client, &ping);
        return;
    case SILENCE_ASKED:
        client->silence = SILENCE_DOUBTED;
        uv_timer_start(&client->timer, client_on_timer, 1, interval_ms);
        return;
    case SILENCE_DOUBTED:
        ct_error_set(&why, CT_E_TIMEOUT, "no sign of the daemon for %u ms",
                     (unsigned)(2 * interval_ms));
        proto_link_fail(client->link, &why);
        return;
    }
}

static void client_on_timer(uv_timer_t *timer)
{
    struct proto_client *client = timer->data;

    switch (client->state) {
    case CLIENT_WAITING:
        client_attempt(client);
        return;
    case CLIENT_CONNECTING:
    case CLIENT_GREETING:
        client_hello_timeout(client);
        return;
    case CLIENT_UP:
        client_tick(client);
        return;
    case CLIENT_CLOSING:
        client_end(client);
        return;
    case CLIENT_REFUSED:
        return;
    }
}

/* --- the header's functions ----------------------------------------------------------------- */

static struct ct_str client_copy(struct ct_str bytes)
{
    if (!bytes.data)
        return CT_STR_NONE;
    return (struct ct_str){ct_strndup(bytes.data, bytes.len), bytes.len};
}

static void client_fill_defaults(struct proto_client_options *options)
{
    if (options->write_queue_max == 0)
        options->write_queue_max = PROTO_WRITE_QUEUE_MAX;
    if (options->hello_timeout_ms == 0)
        options->hello_timeout_ms = PROTO_HELLO_TIMEOUT_MS;
    if (options->ping_interval_ms == 0)
        options->ping_interval_ms = PROTO_PING_INTERVAL_MS;
}

enum ct_code proto_client_open(const struct proto_client_options *options,
                               struct proto_client **out, struct ct_error *err)
{
    struct ct_address address;
    enum ct_code rc = ct_address_parse(options->address, &address, err);

    if (rc != CT_E_OK)
        return rc;
    struct proto_client *client = ct_zalloc(sizeof *client);
    struct proto_hello *hello = &client->options.hello;

    client->options = *options;
    client->options.address = NULL;
    client_fill_defaults(&client->options);
    hello->protocol_min = PROTO_VERSION_MIN;
    hello->protocol_max = PROTO_VERSION_MAX;
    hello->software = client_copy(hello->software);
    hello->worker = client_copy(hello->worker);
    hello->runner = client_copy(hello->runner);
    client->address = address;
    uv_timer_init(options->loop, &client->timer);
    uv_update_time(options->loop); /* the deadline counts from now, not from the loop's last turn */
    client->timer.data = client;
    client->callbacks_due = 1;
    client_attempt(client);
    *out = client;
    return CT_E_OK;
}

bool proto_client_is_up(const struct proto_client *client)
{
    return client->state == CLIENT_UP && !proto_link_has_failed(client->link);
}

enum ct_code proto_client_send(struct proto_client *client, const struct proto_message *message,
                               struct ct_error *err)
{
    if (!proto_client_is_up(client))
        return ct_error_set(err, CT_E_CLOSED, "not connected to a daemon");
    return client_queue(client, message, err);
}

void proto_client_close(struct proto_client *client, uint64_t flush_ms, void (*closed)(void *ctx))
{
    bool has_work = proto_client_is_up(client) && flush_ms > 0;

    ct_assert(client->state != CLIENT_CLOSING);
    client->state = CLIENT_CLOSING;
    client->closed = closed;
    if (!has_work) {
        client_end(client);
        return;
    }
    uv_update_time(client->options.loop);
    uv_timer_start(&client->timer, client_on_timer, flush_ms, 0);
    proto_link_finish(client->link);
}
