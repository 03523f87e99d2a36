/* queue obliterate and queue rm: take a queue away, with all its jobs or when it has none, as
 * Bull's queue.obliterate() does. */
#include <string.h>

#include "q/command.h"
#include "q/confirm.h"
#include "q/progress.h"
#include "q/queue_change.h"
#include "q/view.h"

struct settings {
    struct session_settings common;
    struct confirm_settings confirm;
    bool is_forced; /* of obliterate */
};

static const struct ct_option obliterate_options[] = {
    {.name = "force",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_forced),
     .group = "How",
     .help = "Also while workers have jobs of it, which they lose."},
    CONFIRM_OPTIONS(struct settings, confirm, NULL),
    SESSION_OPTIONS(struct settings),
};

static const struct ct_option rm_options[] = {
    CONFIRM_OPTIONS(struct settings, confirm, "How"),
    SESSION_OPTIONS(struct settings),
};

static int64_t total_of(const struct session *session, const struct inspect_counts *counts)
{
    int64_t total = 0;

    for (uint32_t i = 0; i < session->inspector->state_count; i++)
        total += counts->jobs[i];
    return total;
}

static int64_t active_of(const struct session *session, const struct inspect_counts *counts)
{
    const struct inspector *inspector = session->inspector;

    for (uint32_t i = 0; i < inspector->state_count; i++) {
        if (strcmp(inspector->states[i].name, "active") == 0)
            return counts->jobs[i];
    }
    return 0;
}

/* "queue "mail" with 3 waiting, 12 failed jobs, 1 repeatable" */
static void describe(const struct session *session, const char *queue,
                     const struct inspect_counts *counts, bool is_dry, struct ct_buf *line)
{
    const char *gap = " with ";

    ct_buf_init(line);
    ct_buf_printf(line, "queue \"%s\"", queue);
    for (uint32_t i = 0; i < session->inspector->state_count; i++) {
        if (counts->jobs[i] == 0)
            continue;
        ct_buf_printf(line, "%s%lld %s", gap, (long long)counts->jobs[i],
                      session->inspector->states[i].name);
        gap = ", ";
    }
    if (counts->repeatable_count > 0)
        ct_buf_printf(line, "%s%lld repeatable", gap, (long long)counts->repeatable_count);
    ct_buf_printf(line, "%s %s be removed with all that belongs to it",
                  total_of(session, counts) + counts->repeatable_count > 0 ? " jobs" : "",
                  is_dry ? "would" : "will");
}

static void tell(const struct session *session, const char *queue, int64_t removed, bool is_dry)
{
    struct view view;

    view_sheet(&view, &session->settings->look, NULL, 0);
    view_text(&view, "queue", ct_str_of(queue));
    view_bool(&view, "removed", !is_dry);
    view_number(&view, "jobs", removed);
    view_bool(&view, "dryRun", is_dry);
    view_end(&view);
    view_close(&view);
}

static enum ct_code judge(enum manage_erased how_ended, const char *queue, struct ct_error *err)
{
    switch (how_ended) {
    case MANAGE_ERASE_RUNNING:
        return ct_error_set(err, CT_E_CONFLICT, "somebody has resumed queue \"%s\" meanwhile",
                            queue);
    case MANAGE_ERASE_ACTIVE:
        return ct_error_set(err, CT_E_CONFLICT,
                            "workers have jobs of queue \"%s\": wait for them, or say --force",
                            queue);
    case MANAGE_ERASE_JOBS:
        return ct_error_set(
            err, CT_E_CONFLICT,
            "queue \"%s\" has jobs: `cartrita-q queue drain` or `queue clean` removes "
            "them, `queue obliterate` all of it",
            queue);
    case MANAGE_ERASE_SERIES:
        return ct_error_set(err, CT_E_CONFLICT,
                            "queue \"%s\" has repeatable jobs: `cartrita-q scheduler rm` ends "
                            "them, or remove all of it "
                            "with `cartrita-q queue obliterate`",
                            queue);
    default:
        return CT_E_OK;
    }
}

static enum ct_code erase(struct session *session, const char *queue, enum manage_erase how,
                          const struct inspect_counts *counts,
                          const struct confirm_settings *confirming, struct ct_error *err)
{
    enum manage_erased how_ended = MANAGE_ERASED;
    struct ct_buf what;
    int64_t removed = 0;
    bool is_go;

    describe(session, queue, counts, confirming->is_dry, &what);
    enum ct_code rc = confirm(confirming, 1, &what, &is_go, err);
    progress_catch_signals();
    if (rc == CT_E_OK && is_go && how != MANAGE_ERASE_EMPTY)
        rc = queue_change_pause(session, queue, true, err);
    if (rc == CT_E_OK && is_go)
        rc = queue_change_erase(session, queue, how, total_of(session, counts), &how_ended,
                                &removed, err);
    if (rc == CT_E_OK)
        rc = judge(how_ended, queue, err);
    if (rc != CT_E_OK && how_ended == MANAGE_ERASE_ACTIVE)
        fprintf(stderr, "it is paused now; `cartrita-q queue resume` ends that\n");
    if (rc == CT_E_OK)
        tell(session, queue, removed, confirming->is_dry);
    return rc;
}

static enum ct_code run_obliterate(struct session *session, const void *given,
                                   const char *const *args, size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    enum manage_erase how = settings->is_forced ? MANAGE_ERASE_ALL : MANAGE_ERASE_IDLE;
    struct inspect_counts counts;
    enum ct_code rc = queue_change_open(session, args[0], &counts, err);

    if (rc == CT_E_OK && how == MANAGE_ERASE_IDLE && active_of(session, &counts) > 0)
        rc = judge(MANAGE_ERASE_ACTIVE, args[0], err);
    if (rc == CT_E_OK)
        rc = erase(session, args[0], how, &counts, &settings->confirm, err);
    return rc;
}

static enum ct_code run_rm(struct session *session, const void *given, const char *const *args,
                           size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct inspect_counts counts;
    enum ct_code rc = queue_change_open(session, args[0], &counts, err);

    if (rc == CT_E_OK && total_of(session, &counts) > 0)
        rc = judge(MANAGE_ERASE_JOBS, args[0], err);
    if (rc == CT_E_OK && counts.repeatable_count > 0)
        rc = judge(MANAGE_ERASE_SERIES, args[0], err);
    if (rc == CT_E_OK)
        rc = erase(session, args[0], MANAGE_ERASE_EMPTY, &counts, &settings->confirm, err);
    return rc;
}

const struct command cmd_queue_obliterate = {
    .noun = "queue",
    .verb = "obliterate",
    .program = {.name = "cartrita-q queue obliterate",
                .usage = "QUEUE [OPTION]...",
                .about = "Remove a queue with all its jobs.",
                COMMAND_OPTIONS(obliterate_options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run_obliterate,
};

const struct command cmd_queue_rm = {
    .noun = "queue",
    .verb = "rm",
    .program = {.name = "cartrita-q queue rm",
                .usage = "QUEUE [OPTION]...",
                .about = "Remove what a queue without jobs has left.",
                COMMAND_OPTIONS(rm_options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run_rm,
};
