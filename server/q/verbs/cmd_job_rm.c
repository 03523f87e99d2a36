/* job rm: removes jobs with all that belongs to them, as Bull's job.remove() does. */
#include "q/bulk.h"
#include "q/command.h"

struct settings {
    struct session_settings common;
    struct bulk_choice choice;
    struct confirm_settings confirm;
    bool takes_series, takes_children, takes_pending;
};

static const struct ct_option options[] = {
    BULK_CHOICE_OPTIONS(struct settings, choice),
    BULK_STATE_OPTION(struct settings, choice,
                      "In this state: waiting, prioritized, active, delayed, waiting-children, "
                      "paused, completed or failed. "
                      "Without it "
                      "in each but active."),
    {.name = "series",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, takes_series),
     .group = "How",
     .help = "Also the next one of a repeatable job, though nothing adds the one after it then."},
    {.name = "children",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, takes_children),
     .help = "With the children of each, and theirs; not while a worker has one of them. A tree of "
             "more than 1000 jobs goes part by part, from below."},
    {.name = "unprocessed-children",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, takes_pending),
     .help =
         "Not the jobs: the children that they still wait for, but for failed ones and those that "
         "a worker has."},
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
        .tree = settings->takes_children  ? MANAGE_WITH_CHILDREN
                : settings->takes_pending ? MANAGE_PENDING_CHILDREN
                                          : MANAGE_ALONE,
        .choice = &settings->choice,
        .confirm = &settings->confirm,
    };

    if (settings->takes_children && settings->takes_pending)
        return ct_error_set(err, CT_E_USAGE,
                            "--children takes the jobs with them, --unprocessed-children does not: "
                            "which?");
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
