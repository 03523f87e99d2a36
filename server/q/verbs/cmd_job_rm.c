/* job rm: removes jobs with all that belongs to them, as Bull's job.remove() does. */
#include "q/bulk.h"
#include "q/command.h"

struct settings {
    struct session_settings common;
    struct bulk_choice choice;
    struct confirm_settings confirm;
    bool takes_series;
};

static const struct ct_option options[] = {
    BULK_CHOICE_OPTIONS(struct settings, choice),
    BULK_STATE_OPTION(struct settings, choice,
                      "In this state: waiting, active, delayed, paused, completed or failed. "
                      "Without it "
                      "in each but active."),
    {.name = "series",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, takes_series),
     .group = "How",
     .help = "Also the next one of a repeatable job, though nothing adds the one after it then."},
    CONFIRM_OPTIONS(struct settings, confirm, NULL),
    SESSION_OPTIONS(struct settings),
};

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    const struct bulk_plan plan = {
        .deed = MANAGE_REMOVE,
        .takes_series = settings->takes_series,
        .choice = &settings->choice,
        .confirm = &settings->confirm,
    };

    return bulk_run(session, args[0], args + 1, arg_count - 1, &plan, err);
}

const struct command cmd_job_rm = {
    .noun = "job",
    .verb = "rm",
    .program = {.name = "cartrita-q job rm",
                .usage = "QUEUE [ID]... [OPTION]...",
                .about = "Remove jobs.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1 + BULK_IDS_MAX,
    .run = run,
};
