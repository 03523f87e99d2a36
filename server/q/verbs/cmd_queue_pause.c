/* queue pause and queue resume: for all workers of the queue, as Bull's queue.pause() and resume()
 * do. Jobs that run go on to their end. */
#include "q/command.h"
#include "q/queue_change.h"
#include "q/view.h"

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {SESSION_OPTIONS(struct settings)};

static void tell(const struct session *session, const char *queue, bool is_pause,
                 const struct inspect_counts *counts)
{
    struct view view;

    view_sheet(&view, &session->settings->look, NULL, 0);
    view_text(&view, "queue", ct_str_of(queue));
    view_bool(&view, "paused", is_pause);
    view_bool(&view, "wasPaused", counts->is_paused);
    view_end(&view);
    view_close(&view);
}

/* Also when it is so already: the two keys that say so may differ, and this mends them. */
static enum ct_code change(struct session *session, const char *queue, bool is_pause,
                           struct ct_error *err)
{
    struct inspect_counts counts;
    enum ct_code rc = queue_change_open(session, queue, &counts, err);

    if (rc == CT_E_OK)
        rc = queue_change_pause(session, queue, is_pause, err);
    if (rc == CT_E_OK)
        tell(session, queue, is_pause, &counts);
    return rc;
}

static enum ct_code run_pause(struct session *session, const void *given, const char *const *args,
                              size_t arg_count, struct ct_error *err)
{
    return change(session, args[0], true, err);
}

const struct command cmd_queue_pause = {
    .noun = "queue",
    .verb = "pause",
    .program = {.name = "cartrita-q queue pause",
                .usage = "QUEUE [OPTION]...",
                .about = "Stop fetching from a queue, for all its workers.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run_pause,
};

static enum ct_code run_resume(struct session *session, const void *given, const char *const *args,
                               size_t arg_count, struct ct_error *err)
{
    return change(session, args[0], false, err);
}

const struct command cmd_queue_resume = {
    .noun = "queue",
    .verb = "resume",
    .program = {.name = "cartrita-q queue resume",
                .usage = "QUEUE [OPTION]...",
                .about = "Go on with a paused queue.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run_resume,
};
