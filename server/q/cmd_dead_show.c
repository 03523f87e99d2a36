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

static void show_json(const char *queue, const struct dead_item *item)
{
    struct print_json json = {0};

    print_json_open(&json, NULL, '{');
    print_json_string(&json, "queue", ct_str_of(queue));
    print_json_string(&json, "id", ct_str_of(item->id));
    print_json_value(&json, "letter", item->letter.text);
    print_json_close(&json, '}');
    print_json_flush(&json, stdout);
    putchar('\n');
    ct_buf_free(&json.text);
}

static void show_sheet(const struct dead_walk *walk, const struct dead_item *item)
{
    const struct dead_letter *letter = &item->letter;
    size_t width = print_width(stdout);
    char attempts[24];

    snprintf(attempts, sizeof attempts, "%lld", (long long)letter->attempts_made);
    print_line(stdout, "letter", ct_str_of(item->id), width);
    print_line(stdout, "queue", ct_str_of(letter->queue), width);
    print_line(stdout, "id", ct_str_of(letter->id), width);
    print_line(stdout, "name", ct_str_of(letter->name), width);
    job_print_moment("timestamp", letter->timestamp_ms, walk->now_ms);
    job_print_moment("processedOn", letter->processed_ms, walk->now_ms);
    job_print_moment("finishedOn", letter->finished_ms, walk->now_ms);
    print_line(stdout, "attemptsMade", ct_str_of(attempts), width);
    print_line(stdout, "failedReason", letter->reason, width);
    job_print_stacktrace(letter->stacktrace, width);
    print_line(stdout, "opts", letter->opts, width);
    print_line(stdout, "data", letter->data, width);
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
    if (rc == CT_E_OK && session->settings->output == OUTPUT_JSON)
        show_json(args[0], &page->items[0]);
    else if (rc == CT_E_OK)
        show_sheet(&walk, &page->items[0]);
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
