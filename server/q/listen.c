/* Happy path: connect, subscribe, hand on what comes. A Redis that is out of reach is tried again
 * by the link; a user without the right to a channel is told once. */
#include "q/listen.h"

#include <stdlib.h>

#include "common/mem.h"

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

static void on_message(void *ctx, struct ct_str channel, struct ct_str payload)
{
    struct listen *listen = ctx;

    if (!payload.data)
        on_confirmed(listen);
    else
        listen->session->dialect->watcher->read(listen->session->settings->prefix, channel, payload,
                                                listen->on_event, listen->ctx);
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
    struct ct_buf channel;
    bool is_pattern;

    ct_buf_init(&channel);
    is_pattern = listen->session->dialect->watcher->write_channel(&name, event, &channel);
    subscribe(listen, &channel, is_pattern);
    ct_buf_free(&channel);
}

void listen_to_all(struct listen *listen)
{
    struct ct_buf pattern;

    ct_buf_init(&pattern);
    listen->session->dialect->watcher->write_all(listen->session->settings->prefix, &pattern);
    subscribe(listen, &pattern, true);
    ct_buf_free(&pattern);
}

enum ct_code listen_settle(struct listen *listen, struct ct_error *err)
{
    session_sleep(listen->session, listen->session->settings->timeout_ms, &listen->is_settled);
    if (!listen->is_settled)
        return ct_error_set(err, CT_E_TIMEOUT, "Redis did not subscribe in time");
    if (listen->err.code != CT_E_OK)
        return ct_error_set(err, listen->err.code, "%s", listen->err.detail);
    return CT_E_OK;
}
