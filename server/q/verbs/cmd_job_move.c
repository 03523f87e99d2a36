/* job move: takes jobs to another queue, in the state that they have. */
#include "q/bulk.h"
#include "q/command.h"

struct settings {
    struct session_settings common;
    struct bulk_choice choice;
    struct confirm_settings confirm;
};

static const struct ct_option options[] = {
    BULK_CHOICE_OPTIONS(struct settings, choice),
    BULK_STATE_OPTION(struct settings, choice,
                      "In this state: waiting, delayed, paused, completed or failed. Without it in "
                      "each."),
    CONFIRM_OPTIONS(struct settings, confirm, "How"),
    SESSION_OPTIONS(struct settings),
};

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    const struct bulk_plan plan = {
        .deed = MANAGE_MOVE,
        .target = args[1],
        .choice = &settings->choice,
        .confirm = &settings->confirm,
    };

    return bulk_run(session, args[0], args + 2, arg_count - 2, &plan, err);
}

const struct command cmd_job_move = {
    .noun = "job",
    .verb = "move",
    .program = {.name = "cartrita-q job move",
                .usage = "QUEUE TARGET [ID]... [OPTION]...",
                .about = "Move jobs to another queue.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 2 + BULK_IDS_MAX,
    .run = run,
};
