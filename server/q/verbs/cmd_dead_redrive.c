/* dead redrive: puts the jobs of dead letters back to work. */
#include <string.h>

#include "q/command.h"
#include "q/dead_move.h"

struct settings {
    struct session_settings common;
    struct dead_filter filter;
    struct dead_plan plan;
    const char *rate;
};

static const struct ct_option options[] = {
    DEAD_FILTER_OPTIONS(struct settings, filter, "0", "So many of them, the oldest; 0: all."),
    {.name = "to",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, plan.to),
     .value_name = "QUEUE",
     .group = "How",
     .help = "Put the jobs into this queue, not each into its own."},
    {.name = "rate",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, rate),
     .value_name = "N/s",
     .help = "Jobs a second at the most; without it as fast as it goes."},
    CONFIRM_OPTIONS(struct settings, plan.confirm, NULL),
    SESSION_OPTIONS(struct settings),
};

/* "50" or "50/s" */
static enum ct_code parse_rate(const char *text, int64_t *out, struct ct_error *err)
{
    size_t len = text ? strlen(text) : 0;

    if (!text)
        return CT_E_OK;
    if (len > 2 && strcmp(text + len - 2, "/s") == 0)
        len -= 2;
    if (!ct_str_to_int((struct ct_str){text, len}, out) || *out < 1 || *out > DEAD_RATE_MAX)
        return ct_error_set(err, CT_E_USAGE, "--rate %s: write jobs a second, 1/s to %d/s", text,
                            DEAD_RATE_MAX);
    return CT_E_OK;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct dead_plan plan = settings->plan;
    enum ct_code rc = parse_rate(settings->rate, &plan.rate, err);

    plan.is_redrive = true;
    if (rc == CT_E_OK)
        rc =
            dead_move_run(session, args[0], args + 1, arg_count - 1, &settings->filter, &plan, err);
    return rc;
}

const struct command cmd_dead_redrive = {
    .noun = "dead",
    .verb = "redrive",
    .program = {.name = "cartrita-q dead redrive",
                .usage = "QUEUE [ID]... [OPTION]...",
                .about = "Put the jobs of dead letters back to work.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1 + DEAD_IDS_MAX,
    .run = run,
};
