/* queue show: one queue: its counts, whether it is paused, who works on it. */
#include "q/command.h"
#include "q/job_text.h"
#include "q/view.h"
#include "q/workers.h"

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {SESSION_OPTIONS(struct settings)};

/* -1 and a note when Redis does not say. */
static enum ct_code count_workers(struct session *session, const char *queue, int64_t *out,
                                  struct ct_error *err)
{
    struct redis_reply *list = NULL;
    enum ct_code rc = workers_list(session, &list, err);

    if (rc == CT_E_OK && !list)
        fprintf(stderr, "workers are not counted: %s\n", err->detail);
    if (rc == CT_E_OK)
        rc = workers_count(session, list, queue, out, err);
    redis_reply_free(list);
    return rc;
}

static void show(const struct session *session, const char *queue,
                 const struct inspect_counts *counts, int64_t workers)
{
    static const struct print_column labels[] = {
        {.title = "queue", .key = "name"},
        {.title = "is paused", .key = "isPaused"},
    };
    struct view view;

    view_sheet(&view, &session->settings->look, labels, sizeof labels / sizeof *labels);
    view_text(&view, "name", ct_str_of(queue));
    view_text(&view, "prefix", ct_str_of(session->settings->prefix));
    view_text(&view, "dialect", ct_str_of(session->dialect->name));
    view_bool(&view, "isPaused", counts->is_paused);
    if (workers >= 0)
        view_number(&view, "workers", workers);
    else
        view_null(&view, "workers");
    view_group(&view, "counts", '{');
    job_view_counts(&view, session->inspector, counts);
    view_group_end(&view, '}');
    view_number(&view, "repeatable", counts->repeatable_count);
    view_end(&view);
    view_close(&view);
}

static enum ct_code run(struct session *session, const void *settings, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    struct inspect_counts counts;
    int64_t workers = -1;
    enum ct_code rc = session_need_queue(session, args[0], &counts, err);

    if (rc == CT_E_OK)
        rc = count_workers(session, args[0], &workers, err);
    if (rc == CT_E_OK)
        show(session, args[0], &counts, workers);
    return rc;
}

const struct command cmd_queue_show = {
    .noun = "queue",
    .verb = "show",
    .program = {.name = "cartrita-q queue show",
                .usage = "QUEUE [OPTION]...",
                .about = "Show one queue: counts, whether it is paused, workers.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
