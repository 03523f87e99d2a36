/* Reporting dead runners. See undertaker.h. */
#include "worker/supervisor/undertaker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"

struct obituary {
    struct ct_list link;
    char *runner, *reason;                  /* owned */
    struct undertaker_casualty *casualties; /* owned */
    size_t casualty_count;
};

static void obituary_free(struct obituary *obituary)
{
    ct_list_remove(&obituary->link);
    for (size_t i = 0; i < obituary->casualty_count; i++) {
        free(obituary->casualties[i].queue);
        free(obituary->casualties[i].id);
        free(obituary->casualties[i].reason);
        free(obituary->casualties[i].stack);
    }
    free(obituary->casualties);
    free(obituary->runner);
    free(obituary->reason);
    free(obituary);
}

/* False when the connection is down: all of it is said again later, which changes nothing that was
 * already charged. */
static bool undertaker_say(struct undertaker *undertaker, const struct obituary *obituary)
{
    struct proto_message message = {.type = PROTO_CASUALTY};

    for (size_t i = 0; i < obituary->casualty_count; i++) {
        const struct undertaker_casualty *casualty = &obituary->casualties[i];

        message.as.casualty.runner = ct_str_of(obituary->runner);
        message.as.casualty.queue = ct_str_of(casualty->queue);
        message.as.casualty.id = ct_str_of(casualty->id);
        message.as.casualty.reason = ct_str_of(casualty->reason);
        message.as.casualty.has_stack = casualty->stack != NULL;
        message.as.casualty.stack = ct_str_of(casualty->stack);
        if (proto_client_send(undertaker->client, &message, NULL) != CT_E_OK)
            return false;
    }
    message = (struct proto_message){.type = PROTO_OBITUARY};
    message.as.obituary.runner = ct_str_of(obituary->runner);
    message.as.obituary.reason = ct_str_of(obituary->reason);
    return proto_client_send(undertaker->client, &message, NULL) == CT_E_OK;
}

static void undertaker_up(void *ctx, const struct proto_welcome *welcome)
{
    struct undertaker *undertaker = ctx;

    undertaker->was_up = true;
    undertaker->is_older_told = false;
    uv_timer_stop(&undertaker->patience);
    if (undertaker->on_up)
        undertaker->on_up(undertaker->listener);
    CT_LIST_FOREACH_SAFE (node, following, &undertaker->kept) {
        struct obituary *obituary = CT_CONTAINER(node, struct obituary, link);

        if (!undertaker_say(undertaker, obituary))
            return;
        obituary_free(obituary);
        undertaker->kept_count--;
    }
}

static void undertaker_complain(uv_timer_t *timer)
{
    const struct undertaker *undertaker = timer->data;

    ct_log_warn("daemon not reachable, trying on", CT_STR("server", undertaker->address),
                CT_STR("error", undertaker->why));
}

static void undertaker_down(void *ctx, const struct ct_error *why)
{
    struct undertaker *undertaker = ctx;

    snprintf(undertaker->why, sizeof undertaker->why, "%s", why->detail);
    /* Both may just have been started: then the first tries are nothing to tell. */
    uv_timer_start(&undertaker->patience, undertaker_complain,
                   undertaker->was_up ? 0 : UNDERTAKER_PATIENCE_MS, 0);
}

static void undertaker_told_error(struct undertaker *undertaker, const struct proto_error *error)
{
    bool is_older = error->code == CT_E_UNSUPPORTED;

    if (is_older && undertaker->is_older_told)
        return; /* it does not know what a listener sends again and again: once is enough */
    undertaker->is_older_told |= is_older;
    ct_log_warn("daemon reports an error", CT_BYTES("error", error->detail));
}

static void undertaker_message(void *ctx, const struct proto_message *message)
{
    struct undertaker *undertaker = ctx;

    if (message->type == PROTO_ERROR)
        undertaker_told_error(undertaker, &message->as.error);
    else if (undertaker->on_message)
        undertaker->on_message(undertaker->listener, message);
}

void undertaker_listen(struct undertaker *undertaker, void (*on_up)(void *ctx),
                       void (*on_message)(void *ctx, const struct proto_message *message),
                       void *ctx)
{
    undertaker->on_up = on_up;
    undertaker->on_message = on_message;
    undertaker->listener = ctx;
}

bool undertaker_is_up(const struct undertaker *undertaker)
{
    return proto_client_is_up(undertaker->client);
}

bool undertaker_send(struct undertaker *undertaker, const struct proto_message *message)
{
    struct ct_error err;

    if (proto_client_send(undertaker->client, message, &err) == CT_E_OK)
        return true;
    if (err.code != CT_E_CLOSED)
        ct_log_warn("cannot tell the daemon", CT_ERR(&err));
    return false;
}

enum ct_code undertaker_open(struct undertaker *undertaker, uv_loop_t *loop, const char *address,
                             const char *worker, struct ct_error *err)
{
    struct proto_client_options options = {
        .loop = loop,
        .address = address,
        .hello = {.role = PROTO_ROLE_SUPERVISOR,
                  .software = CT_STR_LIT("cartrita-worker/" CARTRITA_VERSION),
                  .has_worker = true,
                  .worker = ct_str_of(worker),
                  .has_pid = true,
                  .pid = (uint64_t)getpid()},
        .random = &ct_random_system,
        .events = {.on_up = undertaker_up,
                   .on_down = undertaker_down,
                   .on_message = undertaker_message},
        .ctx = undertaker,
    };

    *undertaker = (struct undertaker){.address = address};
    ct_list_init(&undertaker->kept);
    uv_timer_init(loop, &undertaker->patience);
    undertaker->patience.data = undertaker;
    return proto_client_open(&options, &undertaker->client, err);
}

static void undertaker_timer_closed(uv_handle_t *handle)
{
    struct undertaker *undertaker = handle->data;

    undertaker->closed(undertaker->ctx);
}

static void undertaker_client_closed(void *ctx)
{
    struct undertaker *undertaker = ctx;

    CT_LIST_FOREACH_SAFE (node, following, &undertaker->kept)
        obituary_free(CT_CONTAINER(node, struct obituary, link));
    uv_close((uv_handle_t *)&undertaker->patience, undertaker_timer_closed);
}

void undertaker_close(struct undertaker *undertaker, void (*closed)(void *ctx), void *ctx)
{
    undertaker->closed = closed;
    undertaker->ctx = ctx;
    proto_client_close(undertaker->client, UNDERTAKER_FLUSH_MS, undertaker_client_closed);
}

void undertaker_report(struct undertaker *undertaker, const char *runner, const char *reason,
                       struct undertaker_casualty *casualties, size_t count)
{
    struct obituary *obituary = ct_zalloc(sizeof *obituary);

    ct_list_init(&obituary->link);
    obituary->runner = ct_strdup(runner);
    obituary->reason = ct_strdup(reason);
    obituary->casualties = casualties;
    obituary->casualty_count = count;
    if (undertaker_say(undertaker, obituary)) {
        obituary_free(obituary);
        return;
    }
    ct_list_push_back(&undertaker->kept, &obituary->link);
    if (++undertaker->kept_count > UNDERTAKER_KEPT_MAX) {
        ct_log_warn("obituary dropped: the daemon was away for too long",
                    CT_INT("limit", UNDERTAKER_KEPT_MAX));
        obituary_free(CT_CONTAINER(undertaker->kept.next, struct obituary, link));
        undertaker->kept_count--;
    }
}
