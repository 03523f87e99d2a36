/* scheduler ls: the series of a queue's repeatable jobs, those that are next first. */
#include <stdlib.h>

#include "common/mem.h"
#include "q/command.h"
#include "q/schedule_find.h"

#define LIMIT_MAX SCHEDULE_WALK_MAX

struct settings {
    struct session_settings common;
    int64_t limit;
};

static const struct ct_option options[] = {
    {.name = "limit",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, limit),
     .fallback = "100",
     .min = 1,
     .max = LIMIT_MAX,
     .unit = "series",
     .group = "Which",
     .help = "Series to show."},
    SESSION_OPTIONS(struct settings),
};

static void show(struct view *view, const struct schedule *schedule)
{
    struct ct_buf rule;

    ct_buf_init(&rule);
    schedule_append_rule(&rule, schedule);
    view_row(view);
    view_cell(view, "rule", ct_buf_str(&rule), PRINT_PLAIN);
    schedule_view(view, schedule);
    view_row_end(view);
    ct_buf_free(&rule);
}

static void tell_stopped(int64_t stopped)
{
    if (stopped > 0)
        fprintf(stderr,
                "%lld stopped: there is no next job, as the series reached its limit or end, or "
                "its job was taken away; `scheduler rm` forgets it, `scheduler add` begins again\n",
                (long long)stopped);
}

/* Those that a worker of today ends, or may end. */
static void tell_legacy(int64_t legacy)
{
    if (legacy > 0)
        fprintf(stderr,
                "%lld of an older version, or broken; `scheduler show` tells which: `scheduler rm` "
                "forgets it, `scheduler add` begins it again\n",
                (long long)legacy);
}

static enum ct_code list(struct session *session, const char *queue, int64_t limit,
                         struct view *view, struct ct_error *err)
{
    struct schedule_page *page = ct_zalloc(sizeof *page);
    int64_t shown = 0, stopped = 0, legacy = 0;
    bool is_last = false;
    enum ct_code rc = CT_E_OK;

    for (int64_t at = 0; rc == CT_E_OK && !is_last && shown < limit; at += SCHEDULE_KEYS_MAX) {
        rc = schedule_page(session, queue, at, page, err);
        is_last = page->key_count < SCHEDULE_KEYS_MAX;
        for (uint32_t i = 0; rc == CT_E_OK && i < page->count && shown < limit; i++, shown++) {
            show(view, &page->items[i]);
            stopped += page->items[i].state == SCHEDULE_STOPPED;
            legacy += page->items[i].legacy != NULL;
        }
        schedule_page_clear(page);
    }
    free(page);
    if (rc != CT_E_OK)
        return rc;
    view_end(view);
    if (shown == 0)
        fprintf(stderr, "queue \"%s\" has no series\n", queue);
    tell_stopped(stopped);
    tell_legacy(legacy);
    return rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    static const struct print_column columns[] = {
        {.title = "key", .is_flexible = true}, {.title = "name", .is_flexible = true},
        {.title = "when", .key = "rule"},      {.title = "zone", .key = "tz"},
        {.title = "next", .is_right = true},   {.title = "state"},
    };
    const struct settings *settings = given;
    struct view view;
    enum ct_code rc = schedule_need_queue(session, args[0], err);

    if (rc != CT_E_OK)
        return rc;
    view_list(&view, &session->settings->look, columns, sizeof columns / sizeof *columns);
    rc = list(session, args[0], settings->limit, &view, err);
    view_close(&view);
    return rc;
}

const struct command cmd_scheduler_ls = {
    .noun = "scheduler",
    .verb = "ls",
    .program = {.name = "cartrita-q scheduler ls",
                .usage = "QUEUE [OPTION]...",
                .about = "List the series of a queue: repeatable jobs, job schedulers.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
