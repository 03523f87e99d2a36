/* worker ls: the workers of a daemon, one row a pool. */
#include "common/clock.h"
#include "q/command.h"
#include "q/fleet.h"
#include "q/print.h"
#include "q/text.h"

struct settings {
    struct daemon_settings common;
};

static const struct ct_option options[] = {DAEMON_OPTIONS(struct settings)};

static const struct print_column columns[] = {
    {"worker", false, false}, {"host", false, true},     {"pid", true, false},
    {"pool", false, true},    {"queues", false, true},   {"plugin", false, true},
    {"state", false, false},  {"runners", true, false},  {"jobs", true, false},
    {"memory", true, false},  {"restarts", true, false},
};

static void add_cell(struct print_table *table, struct ct_buf *text)
{
    print_table_cell(table, ct_buf_str(text));
    ct_buf_clear(text);
}

static void add_worker_cells(struct print_table *table, const json_t *worker)
{
    struct ct_str uuid = fleet_text(worker, "worker");

    if (uuid.len > FLEET_SHORT)
        uuid.len = FLEET_SHORT;
    print_table_cell(table, uuid);
    print_table_cell(table, fleet_text(worker, "host"));
    print_table_number(table, fleet_number(worker, "pid"));
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
static void append_state(struct ct_buf *text, const json_t *worker, const json_t *pool)
{
    const bool is_draining = ct_str_is(fleet_text(worker, "state"), "draining");
    int64_t age_ms = ct_wall_ms(&ct_clock_system) - fleet_number(worker, "seenAt");

    ct_buf_append_str(text, fleet_text(is_draining ? worker : pool, "state"));
    if (age_ms > FLEET_SILENT_MS) {
        ct_buf_printf(text, ", silent for ");
        text_append_span(text, age_ms);
    }
}

static void add_pool(struct print_table *table, const json_t *worker, const json_t *pool)
{
    struct ct_buf text;

    ct_buf_init(&text);
    add_worker_cells(table, worker);
    print_table_cell(table, fleet_text(pool, "name"));
    append_queues(&text, pool);
    add_cell(table, &text);
    print_table_cell(table, fleet_text(pool, "plugin"));
    append_state(&text, worker, pool);
    add_cell(table, &text);
    append_runners(&text, pool);
    add_cell(table, &text);
    print_table_number(table, fleet_sum(pool, "jobs"));
    text_append_bytes(&text, fleet_sum(pool, "memory"));
    add_cell(table, &text);
    print_table_number(table, fleet_number(pool, "restarts"));
    ct_buf_free(&text);
}

/* A worker whose pools all ended. */
static void add_bare(struct print_table *table, const json_t *worker)
{
    add_worker_cells(table, worker);
    for (size_t i = 3; i < sizeof columns / sizeof *columns; i++)
        print_table_cell(table, i == 6 ? fleet_text(worker, "state") : CT_STR_LIT(""));
}

static void show_table(const json_t *fleet)
{
    struct print_table table;

    print_table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t w = 0; w < json_array_size(fleet); w++) {
        const json_t *worker = json_array_get(fleet, w);
        const json_t *pools = fleet_list(worker, "pools");

        for (size_t p = 0; p < json_array_size(pools); p++)
            add_pool(&table, worker, json_array_get(pools, p));
        if (json_array_size(pools) == 0)
            add_bare(&table, worker);
    }
    if (json_array_size(fleet) > 0)
        print_table_write(&table, print_width(stdout), stdout);
    print_table_fini(&table);
}

static enum ct_code run(const struct command *self, struct daemon_link *link, const void *settings,
                        const char *const *args, size_t arg_count, struct ct_error *err)
{
    json_t *fleet = NULL;
    enum ct_code rc = fleet_fetch(link, &fleet, err);

    if (rc != CT_E_OK)
        return rc;
    if (link->settings->output == OUTPUT_JSON)
        fleet_print_json(fleet);
    else
        show_table(fleet);
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
