/* scheduler show: one series of repeatable jobs, with data and options of its next job. */
#include "q/command.h"
#include "q/schedule_find.h"

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {SESSION_OPTIONS(struct settings)};

static void show(const struct session *session, const char *queue, const struct schedule *schedule)
{
    static const struct print_column labels[] = {{.title = "made", .key = "iterationCount"}};
    struct view view;
    struct ct_buf rule;

    ct_buf_init(&rule);
    schedule_append_rule(&rule, schedule);
    view_sheet(&view, &session->settings->look, labels, sizeof labels / sizeof *labels);
    view_text(&view, "queue", ct_str_of(queue));
    if (!schedule->cron) /* which is shown as it is */
        view_cell(&view, "when", ct_buf_str(&rule), PRINT_PLAIN);
    schedule_view(&view, schedule);
    if (schedule->opts.data)
        view_value(&view, "opts", schedule->opts);
    else
        view_null(&view, "opts");
    if (schedule->data.data)
        view_value(&view, "data", schedule->data);
    else
        view_null(&view, "data");
    view_end(&view);
    view_close(&view);
    ct_buf_free(&rule);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    struct schedule schedule;
    enum ct_code rc = schedule_need_queue(session, args[0], err);

    if (rc == CT_E_OK)
        rc = schedule_find(session, args[0], args[1], &schedule, err);
    if (rc != CT_E_OK)
        return rc;
    show(session, args[0], &schedule);
    if (!schedule.tz && schedule.cron)
        fprintf(stderr, "it names no zone: each worker goes by its own clocks\n");
    schedule_fini(&schedule);
    return rc;
}

const struct command cmd_scheduler_show = {
    .noun = "scheduler",
    .verb = "show",
    .program = {.name = "cartrita-q scheduler show",
                .usage = "QUEUE KEY [OPTION]...",
                .about = "Show one series, by its key or its jobs' name.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};
