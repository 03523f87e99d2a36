/* queue drain: removes what waits, as queue.empty() of Bull and queue.drain() of
 * BullMQ do, with all that belongs to it. The
 * queue stays paused or not as it is. */
#include "q/bulk.h"
#include "q/command.h"

struct settings {
    struct session_settings common;
    struct confirm_settings confirm;
    bool has_delayed;
};

static const struct ct_option options[] = {
    {.name = "delayed",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, has_delayed),
     .group = "How",
     .help = "Delayed jobs, too, but for the next one of each repeatable job."},
    CONFIRM_OPTIONS(struct settings, confirm, NULL),
    SESSION_OPTIONS(struct settings),
};

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    const struct bulk_choice choice = {.is_all = true};
    const struct bulk_plan plan = {
        .deed = MANAGE_REMOVE,
        .manner = MANAGE_AS_DRAIN,
        .takes_delayed = settings->has_delayed,
        .choice = &choice,
        .confirm = &settings->confirm,
    };

    return bulk_run(session, args[0], NULL, 0, &plan, err);
}

const struct command cmd_queue_drain = {
    .noun = "queue",
    .verb = "drain",
    .program = {.name = "cartrita-q queue drain",
                .usage = "QUEUE [OPTION]...",
                .about = "Remove all jobs that wait.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
