/* worker scale, pause, resume, stop, start, restart, drain: tells workers what to do. Each verb is
 * a row at the end; what it means is the supervisor's to know.
 *
 * Happy path: find the workers in the fleet, give each its order, and with --wait look at their
 * reports until it has come about. One worker that refuses ends the command with its reason; of
 * several, each refusal is told, and the first one's kind is the exit status. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "q/command.h"
#include "q/fleet.h"
#include "q/order_wait.h"

#define POLL_MS 200

struct settings {
    struct daemon_settings common;
    int64_t wait_ms;
};

static const struct ct_option options[] = {
    {.name = "wait",
     .kind = CT_OPTION_DURATION_MS,
     .offset = offsetof(struct settings, wait_ms),
     .fallback = "0",
     .max = 24 * 3600 * 1000,
     .group = "How",
     .help = "Wait for so long at the most until it has come about; 0: until the worker has taken "
             "the order."},
    DAEMON_OPTIONS(struct settings),
};

/* One run of the command. */
struct giving {
    struct daemon_link *link;
    struct worker_order order;
    json_t *workers; /* owned; their reports from before */
    struct view view;
    size_t refused_count;
    struct ct_error refusal; /* the first */
};

/* --- giving --- */

static const struct print_column columns[] = {
    {.title = "worker"},
    {.title = "host", .is_flexible = true},
    {.title = "pid", .is_right = true},
    {.title = "pool", .is_flexible = true},
    {.title = "order", .key = "verb"},
    {.title = "note", .is_flexible = true},
};

/* Programs are told of refusals too; people have them on stderr. */
static void add_result(struct giving *giving, const json_t *worker, bool is_taken,
                       struct ct_str note)
{
    const struct worker_order *order = &giving->order;
    struct ct_str uuid = fleet_text(worker, "worker");
    struct view *view = &giving->view;

    if (!is_taken && view_is_table(view))
        return;
    if (view_is_table(view) && uuid.len > FLEET_SHORT)
        uuid.len = FLEET_SHORT;
    view_row(view);
    view_text(view, "worker", uuid);
    view_text(view, "host", fleet_text(worker, "host"));
    view_number(view, "pid", fleet_number(worker, "pid"));
    if (order->pool)
        view_text(view, "pool", ct_str_of(order->pool));
    else
        view_cell(view, "pool", CT_STR_LIT("(all)"), PRINT_PLAIN);
    view_text(view, "verb", ct_str_of(order->verb));
    view_bool(view, "isTaken", is_taken);
    view_text(view, "note", note);
    view_row_end(view);
}

static enum ct_code give(struct giving *giving, const json_t *worker, struct ct_error *err)
{
    const struct worker_order *order = &giving->order;
    struct proto_message message = {
        .type = PROTO_ORDER,
        .as.order = {.worker = fleet_text(worker, "worker"),
                     .verb = ct_str_of(order->verb),
                     .has_pool = order->pool != NULL,
                     .pool = ct_str_of(order->pool),
                     .has_count = strcmp(order->verb, "scale") == 0,
                     .count = (uint64_t)order->count},
    };
    struct ct_str note = CT_STR_NONE;
    enum ct_code rc =
        daemon_link_ask(giving->link, &message, &message.as.order.request, &note, NULL, err);

    add_result(giving, worker, rc == CT_E_OK, rc == CT_E_OK ? note : ct_str_of(err->detail));
    return rc;
}

static void give_all(struct giving *giving)
{
    size_t count = json_array_size(giving->workers);

    for (size_t i = 0; i < count; i++) {
        const json_t *worker = json_array_get(giving->workers, i);
        struct ct_error err;

        if (give(giving, worker, &err) == CT_E_OK)
            continue;
        if (giving->refused_count++ == 0)
            giving->refusal = err;
        if (count > 1)
            fprintf(stderr, "worker %.*s: %s\n", FLEET_SHORT, fleet_text(worker, "worker").data,
                    err.detail);
    }
}

/* --- waiting --- */

static const json_t *find_worker(const json_t *fleet, const json_t *worker)
{
    for (size_t i = 0; i < json_array_size(fleet); i++) {
        const json_t *each = json_array_get(fleet, i);
        if (ct_str_equal(fleet_text(each, "worker"), fleet_text(worker, "worker")))
            return each;
    }
    return NULL;
}

/* *open_count: workers that are not done. */
static enum ct_code look(struct giving *giving, size_t *open_count, struct ct_error *err)
{
    const bool is_end = order_ends_worker(&giving->order);
    json_t *fleet = NULL;
    enum ct_code rc;

