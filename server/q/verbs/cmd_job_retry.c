/* job retry: failed jobs wait again, as with Bull's job.retry(). */
#include "q/bulk.h"
#include "q/command.h"

struct settings {
    struct session_settings common;
    struct bulk_choice choice;
    struct confirm_settings confirm;
    bool resets_attempts;
};

static const struct ct_option options[] = {
    BULK_CHOICE_OPTIONS(struct settings, choice),
    {.name = "reset-attempts",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, resets_attempts),
     .group = "How",
     .help =
         "Forget how often they were tried and stalled. Without it a job that fails again fails "
         "for good, as with Bull's own retry."},
    CONFIRM_OPTIONS(struct settings, confirm, NULL),
    SESSION_OPTIONS(struct settings),
};

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    const struct bulk_plan plan = {
        .deed = MANAGE_RETRY,
        .resets_attempts = settings->resets_attempts,
        .choice = &settings->choice,
        .confirm = &settings->confirm,
    };

    return bulk_run(session, args[0], args + 1, arg_count - 1, &plan, err);
}

const struct command cmd_job_retry = {
    .noun = "job",
    .verb = "retry",
    .program = {.name = "cartrita-q job retry",
                .usage = "QUEUE [ID]... [OPTION]...",
                .about = "Let failed jobs wait again.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1 + BULK_IDS_MAX,
    .run = run,
};
