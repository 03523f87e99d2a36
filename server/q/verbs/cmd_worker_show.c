/* worker show: one worker: its pools, each runner, how the last one died. */
#include "q/command.h"
#include "q/fleet.h"
#include "q/text.h"

struct settings {
    struct daemon_settings common;
};

static const struct ct_option options[] = {DAEMON_OPTIONS(struct settings)};

static const struct print_column columns[] = {
    {.title = "slot", .is_right = true},
    {.title = "pid", .is_right = true},
    {.title = "state"},
    {.title = "since", .is_right = true},
    {.title = "jobs", .is_right = true},
    {.title = "memory", .is_right = true},
    {.title = "failures", .is_right = true},
    {.title = "runner"},
};

/* A line of a sheet; empties `text`. */
static void add_text(struct view *view, const char *label, struct ct_buf *text)
{
    view_text(view, label, ct_buf_str(text));
    ct_buf_clear(text);
}

static void add_queues(struct view *view, const json_t *pool)
{
    const json_t *queues = fleet_list(pool, "queues");
    const char *label = "queues";

    for (size_t i = 0; i < json_array_size(queues); i++) {
        const char *name = json_string_value(json_array_get(queues, i));
        view_text(view, label, ct_str_of(name ? name : ""));
        label = "";
    }
}

/* For how long, or since when. */
static void add_since(struct view *view, int64_t since_ms)
{
    struct ct_buf text;

    ct_buf_init(&text);
    if (view->look.time == TIME_RELATIVE)
        text_append_span(&text, view->look.now_ms - since_ms);
    else
        look_append_moment(&view->look, &text, since_ms);
    view_text(view, "since", ct_buf_str(&text));
    ct_buf_free(&text);
}

static void show_runners(const struct look_settings *look, const json_t *pool)
{
    const json_t *runners = fleet_list(pool, "runners");
    struct view view;

    view_list(&view, look, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < json_array_size(runners); i++) {
        const json_t *runner = json_array_get(runners, i);

        view_row(&view);
        view_number(&view, "slot", fleet_number(runner, "slot"));
        view_number(&view, "pid", fleet_number(runner, "pid"));
        view_state(&view, "state", fleet_text(runner, "state"));
        add_since(&view, fleet_number(runner, "since"));
        view_number(&view, "jobs", fleet_number(runner, "jobs"));
        view_bytes(&view, "memory", fleet_number(runner, "memory"));
        view_number(&view, "failures", fleet_number(runner, "failures"));
        view_text(&view, "runner", fleet_text(runner, "runner"));
        view_row_end(&view);
    }
    view_end(&view);
    view_close(&view);
}

static void add_pool(struct view *view, const json_t *pool)
{
    const json_t *death = json_object_get(pool, "lastDeath");
    struct ct_buf text;

    ct_buf_init(&text);
    putchar('\n');
    view_text(view, "pool", fleet_text(pool, "name"));
    ct_buf_append_str(&text, fleet_text(pool, "plugin"));
    ct_buf_append_char(&text, ' ');
    ct_buf_append_str(&text, fleet_text(pool, "pluginVersion"));
    add_text(view, "plugin", &text);
    add_queues(view, pool);
    view_text(view, "prefix", fleet_text(pool, "prefix"));
    view_state(view, "state", fleet_text(pool, "state"));
    ct_buf_printf(&text, "%lld ready of %lld, %lld at the least, %lld at the most",
                  (long long)fleet_runners(pool, "ready"), (long long)fleet_number(pool, "wanted"),
                  (long long)fleet_number(pool, "min"), (long long)fleet_number(pool, "max"));
    add_text(view, "runners", &text);
    ct_buf_append_int(&text, fleet_number(pool, "concurrency"));
    ct_buf_printf(&text, " in each runner");
    add_text(view, "jobs at once", &text);
    view_number(view, "restarts", fleet_number(pool, "restarts"));
    if (json_is_object(death)) {
        look_append_moment(&view->look, &text, fleet_number(death, "at"));
        ct_buf_printf(&text, ": ");
        ct_buf_append_str(&text, fleet_text(death, "reason"));
        add_text(view, "last death", &text);
    }
    ct_buf_free(&text);
}

static void add_worker(struct view *view, const json_t *worker)
{
    view_text(view, "worker", fleet_text(worker, "worker"));
    view_text(view, "host", fleet_text(worker, "host"));
    view_number(view, "pid", fleet_number(worker, "pid"));
    view_text(view, "version", fleet_text(worker, "version"));
    view_state(view, "state", fleet_text(worker, "state"));
    view_moment(view, "started", fleet_number(worker, "startedAt"));
    view_moment(view, "seen", fleet_number(worker, "seenAt"));
    if (fleet_text(worker, "leftOut").len > 0) /* its report would have been too large */
        view_text(view, "left out", fleet_text(worker, "leftOut"));
}

static void show_one(const struct look_settings *look, const json_t *worker)
{
    const json_t *pools = fleet_list(worker, "pools");
    struct view view;

    view_sheet(&view, look, NULL, 0);
    if (view_json(&view))
        fleet_view_members(&view, worker);
    else if (view_is_table(&view))
        add_worker(&view, worker);
    for (size_t i = 0; i < json_array_size(pools) && view_is_table(&view); i++) {
        add_pool(&view, json_array_get(pools, i));
        show_runners(look, json_array_get(pools, i));
    }
    view_end(&view);
    view_close(&view);
}

static void show_all(const struct look_settings *look, const json_t *workers)
{
    struct view view;

    view_list(&view, look, NULL, 0);
    for (size_t i = 0; i < json_array_size(workers); i++) {
        if (view_json(&view))
            fleet_view_row(&view, json_array_get(workers, i));
        if (view_is_table(&view) && i > 0)
            printf("\n\n");
        if (view_is_table(&view))
            show_one(look, json_array_get(workers, i));
    }
    view_end(&view);
    view_close(&view);
}

static enum ct_code run(const struct command *self, struct daemon_link *link, const void *settings,
                        const char *const *args, size_t arg_count, struct ct_error *err)
{
    json_t *fleet = NULL, *chosen = NULL;
    enum ct_code rc = fleet_fetch(link, &fleet, err);

    if (rc == CT_E_OK)
        rc = fleet_select(fleet, args[0], &chosen, err);
    if (rc == CT_E_OK && strcmp(args[0], "all") == 0)
        show_all(&link->settings->look, chosen);
    else if (rc == CT_E_OK)
        show_one(&link->settings->look, json_array_get(chosen, 0));
    json_decref(fleet);
    json_decref(chosen);
    return rc;
}

const struct command cmd_worker_show = {
    .noun = "worker",
    .verb = "show",
    .program = {.name = "cartrita-q worker show",
                .usage = "WORKER [OPTION]...",
                .about = "Show one worker: pools, each runner, how the last one died.",
                .footer = FLEET_FOOTER,
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .ask = run,
};
