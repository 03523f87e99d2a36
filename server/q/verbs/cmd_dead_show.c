/* dead show: all that one dead letter says. */
#include <stdlib.h>

#include "common/mem.h"
#include "q/command.h"
#include "q/dead.h"
#include "q/job_text.h"

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {SESSION_OPTIONS(struct settings)};

static void add_lines(struct view *view, const struct dead_letter *letter)
{
    view_text(view, "queue", ct_str_of(letter->queue));
    view_text(view, "id", ct_str_of(letter->id));
    view_text(view, "name", ct_str_of(letter->name));
    view_moment(view, "timestamp", letter->timestamp_ms);
    view_moment(view, "processedOn", letter->processed_ms);
    view_moment(view, "finishedOn", letter->finished_ms);
    view_number(view, "attemptsMade", letter->attempts_made);
    view_text(view, "failedReason", letter->reason);
    job_view_stacktrace(view, letter->stacktrace);
    view_text(view, "opts", letter->opts);
    view_text(view, "data", letter->data);
}

/* The queue of the sheet is the job's, that of JSON the letter's, where the job's is in the letter.
 */
static void show(const struct session *session, const char *queue, const struct dead_item *item)
{
    struct view view;

    view_sheet(&view, &session->settings->look, NULL, 0);
    if (view_json(&view)) {
        view_text(&view, "queue", ct_str_of(queue));
        view_text(&view, "id", ct_str_of(item->id));
        view_value(&view, "letter", item->letter.text);
    } else if (view_is_table(&view)) {
        view_text(&view, "letter", ct_str_of(item->id));
        add_lines(&view, &item->letter);
    }
    view_end(&view);
    view_close(&view);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    static const struct dead_filter everything = {.name = NULL};
    struct dead_walk walk;
    enum ct_code rc = dead_walk_init(&walk, session, args[0], &everything, err);

    if (rc != CT_E_OK)
        return rc;
    struct dead_page *page = ct_zalloc(sizeof *page);
    rc = dead_walk_find(&walk, args[1], page, err);
    if (rc == CT_E_OK)
        show(session, args[0], &page->items[0]);
    dead_page_clear(page);
    free(page);
    dead_walk_fini(&walk);
    return rc;
}

const struct command cmd_dead_show = {
    .noun = "dead",
    .verb = "show",
    .program = {.name = "cartrita-q dead show",
                .usage = "QUEUE ID [OPTION]...",
                .about = "Show all that one dead letter says.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};
