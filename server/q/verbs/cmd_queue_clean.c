/* queue clean: removes old jobs of one state, as Bull's queue.clean() does. */
#include "q/bulk.h"
#include "q/command.h"

struct settings {
    struct session_settings common;
    struct bulk_choice choice;
    struct confirm_settings confirm;
    const char *state;
};

static const struct ct_option options[] = {
    {.name = "state",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, state),
     .value_name = "STATE",
     .group = "Which jobs",
     .help = "waiting, prioritized, active (without a lock), delayed, waiting-children, paused, "
             "completed or failed; has to be given."},
    {.name = "older",
     .kind = CT_OPTION_DURATION_MS,
     .offset = offsetof(struct settings, choice.filter.older_ms),
     .help =
         "That ended, began or were added longer ago (the latest of these that has happened): 1ms, "
         "5s, 2m, 1h, 1d; has to be given."},
    {.name = "limit",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, choice.filter.limit),
     .fallback = "0",
     .min = 0,
     .max = JOB_LIMIT_MAX,
     .unit = "jobs",
     .help = "So many of them, the oldest; 0: all."},
    CONFIRM_OPTIONS(struct settings, confirm, "How"),
    SESSION_OPTIONS(struct settings),
};

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    const char *state = settings->state;
    struct bulk_choice choice = settings->choice;

    if (!state)
        return ct_error_set(err, CT_E_USAGE, "--state says which jobs, such as completed");
    if (choice.filter.older_ms <= 0)
        return ct_error_set(err, CT_E_USAGE, "--older says which jobs, such as 1d");
    choice.states = (struct ct_option_list){.items = &state, .count = 1};
    const struct bulk_plan plan = {
        .deed = MANAGE_REMOVE,
        .manner = MANAGE_AS_CLEAN,
        .choice = &choice,
        .confirm = &settings->confirm,
    };

    return bulk_run(session, args[0], NULL, 0, &plan, err);
}

const struct command cmd_queue_clean = {
    .noun = "queue",
    .verb = "clean",
    .program = {.name = "cartrita-q queue clean",
                .usage = "QUEUE --state STATE --older DURATION [OPTION]...",
                .about = "Remove old jobs of one state.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
