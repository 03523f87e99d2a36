/* worker show: one worker: its pools, each runner, how the last one died. */
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
    {"slot", true, false},     {"pid", true, false},     {"state", false, false},
    {"since", true, false},    {"jobs", true, false},    {"memory", true, false},
    {"failures", true, false}, {"runner", false, false},
};

/* A line of a sheet; empties `text`. */
static void show_text(const char *label, struct ct_buf *text)
{
    print_line(stdout, label, ct_buf_str(text), print_width(stdout));
    ct_buf_clear(text);
}

static void show_member(const char *label, const json_t *object, const char *key)
{
    print_line(stdout, label, fleet_text(object, key), print_width(stdout));
}

static void append_ago(struct ct_buf *text, int64_t now_ms, int64_t at_ms)
{
    text_append_span(text, now_ms - at_ms);
    ct_buf_printf(text, " ago");
}

static void show_queues(const json_t *pool)
{
    const json_t *queues = fleet_list(pool, "queues");
    const char *label = "queues";

    for (size_t i = 0; i < json_array_size(queues); i++) {
        const char *name = json_string_value(json_array_get(queues, i));
        print_line(stdout, label, ct_str_of(name ? name : ""), print_width(stdout));
        label = "";
    }
}

static void show_runners(const json_t *pool, int64_t now_ms)
{
    const json_t *runners = fleet_list(pool, "runners");
    struct print_table table;
    struct ct_buf text;

    if (json_array_size(runners) == 0)
        return;
    ct_buf_init(&text);
    print_table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < json_array_size(runners); i++) {
        const json_t *runner = json_array_get(runners, i);

        print_table_number(&table, fleet_number(runner, "slot"));
        print_table_number(&table, fleet_number(runner, "pid"));
        print_table_cell(&table, fleet_text(runner, "state"));
        text_append_span(&text, now_ms - fleet_number(runner, "since"));
        print_table_cell(&table, ct_buf_str(&text));
        ct_buf_clear(&text);
        print_table_number(&table, fleet_number(runner, "jobs"));
        text_append_bytes(&text, fleet_number(runner, "memory"));
        print_table_cell(&table, ct_buf_str(&text));
        ct_buf_clear(&text);
        print_table_number(&table, fleet_number(runner, "failures"));
        print_table_cell(&table, fleet_text(runner, "runner"));
    }
    print_table_write(&table, print_width(stdout), stdout);
    print_table_fini(&table);
    ct_buf_free(&text);
}

static void show_pool(const json_t *pool, int64_t now_ms)
{
    const json_t *death = json_object_get(pool, "lastDeath");
    struct ct_buf text;

    ct_buf_init(&text);
    putchar('\n');
    show_member("pool", pool, "name");
    ct_buf_append_str(&text, fleet_text(pool, "plugin"));
    ct_buf_append_char(&text, ' ');
    ct_buf_append_str(&text, fleet_text(pool, "pluginVersion"));
    show_text("plugin", &text);
    show_queues(pool);
    show_member("prefix", pool, "prefix");
    show_member("state", pool, "state");
    ct_buf_printf(&text, "%lld ready of %lld, %lld at the least, %lld at the most",
                  (long long)fleet_runners(pool, "ready"), (long long)fleet_number(pool, "wanted"),
                  (long long)fleet_number(pool, "min"), (long long)fleet_number(pool, "max"));
    show_text("runners", &text);
    ct_buf_append_int(&text, fleet_number(pool, "concurrency"));
    ct_buf_printf(&text, " in each runner");
    show_text("jobs at once", &text);
    ct_buf_append_int(&text, fleet_number(pool, "restarts"));
    show_text("restarts", &text);
    if (json_is_object(death)) {
        append_ago(&text, now_ms, fleet_number(death, "at"));
        ct_buf_printf(&text, ": ");
        ct_buf_append_str(&text, fleet_text(death, "reason"));
        show_text("last death", &text);
    }
    show_runners(pool, now_ms);
    ct_buf_free(&text);
}

static void show_sheet(const json_t *worker)
{
    const json_t *pools = fleet_list(worker, "pools");
    const int64_t now_ms = ct_wall_ms(&ct_clock_system);
    struct ct_buf text;

    ct_buf_init(&text);
    show_member("worker", worker, "worker");
    show_member("host", worker, "host");
    ct_buf_append_int(&text, fleet_number(worker, "pid"));
    show_text("pid", &text);
    show_member("version", worker, "version");
    show_member("state", worker, "state");
    append_ago(&text, now_ms, fleet_number(worker, "startedAt"));
    show_text("started", &text);
    append_ago(&text, now_ms, fleet_number(worker, "seenAt"));
    show_text("seen", &text);
    ct_buf_free(&text);
    if (fleet_text(worker, "leftOut").len > 0) /* its report would have been too large */
        show_member("left out", worker, "leftOut");
    for (size_t i = 0; i < json_array_size(pools); i++)
        show_pool(json_array_get(pools, i), now_ms);
}

static enum ct_code run(const struct command *self, struct daemon_link *link, const void *settings,
                        const char *const *args, size_t arg_count, struct ct_error *err)
{
    json_t *fleet = NULL, *chosen = NULL;
    enum ct_code rc = fleet_fetch(link, &fleet, err);

    if (rc == CT_E_OK)
        rc = fleet_select(fleet, args[0], &chosen, err);
    if (rc == CT_E_OK && link->settings->output == OUTPUT_JSON) {
        fleet_print_json(strcmp(args[0], "all") == 0 ? chosen : json_array_get(chosen, 0));
    } else if (rc == CT_E_OK) {
        for (size_t i = 0; i < json_array_size(chosen); i++) {
            if (i > 0)
                printf("\n\n");
            show_sheet(json_array_get(chosen, i));
        }
    }
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
