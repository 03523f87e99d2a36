/* Reports, orders and backlogs. See fleet.h. */
#include "worker/supervisor/fleet.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/supervisor/orders.h"
#include "worker/supervisor/report.h"

/* --- reports -------------------------------------------------------------------------------------
 */

static void fleet_report(struct fleet *fleet)
{
    const struct fleet_options *options = &fleet->options;
    struct proto_message message = {.type = PROTO_REPORT};
    struct report_head head = {
        .worker = options->worker,
        .host = fleet->host,
        .pid = (int)getpid(),
        .started_ms = fleet->started_ms,
        .is_draining = options->is_draining(options->ctx),
    };

    fleet->reported_ms = uv_now(options->loop);
    report_print(&head, options->serving(options->ctx), fleet->reported_ms,
                 ct_wall_ms(&ct_clock_system), &fleet->text);
    message.as.report.state = ct_buf_str(&fleet->text);
    (void)undertaker_send(options->undertaker, &message); /* down: it is reported when it is up */
}

static void fleet_report_due(uv_timer_t *timer);

static void fleet_report_in(struct fleet *fleet, uint64_t ms)
{
    uv_timer_start(&fleet->timer, fleet_report_due, ms, 0);
}

static void fleet_report_due(uv_timer_t *timer)
{
    struct fleet *fleet = timer->data;

    if (undertaker_is_up(fleet->options.undertaker))
        fleet_report(fleet);
    fleet_report_in(fleet, FLEET_REPORT_MS);
}

/* --- backlogs ------------------------------------------------------------------------------------
 */

static bool fleet_watch_pool(struct fleet *fleet, const struct pool_config *config)
{
    struct proto_message message = {.type = PROTO_WATCH};
    const struct pool_options *options = &config->options;

    message.as.watch.has_prefix = options->prefix != NULL;
    message.as.watch.prefix = ct_str_of(options->prefix);
    message.as.watch.has_dialect = options->dialect >= 0;
    if (options->dialect >= 0)
        message.as.watch.dialect = ct_str_of(pool_dialects[options->dialect]);
    for (size_t i = 0; i < config->queue_count; i++) {
        message.as.watch.queue = ct_str_of(config->queues[i]);
        if (!undertaker_send(fleet->options.undertaker, &message))
            return false;
    }
    return true;
}

/* Asks for those of the generation that serves, once per connection. */
static void fleet_watch(struct fleet *fleet)
{
    struct generation *generation = fleet->options.serving(fleet->options.ctx);

    if (!generation || fleet->watching == generation->number ||
        !undertaker_is_up(fleet->options.undertaker))
        return;
    for (size_t i = 0; i < generation->config.pool_count; i++)
        if (scale_wants_backlog(&generation->config.pools[i]) &&
            !fleet_watch_pool(fleet, &generation->config.pools[i]))
            return;
    fleet->watching = generation->number;
}

static bool fleet_is_prefix(const struct proto_backlog *backlog, const char *prefix)
{
    return backlog->has_prefix ? prefix && ct_str_is(backlog->prefix, prefix) : !prefix;
}

void fleet_take_backlog(struct generation *generation, const struct proto_backlog *backlog,
                        uint64_t now_ms)
{
    for (size_t p = 0; p < generation->config.pool_count; p++) {
        const struct pool_config *config = &generation->config.pools[p];

        if (!fleet_is_prefix(backlog, config->options.prefix))
            continue;
        for (size_t q = 0; q < config->queue_count; q++)
            if (ct_str_is(backlog->queue, config->queues[q]))
                generation->pools[p].backlogs[q] =
                    (struct pool_backlog){.waiting = backlog->waiting,
                                          .oldest_ms = backlog->oldest_ms,
                                          .told_ms = now_ms};
    }
}

/* --- orders --------------------------------------------------------------------------------------
 */

static enum ct_code fleet_obey(struct fleet *fleet, const struct proto_order *order,
                               struct ct_error *detail)
{
    const struct fleet_options *options = &fleet->options;
    struct generation *generation = options->serving(options->ctx);

    if (options->is_draining(options->ctx) || !generation)
        return ct_error_set(detail, CT_E_CONFLICT, "this worker is draining");
    if (!ct_str_is(order->worker, options->worker))
        return ct_error_set(detail, CT_E_NOT_FOUND, "this is worker %s", options->worker);
    if (!orders_is_leave(order))
        return orders_obey(generation, order, detail);
    detail->detail[0] = '\0';
    options->drain(options->ctx);
    return CT_E_OK;
}

static void fleet_order(struct fleet *fleet, const struct proto_order *order)
{
    struct proto_message message = {.type = PROTO_DONE};
    struct ct_error detail;

    message.as.done.request = order->request;
    message.as.done.code = fleet_obey(fleet, order, &detail);
    message.as.done.has_detail = detail.detail[0] != '\0';
    message.as.done.detail = ct_str_of(detail.detail);
    (void)undertaker_send(fleet->options.undertaker, &message);
}

/* --- the link ------------------------------------------------------------------------------------
 */

static void fleet_up(void *ctx)
{
    struct fleet *fleet = ctx;

    fleet->watching = 0;
    fleet_report(fleet);
    fleet_report_in(fleet, FLEET_REPORT_MS);
    fleet_watch(fleet);
}

static void fleet_message(void *ctx, const struct proto_message *message)
{
    struct fleet *fleet = ctx;
    struct generation *generation;

    switch (message->type) {
    case PROTO_ORDER:
        fleet_order(fleet, &message->as.order);
        break;
    case PROTO_BACKLOG:
        generation = fleet->options.serving(fleet->options.ctx);
        if (generation)
            fleet_take_backlog(generation, &message->as.backlog, uv_now(fleet->options.loop));
        break;
    default:
        break;
    }
}

/* --- life ----------------------------------------------------------------------------------------
 */

void fleet_changed(struct fleet *fleet)
{
    uint64_t since_ms = uv_now(fleet->options.loop) - fleet->reported_ms;
    uint64_t wait_ms = since_ms < FLEET_REPORT_MIN_MS ? FLEET_REPORT_MIN_MS - since_ms : 0;

    fleet_watch(fleet);
    if (uv_timer_get_due_in(&fleet->timer) > wait_ms)
        fleet_report_in(fleet, wait_ms);
}

void fleet_open(struct fleet *fleet, const struct fleet_options *options)
{
    *fleet = (struct fleet){.options = *options, .started_ms = ct_wall_ms(&ct_clock_system)};
    ct_buf_init(&fleet->text);
    if (gethostname(fleet->host, sizeof fleet->host) != 0)
        fleet->host[0] = '\0';
    fleet->host[sizeof fleet->host - 1] = '\0';
    uv_timer_init(options->loop, &fleet->timer);
    fleet->timer.data = fleet;
    fleet_report_in(fleet, FLEET_REPORT_MS);
    undertaker_listen(options->undertaker, fleet_up, fleet_message, fleet);
}

void fleet_close(struct fleet *fleet)
{
    if (undertaker_is_up(fleet->options.undertaker))
        fleet_report(fleet); /* the last state: nothing of the daemon's can wait for an answer */
    undertaker_listen(fleet->options.undertaker, NULL, NULL, NULL);
    uv_close((uv_handle_t *)&fleet->timer, NULL);
    ct_buf_free(&fleet->text);
}
