/* worker ls: the workers of a daemon, one row a pool. */
#include "q/command.h"
#include "q/fleet.h"
#include "q/text.h"

struct settings {
    struct daemon_settings common;
};

static const struct ct_option options[] = {DAEMON_OPTIONS(struct settings)};

static const struct print_column columns[] = {
    {.title = "worker"},
    {.title = "host", .is_flexible = true},
    {.title = "pid", .is_right = true},
    {.title = "pool", .is_flexible = true},
    {.title = "queues", .is_flexible = true},
    {.title = "plugin", .is_flexible = true},
    {.title = "state"},
    {.title = "runners", .is_right = true},
    {.title = "jobs", .is_right = true},
    {.title = "memory", .is_right = true},
    {.title = "restarts", .is_right = true},
};

static void add_cell(struct view *view, const char *key, struct ct_buf *text)
{
    view_text(view, key, ct_buf_str(text));
    ct_buf_clear(text);
}

static void add_worker_cells(struct view *view, const json_t *worker)
{
    struct ct_str uuid = fleet_text(worker, "worker");

    if (uuid.len > FLEET_SHORT)
        uuid.len = FLEET_SHORT;
    view_text(view, "worker", uuid);
    view_text(view, "host", fleet_text(worker, "host"));
    view_number(view, "pid", fleet_number(worker, "pid"));
}

static void append_queues(struct ct_buf *text, const json_t *pool)
{
    const json_t *queues = fleet_list(pool, "queues");

    for (size_t i = 0; i < json_array_size(queues); i++) {
        const json_t *name = json_array_get(queues, i);
        if (json_is_string(name))
            ct_buf_printf(text, "%s%s", text->len > 0 ? ", " : "", json_string_value(name));
    }
}

/* "2/2 (1-4)": ready, wanted, and the bounds where there is room between them. */
static void append_runners(struct ct_buf *text, const json_t *pool)
{
    long long min = fleet_number(pool, "min"), max = fleet_number(pool, "max");

    ct_buf_printf(text, "%lld/%lld", (long long)fleet_runners(pool, "ready"),
                  (long long)fleet_number(pool, "wanted"));
    if (min != max)
        ct_buf_printf(text, " (%lld-%lld)", min, max);
}

/* A worker that is stopped or hangs keeps its connection, and its last report says what was. */
static void add_state(struct view *view, const json_t *worker, const json_t *pool)
{
    const bool is_draining = ct_str_is(fleet_text(worker, "state"), "draining");
    struct ct_str state = fleet_text(is_draining ? worker : pool, "state");
    int64_t age_ms = view->look.now_ms - fleet_number(worker, "seenAt");
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_append_str(&text, state);
    if (age_ms > FLEET_SILENT_MS) {
        ct_buf_printf(&text, ", silent for ");
        text_append_span(&text, age_ms);
    }
    view_cell(view, "state", ct_buf_str(&text),
              age_ms > FLEET_SILENT_MS ? PRINT_BAD : look_state_style(state));
    ct_buf_free(&text);
}

static void add_pool(struct view *view, const json_t *worker, const json_t *pool)
{
    struct ct_buf text;

    ct_buf_init(&text);
    view_row(view);
    add_worker_cells(view, worker);
    view_text(view, "pool", fleet_text(pool, "name"));
    append_queues(&text, pool);
    add_cell(view, "queues", &text);
    view_text(view, "plugin", fleet_text(pool, "plugin"));
    add_state(view, worker, pool);
    append_runners(&text, pool);
    add_cell(view, "runners", &text);
    view_number(view, "jobs", fleet_sum(pool, "jobs"));
    view_bytes(view, "memory", fleet_sum(pool, "memory"));
    view_number(view, "restarts", fleet_number(pool, "restarts"));
    view_row_end(view);
    ct_buf_free(&text);
}

/* A worker whose pools all ended. */
static void add_bare(struct view *view, const json_t *worker)
{
    view_row(view);
    add_worker_cells(view, worker);
    view_state(view, "state", fleet_text(worker, "state"));
    view_row_end(view);
}

static void show_row(struct view *view, const json_t *worker)
{
    const json_t *pools = fleet_list(worker, "pools");

    for (size_t i = 0; i < json_array_size(pools); i++)
        add_pool(view, worker, json_array_get(pools, i));
    if (json_array_size(pools) == 0)
        add_bare(view, worker);
}

/* A row a pool for people; a worker with its pools for programs. */
static void show(const struct daemon_link *link, const json_t *fleet)
{
    struct view view;

    view_list(&view, &link->settings->look, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < json_array_size(fleet); i++) {
        if (view_is_table(&view))
            show_row(&view, json_array_get(fleet, i));
        else
            fleet_view_row(&view, json_array_get(fleet, i));
    }
    view_end(&view);
    view_close(&view);
}

static enum ct_code run(const struct command *self, struct daemon_link *link, const void *settings,
                        const char *const *args, size_t arg_count, struct ct_error *err)
{
    json_t *fleet = NULL;
    enum ct_code rc = fleet_fetch(link, &fleet, err);

    if (rc != CT_E_OK)
        return rc;
    show(link, fleet);
    if (json_array_size(fleet) == 0)
        fprintf(stderr, "no worker is connected to the daemon at %s\n", link->address);
    json_decref(fleet);
    return CT_E_OK;
}

const struct command cmd_worker_ls = {
    .noun = "worker",
    .verb = "ls",
    .program = {.name = "cartrita-q worker ls",
                .usage = "[OPTION]...",
                .about = "List the workers of a daemon: their pools, runners, jobs and memory.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .ask = run,
};
