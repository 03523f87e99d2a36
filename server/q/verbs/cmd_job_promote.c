/* job promote: delayed jobs wait now, as with Bull's job.promote(). */
#include "q/bulk.h"
#include "q/command.h"

struct settings {
    struct session_settings common;
    struct bulk_choice choice;
    struct confirm_settings confirm;
};

static const struct ct_option options[] = {
    BULK_CHOICE_OPTIONS(struct settings, choice),
    CONFIRM_OPTIONS(struct settings, confirm, "How"),
    SESSION_OPTIONS(struct settings),
};

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    const struct bulk_plan plan = {
        .deed = MANAGE_PROMOTE,
        .choice = &settings->choice,
        .confirm = &settings->confirm,
    };

    return bulk_run(session, args[0], args + 1, arg_count - 1, &plan, err);
}

const struct command cmd_job_promote = {
    .noun = "job",
    .verb = "promote",
    .program = {.name = "cartrita-q job promote",
                .usage = "QUEUE [ID]... [OPTION]...",
                .about = "Let delayed jobs run now.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1 + BULK_IDS_MAX,
    .run = run,
};
