/* job ls: the jobs of a queue, state by state, in the order of the packages' getters. Pages of
 * INSPECT_PAGE_MAX jobs, so that no call holds Redis for long; JSON is written as it comes. */
#include "q/command.h"
#include "q/job_rows.h"
#include "q/job_walk.h"

#define LIMIT_MAX 100000

struct settings {
    struct session_settings common;
    struct ct_option_list states;
    int64_t offset, limit;
    bool is_asc, is_desc;
};

static const struct ct_option options[] = {
    {.name = "state",
     .kind = CT_OPTION_LIST,
     .offset = offsetof(struct settings, states),
     .value_name = "STATE",
     .group = "Which jobs",
     .help = "waiting, active, delayed, paused, completed or failed; of BullMQ also prioritized or "
             "waiting-children. Without it: each."},
    {.name = "offset",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, offset),
     .fallback = "0",
     .max = INT32_MAX,
     .help = "Jobs to leave out, in each state."},
    {.name = "limit",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, limit),
     .fallback = "20",
     .min = 1,
     .max = LIMIT_MAX,
     .unit = "jobs",
     .help = "Jobs to show, in each state."},
    {.name = "asc",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_asc),
     .help = "Next to run, or oldest, first: how all but completed and failed come by themselves."},
    {.name = "desc",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_desc),
     .help = "Newest first: how completed and failed come by themselves."},
    SESSION_OPTIONS(struct settings),
};

static enum ct_code list_state(struct session *session, const char *queue,
                               const struct settings *settings, uint32_t state,
                               struct job_rows *rows, struct ct_error *err)
{
    const struct inspector *inspector = session->inspector;
    struct queue_name name = {settings->common.prefix, queue};
    struct inspect_page page = {
        .state = state,
        .offset = settings->offset,
        .is_oldest_first = inspector->states[state].is_oldest_first,
        .has_bodies = view_json(&rows->view) != NULL,
    };
    int64_t left = settings->limit, total = INT64_MAX;
    enum ct_code rc = CT_E_OK;

    if (settings->is_asc || settings->is_desc)
        page.is_oldest_first = settings->is_asc;
    rows->state = &inspector->states[state];
    while (rc == CT_E_OK && left > 0 && page.offset < total) {
        struct redis_reply *reply = NULL;
        struct redis_command command;
        uint32_t count = 0;

        page.limit = left < INSPECT_PAGE_MAX ? (uint32_t)left : INSPECT_PAGE_MAX;
        redis_command_init(&command, NULL);
        inspect_build_page(inspector, &name, &page, &command);
        rc = session_call(session, &command, &reply, err);
        if (rc == CT_E_OK)
            rc = inspect_parse_page(inspector, &page, reply, job_rows_add, rows, &count, &total,
                                    err);
        redis_reply_free(reply);
        if (count == 0)
            break;
        page.offset += count;
        left -= count;
    }
    return rc;
}

static enum ct_code find_states(const struct session *session, const struct ct_option_list *names,
                                bool wanted[], struct ct_error *err)
{
    for (size_t i = 0; i < names->count; i++) {
        uint32_t state;
        enum ct_code rc = job_walk_state(session, names->items[i], &state, err);

        if (rc != CT_E_OK)
            return rc;
        wanted[state] = true;
    }
    for (uint32_t s = 0; s < session->inspector->state_count; s++)
        wanted[s] = wanted[s] || names->count == 0;
    return CT_E_OK;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    bool wanted[INSPECT_STATES_MAX] = {false};
    struct job_rows rows;
    struct inspect_counts counts;
    enum ct_code rc;

    if (settings->is_asc && settings->is_desc)
        return ct_error_set(err, CT_E_USAGE, "--asc and --desc exclude each other");
    rc = job_walk_check_states(&settings->states, err);
    if (rc == CT_E_OK)
        rc = session_need_queue(session, args[0], &counts, err);
    if (rc == CT_E_OK)
        rc = find_states(session, &settings->states, wanted, err);
    if (rc != CT_E_OK)
        return rc;
    job_rows_init(&rows, session);
    for (uint32_t s = 0; s < session->inspector->state_count && rc == CT_E_OK; s++) {
        if (wanted[s])
            rc = list_state(session, args[0], settings, s, &rows, err);
    }
    if (rc == CT_E_OK)
        job_rows_finish(&rows, args[0]);
    job_rows_fini(&rows);
    return rc;
}

const struct command cmd_job_ls = {
    .noun = "job",
    .verb = "ls",
    .program = {.name = "cartrita-q job ls",
                .usage = "QUEUE [OPTION]...",
                .about = "List jobs of a queue.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
