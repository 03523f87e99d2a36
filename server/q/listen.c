/* Happy path: connect, subscribe, hand on what comes; what is in streams comes from
 * listen_streams.c. A Redis that is out of reach is tried again by the links; a user without the
 * right to a channel is told once. */
#include "q/listen.h"

#include <stdlib.h>

#include "common/mem.h"
#include "dialect/registry.h"

static void on_down(void *ctx, const struct ct_error *why)
{
    struct listen *listen = ctx;

    listen->err = *why;
    listen->confirmed = 0;
    listen->is_settled = true;
}

static void on_refused(void *ctx, struct ct_str channel, const struct ct_error *why)
{
    struct listen *listen = ctx;

    (void)channel;
    listen->err = *why;
    listen->is_settled = true;
}

static void on_confirmed(struct listen *listen)
{
    if (++listen->confirmed < listen->wanted)
        return;
    listen->has_gap = listen->has_gap || listen->is_settled;
    listen->is_settled = true;
    listen->err.code = CT_E_OK;
}

/* Messages of all dialects that publish; those of others are sorted out by its watcher. */
static void on_message(void *ctx, struct ct_str channel, struct ct_str payload)
{
    struct listen *listen = ctx;

    if (!payload.data)
        on_confirmed(listen);
    else
        listen->publisher->read(listen->session->settings->prefix, channel, payload,
                                listen->on_event, listen->ctx);
}

static void on_streams_up(void *ctx)
{
    struct listen *listen = ctx;

    if (listen->err.code == CT_E_OK)
        return;
    listen->has_gap = true;
    if (!listen->link || listen->confirmed >= listen->wanted)
        listen->err.code = CT_E_OK;
}

static void on_streams_error(void *ctx, const struct ct_error *err)
{
    ((struct listen *)ctx)->err = *err;
}

static struct listen_streams *streams_of(struct listen *listen, const struct watcher *watcher)
{
    if (!listen->streams)
        listen->streams = listen_streams_open(
            listen->session, watcher,
            &(struct listen_streams_told){listen->on_event, on_streams_up, on_streams_error,
                                          listen->ctx, listen});
    return listen->streams;
}

void listen_open(struct listen *listen, struct session *session, watch_event_fn on_event, void *ctx)
{
    *listen = (struct listen){.session = session, .on_event = on_event, .ctx = ctx};
}

void listen_close(struct listen *listen)
{
    if (listen->link)
        redis_link_close(listen->link, NULL, NULL);
    listen->link = NULL;
    listen_streams_close(listen->streams);
    listen->streams = NULL;
}

static void subscribe(struct listen *listen, const struct ct_buf *name, bool is_pattern)
{
    char *text = ct_strndup(ct_buf_data(name), name->len);

    if (!listen->link)
        listen->link = redis_link_open(&(struct redis_link_options){
            .loop = &listen->session->loop,
            .url = &listen->session->url,
            .random = &ct_random_system,
            .on_down = on_down,
            .on_message = on_message,
            .on_refused = on_refused,
            .ctx = listen,
        });
    listen->wanted++;
    listen->is_settled = false;
    if (is_pattern)
        redis_link_subscribe_pattern(listen->link, text);
    else
        redis_link_subscribe(listen->link, text);
    free(text);
}

void listen_to(struct listen *listen, const char *queue, const char *event)
{
    struct queue_name name = {listen->session->settings->prefix, queue};
    const struct watcher *watcher = listen->session->dialect->watcher;
    struct ct_buf channel;
    bool is_pattern;

    if (watcher->write_stream) {
        listen_streams_add(streams_of(listen, watcher), queue, event);
        return;
    }
    listen->publisher = watcher;
    ct_buf_init(&channel);
    is_pattern = watcher->write_channel(&name, event, &channel);
    subscribe(listen, &channel, is_pattern);
    ct_buf_free(&channel);
}

static void listen_to_dialect(struct listen *listen, const struct watcher *watcher)
{
    struct ct_buf pattern;

    if (watcher->write_stream) {
        streams_of(listen, watcher);
        return;
    }
    listen->publisher = watcher;
    ct_buf_init(&pattern);
    watcher->write_all(listen->session->settings->prefix, &pattern);
    subscribe(listen, &pattern, true);
    ct_buf_free(&pattern);
}

void listen_to_all(struct listen *listen)
{
    const struct dialect *dialect;

    listen->is_for_all = true;
    for (size_t i = 0; (dialect = dialect_at(i)); i++) {
        if (dialect->watcher &&
            (session_is_auto(listen->session) || dialect == listen->session->dialect))
            listen_to_dialect(listen, dialect->watcher);
    }
}

enum ct_code listen_settle(struct listen *listen, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    if (listen->streams)
        rc = listen_streams_settle(listen->streams, err);
    if (listen->streams && rc == CT_E_OK && listen->is_for_all)
        rc = listen_streams_find(listen->streams, err);
    if (rc != CT_E_OK) {
        listen->err = *err;
        return rc;
    }
    if (!listen->link)
        return CT_E_OK;
    session_sleep(listen->session, listen->session->settings->timeout_ms, &listen->is_settled);
    if (!listen->is_settled)
        return ct_error_set(err, CT_E_TIMEOUT, "Redis did not subscribe in time");
    if (listen->err.code != CT_E_OK)
        return ct_error_set(err, listen->err.code, "%s", listen->err.detail);
    return CT_E_OK;
}

void listen_look(struct listen *listen)
{
    struct ct_error err;

    if (!listen->streams || !listen->is_for_all || listen->err.code != CT_E_OK)
        return;
    if (listen_streams_find(listen->streams, &err) != CT_E_OK)
        listen->err = err;
}
