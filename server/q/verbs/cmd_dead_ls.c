/* dead ls: the letters of a dead-letter queue, the oldest of each state first. */
#include "q/command.h"
#include "q/dead.h"
#include "q/view.h"

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
    struct view view;
};

static void show(struct view *view, const char *state, const struct dead_item *item)
{
    const struct dead_letter *letter = &item->letter;

    view_row(view);
    view_text(view, "id", ct_str_of(item->id));
    view_state(view, "state", ct_str_of(state));
    if (view_json(view)) {
        view_value(view, "letter", letter->text);
    } else {
        view_text(view, "queue", ct_str_of(letter->queue));
        view_text(view, "job", ct_str_of(letter->id));
        view_text(view, "name", ct_str_of(letter->name));
        view_moment(view, "failed", dead_letter_moment(letter));
        view_number(view, "attempts", letter->attempts_made);
        view_text(view, "reason", letter->reason);
    }
    view_row_end(view);
}

static enum ct_code on_page(void *ctx, struct dead_page *page, struct ct_error *err)
{
    struct listing *listing = ctx;
    const struct inspector *inspector = listing->walk->session->inspector;

    for (uint32_t i = 0; i < page->count; i++)
        show(&listing->view, inspector->states[page->state].name, &page->items[i]);
    return CT_E_OK;
}

static void finish(struct listing *listing)
{
    const struct dead_walk *walk = listing->walk;

    view_end(&listing->view);
    if (walk->matched == 0)
        fprintf(stderr, "no such dead letters in queue \"%s\"\n", walk->queue);
    if (walk->foreign > 0)
        fprintf(stderr, "%lld jobs of the queue are no dead letters\n", (long long)walk->foreign);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    static const struct print_column columns[] = {
        {.title = "id", .is_flexible = true},    {.title = "state"},
        {.title = "queue", .is_flexible = true}, {.title = "job", .is_flexible = true},
        {.title = "name", .is_flexible = true},  {.title = "failed", .is_right = true},
        {.title = "attempts", .is_right = true}, {.title = "reason", .is_flexible = true},
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
    view_list(&listing.view, &session->settings->look, columns, sizeof columns / sizeof *columns);
    rc = dead_walk_run(&walk, states, session->inspector->state_count, on_page, &listing, err);
    if (rc == CT_E_OK)
        finish(&listing);
    view_close(&listing.view);
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