    *open_count = 0;
    /* A private daemon ends behind its worker. */
    if (is_end && giving->link->is_private && !giving->link->is_up)
        return CT_E_OK;
    rc = fleet_fetch(giving->link, &fleet, err);
    if (rc == CT_E_CLOSED && is_end && giving->link->is_private)
        return CT_E_OK;
    for (size_t i = 0; i < json_array_size(giving->workers) && rc == CT_E_OK; i++) {
        const json_t *before = json_array_get(giving->workers, i);
        const json_t *now = find_worker(fleet, before);

        if (!now && !is_end)
            rc = ct_error_set(err, CT_E_CLOSED, "worker %.*s has ended meanwhile", FLEET_SHORT,
                              fleet_text(before, "worker").data);
        else if (now && (is_end || !order_is_done(&giving->order, before, now)))
            ++*open_count;
    }
    json_decref(fleet);
    return rc;
}

static enum ct_code wait_done(struct giving *giving, int64_t wait_ms, struct ct_error *err)
{
    const int64_t until_ms = ct_monotonic_ms(&ct_clock_system) + wait_ms;
    size_t open_count;
    enum ct_code rc;

    while ((rc = look(giving, &open_count, err)) == CT_E_OK && open_count > 0) {
        if (ct_monotonic_ms(&ct_clock_system) >= until_ms)
            return ct_error_set(err, CT_E_TIMEOUT,
                                "the order was taken, but %zu of %zu workers have not carried it "
                                "out in time; `cartrita-q worker show` tells what they do",
                                open_count, json_array_size(giving->workers));
        daemon_link_sleep(giving->link, POLL_MS);
    }
    return rc;
}

/* --- the command --- */

static enum ct_code take_args(const struct command *self, const char *const *args, size_t arg_count,
                              struct worker_order *order, struct ct_error *err)
{
    *order = (struct worker_order){.verb = self->verb, .pool = arg_count > 1 ? args[1] : NULL};
    if (arg_count > 2 && (!ct_str_to_int(ct_str_of(args[2]), &order->count) || order->count < 0))
        return ct_error_set(err, CT_E_USAGE, "\"%s\": how many runners? A whole number, 0 or more",
                            args[2]);
    return CT_E_OK;
}

static enum ct_code carry_out(struct giving *giving, int64_t wait_ms, struct ct_error *err)
{
    const size_t count = json_array_size(giving->workers);

    view_list(&giving->view, &giving->link->settings->look, columns,
              sizeof columns / sizeof *columns);
    give_all(giving);
    if (giving->refused_count == 0 || count > 1)
        view_end(&giving->view);
    view_close(&giving->view);
    fflush(stdout); /* before a wait that may be long */
    if (giving->refused_count > 0 && count == 1) {
        *err = giving->refusal;
        return err->code;
    }
    if (giving->refused_count > 0)
        return ct_error_set(err, giving->refusal.code, "%zu of %zu workers did not take the order",
                            giving->refused_count, count);
    return wait_ms > 0 ? wait_done(giving, wait_ms, err) : CT_E_OK;
}

static enum ct_code run(const struct command *self, struct daemon_link *link, const void *given,
                        const char *const *args, size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct giving giving = {.link = link};
    json_t *fleet = NULL;
    enum ct_code rc = take_args(self, args, arg_count, &giving.order, err);

    if (rc == CT_E_OK)
        rc = fleet_fetch(link, &fleet, err);
    if (rc == CT_E_OK)
        rc = fleet_select(fleet, args[0], &giving.workers, err);
    if (rc == CT_E_OK && giving.order.pool)
        rc = fleet_keep_pool(giving.workers, giving.order.pool, err);
    if (rc == CT_E_OK)
        rc = carry_out(&giving, settings->wait_ms, err);
    json_decref(giving.workers);
    json_decref(fleet);
    return rc;
}

#define VERB(word, how, least, most, what)              \
    const struct command cmd_worker_##word = {          \
        .noun = "worker",                               \
        .verb = #word,                                  \
        .program = {.name = "cartrita-q worker " #word, \
                    .usage = how " [OPTION]...",        \
                    .about = what,                      \
                    .footer = FLEET_FOOTER,             \
                    COMMAND_OPTIONS(options)},          \
        .settings_size = sizeof(struct settings),       \
        .arg_min = (least),                             \
        .arg_max = (most),                              \
        .ask = run,                                     \
    }

VERB(scale, "WORKER POOL N", 3, 3, "Give a pool of a worker N runners.");
VERB(pause, "WORKER [POOL]", 1, 2, "Let runners finish what they hold and take nothing more.");
VERB(resume, "WORKER [POOL]", 1, 2, "Let paused runners take jobs again.");
VERB(stop, "WORKER [POOL]", 1, 2, "Let runners finish what they hold and end.");
VERB(start, "WORKER [POOL]", 1, 2, "Start the runners of stopped pools again.");
VERB(restart, "WORKER [POOL]", 1, 2, "Replace each runner, the new before the old.");
VERB(drain, "WORKER [POOL]", 1, 2, "End a worker when its jobs are done; with a pool, as stop.");
