/* dead rm: removes dead letters. */
#include "q/command.h"
#include "q/dead_move.h"

struct settings {
    struct session_settings common;
    struct dead_filter filter;
    struct dead_plan plan;
};

static const struct ct_option options[] = {
    DEAD_FILTER_OPTIONS(struct settings, filter, "0", "So many of them, the oldest; 0: all."),
    CONFIRM_OPTIONS(struct settings, plan.confirm, "How"),
    SESSION_OPTIONS(struct settings),
};

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;

    return dead_move_run(session, args[0], args + 1, arg_count - 1, &settings->filter,
                         &settings->plan, err);
}

const struct command cmd_dead_rm = {
    .noun = "dead",
    .verb = "rm",
    .program = {.name = "cartrita-q dead rm",
                .usage = "QUEUE [ID]... [OPTION]...",
                .about = "Remove dead letters.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1 + DEAD_IDS_MAX,
    .run = run,
};
