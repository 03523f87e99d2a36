/* dead ls: the letters of a dead-letter queue, the oldest of each state first. */
#include "q/command.h"
#include "q/dead.h"
#include "q/print.h"
#include "q/text.h"

struct settings {
    struct session_settings common;
    struct dead_filter filter;
};

static const struct ct_option options[] = {
    DEAD_FILTER_OPTIONS(struct settings, filter, "20", "Letters to show; 0: all."),
    SESSION_OPTIONS(struct settings),
};

struct listing {
    const struct dead_walk *walk;
    struct print_table table;
    struct print_json json;
};

static void list_json(struct listing *listing, const char *state, const struct dead_item *item)
{
    print_json_open(&listing->json, NULL, '{');
    print_json_string(&listing->json, "id", ct_str_of(item->id));
    print_json_string(&listing->json, "state", ct_str_of(state));
    print_json_value(&listing->json, "letter", item->letter.text);
    print_json_close(&listing->json, '}');
}

static void list_row(struct listing *listing, const char *state, const struct dead_item *item)
{
    int64_t moment_ms = dead_letter_moment(&item->letter);
    struct ct_buf text;

    ct_buf_init(&text);
    print_table_cell(&listing->table, ct_str_of(item->id));
    print_table_cell(&listing->table, ct_str_of(state));
    print_table_cell(&listing->table, ct_str_of(item->letter.queue));
    print_table_cell(&listing->table, ct_str_of(item->letter.id));
    print_table_cell(&listing->table, ct_str_of(item->letter.name));
    if (moment_ms > 0) {
        text_append_span(&text, listing->walk->now_ms - moment_ms);
        if (listing->walk->now_ms - moment_ms >= 1000)
            ct_buf_printf(&text, " ago");
    }
    print_table_cell(&listing->table, ct_buf_str(&text));
    print_table_number(&listing->table, item->letter.attempts_made);
    print_table_cell(&listing->table, item->letter.reason);
    ct_buf_free(&text);
}

static enum ct_code on_page(void *ctx, struct dead_page *page, struct ct_error *err)
{
    struct listing *listing = ctx;
    const struct session *session = listing->walk->session;
    const char *state = session->inspector->states[page->state].name;

    for (uint32_t i = 0; i < page->count; i++) {
        if (session->settings->output == OUTPUT_JSON)
            list_json(listing, state, &page->items[i]);
        else
            list_row(listing, state, &page->items[i]);
    }
    if (session->settings->output == OUTPUT_JSON)
        print_json_flush(&listing->json, stdout);
    return CT_E_OK;
}

static void finish(struct listing *listing)
{
    const struct dead_walk *walk = listing->walk;

    print_json_close(&listing->json, ']');
    if (walk->session->settings->output == OUTPUT_JSON) {
        print_json_flush(&listing->json, stdout);
        putchar('\n');
    } else if (walk->matched > 0) {
        print_table_write(&listing->table, print_width(stdout), stdout);
    } else {
        fprintf(stderr, "no such dead letters in queue \"%s\"\n", walk->queue);
    }
    if (walk->foreign > 0)
        fprintf(stderr, "%lld jobs of the queue are no dead letters\n", (long long)walk->foreign);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    static const struct print_column columns[] = {
        {"id", false, true},       {"state", false, false}, {"queue", false, true},
        {"job", false, true},      {"name", false, true},   {"failed", true, false},
        {"attempts", true, false}, {"reason", false, true},
    };
    const struct settings *settings = given;
    struct dead_walk walk;
    struct listing listing = {.walk = &walk};
    uint32_t states[INSPECT_STATES_MAX];
    enum ct_code rc = dead_walk_init(&walk, session, args[0], &settings->filter, err);

    if (rc != CT_E_OK)
        return rc;
    for (uint32_t i = 0; i < session->inspector->state_count; i++)
        states[i] = i;
    print_table_init(&listing.table, columns, sizeof columns / sizeof *columns);
    print_json_open(&listing.json, NULL, '[');
    rc = dead_walk_run(&walk, states, session->inspector->state_count, on_page, &listing, err);
    if (rc == CT_E_OK)
        finish(&listing);
    ct_buf_free(&listing.json.text);
    print_table_fini(&listing.table);
    dead_walk_fini(&walk);
    return rc;
}

const struct command cmd_dead_ls = {
    .noun = "dead",
    .verb = "ls",
    .program = {.name = "cartrita-q dead ls",
                .usage = "QUEUE [OPTION]...",
                .about = "List the letters of a dead-letter queue.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
