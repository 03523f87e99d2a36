/* job ls: the jobs of a queue, state by state, in the order of Bull's getters. Pages of
 * INSPECT_PAGE_MAX jobs, so that no call holds Redis for long; JSON is written as it comes. */
#include "common/nearest.h"
#include "q/command.h"
#include "q/job_text.h"
#include "q/text.h"
#include "q/view.h"

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
     .help = "waiting, active, delayed, paused, completed or failed. Without it: each."},
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

struct listing {
    const struct session *session;
    const struct inspect_state *state;
    struct view view;
};

static void append_due(struct ct_buf *buf, const struct look *look, int64_t due_ms)
{
    if (look->time == TIME_RELATIVE && due_ms <= look->now_ms) {
        ct_buf_printf(buf, "overdue ");
        text_append_span(buf, due_ms - look->now_ms);
    } else {
        ct_buf_printf(buf, "due ");
        look_append_moment(look, buf, due_ms);
    }
}

/* What there is to know about the job in its state, in a few words. */
static void append_detail(struct ct_buf *buf, const struct listing *listing,
                          const struct inspect_job *job)
{
    const struct inspector *inspector = listing->session->inspector;
    struct ct_str reason = job_field(inspector, job, "failedReason");
    struct ct_str progress = job_field(inspector, job, "progress");
    int64_t processed_ms = job_number(inspector, job, "processedOn");
    int64_t finished_ms = job_number(inspector, job, "finishedOn");
    const char *gap = "";

    if (job->is_missing) {
        ct_buf_printf(buf, "its hash is gone");
        return;
    }
    if (job->due_ms > 0) {
        append_due(buf, &listing->view.look, job->due_ms);
        gap = ", ";
    }
    if (finished_ms > 0 && processed_ms > 0 && !reason.data) {
        ct_buf_printf(buf, "took %lld ms", (long long)(finished_ms - processed_ms));
        gap = ", ";
    }
    if (progress.data && finished_ms == 0) {
        ct_buf_printf(buf, "%sprogress %.*s", gap, (int)progress.len, progress.data);
        gap = ", ";
    }
    if (reason.data) {
        ct_buf_printf(buf, "%s", gap);
        ct_buf_append_str(buf, reason);
    }
}

static void show_cells(struct listing *listing, const struct inspect_job *job)
{
    const struct inspector *inspector = listing->session->inspector;
    struct view *view = &listing->view;
    struct ct_buf text;

    ct_buf_init(&text);
    view_text(view, "id", job->id);
    view_text(view, "name", job_field(inspector, job, "name"));
    view_state(view, "state", ct_str_of(listing->state->name));
    view_moment(view, "timestamp", job_number(inspector, job, "timestamp"));
    view_number(view, "attemptsMade", job_number(inspector, job, "attemptsMade"));
    append_detail(&text, listing, job);
    view_cell(view, "detail", ct_buf_str(&text), PRINT_PLAIN);
    ct_buf_free(&text);
}

static void on_job(void *ctx, const struct inspect_job *job)
{
    struct listing *listing = ctx;
    struct view *view = &listing->view;

    view_row(view);
    if (view_json(view))
        job_print_members(view_json(view), listing->session->inspector, job, listing->state->name);
    else
        show_cells(listing, job);
    view_row_end(view);
}

static enum ct_code list_state(struct session *session, const char *queue,
                               const struct settings *settings, uint32_t state,
                               struct listing *listing, struct ct_error *err)
{
    const struct inspector *inspector = session->inspector;
    struct queue_name name = {settings->common.prefix, queue};
    struct inspect_page page = {
        .state = state,
        .offset = settings->offset,
        .is_oldest_first = inspector->states[state].is_oldest_first,
        .has_bodies = view_json(&listing->view) != NULL,
    };
    int64_t left = settings->limit, total = INT64_MAX;
    enum ct_code rc = CT_E_OK;

    if (settings->is_asc || settings->is_desc)
        page.is_oldest_first = settings->is_asc;
    listing->state = &inspector->states[state];
    while (rc == CT_E_OK && left > 0 && page.offset < total) {
        struct redis_reply *reply = NULL;
        struct redis_command command;
        uint32_t count = 0;

        page.limit = left < INSPECT_PAGE_MAX ? (uint32_t)left : INSPECT_PAGE_MAX;
        redis_command_init(&command, NULL);
        inspector->build_page(&name, &page, &command);
        rc = session_call(session, &command, &reply, err);
        if (rc == CT_E_OK)
            rc = inspector->parse_page(&page, reply, on_job, listing, &count, &total, err);
        redis_reply_free(reply);
        if (count == 0)
            break;
        page.offset += count;
        left -= count;
    }
    return rc;
}

static enum ct_code find_states(const struct inspector *inspector,
                                const struct ct_option_list *names, bool wanted[],
                                struct ct_error *err)
{
    for (size_t i = 0; i < names->count; i++) {
        struct ct_nearest nearest;
        bool is_known = false;

        ct_nearest_init(&nearest, names->items[i]);
        for (uint32_t s = 0; s < inspector->state_count; s++) {
            bool is_it = strcmp(names->items[i], inspector->states[s].name) == 0;

            ct_nearest_offer(&nearest, inspector->states[s].name);
            wanted[s] = wanted[s] || is_it;
            is_known = is_known || is_it;
        }
        if (is_known)
            continue;
        if (nearest.best)
            return ct_error_set(err, CT_E_USAGE, "--state %s: did you mean \"%s\"?",
                                names->items[i], nearest.best);
        return ct_error_set(err, CT_E_USAGE, "--state %s: there is no such state", names->items[i]);
    }
    for (uint32_t s = 0; s < inspector->state_count; s++)
        wanted[s] = wanted[s] || names->count == 0;
    return CT_E_OK;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    static const struct print_column columns[] = {
        {.title = "id", .is_flexible = true},
        {.title = "name", .is_flexible = true},
        {.title = "state"},
        {.title = "added", .is_right = true, .key = "timestamp"},
        {.title = "attempts", .is_right = true, .key = "attemptsMade"},
        {.title = "detail", .is_flexible = true},
    };
    const struct settings *settings = given;
    bool wanted[INSPECT_STATES_MAX] = {false};
    struct listing listing = {.session = session};
    struct inspect_counts counts;
    enum ct_code rc;

    if (settings->is_asc && settings->is_desc)
        return ct_error_set(err, CT_E_USAGE, "--asc and --desc exclude each other");
    rc = find_states(session->inspector, &settings->states, wanted, err);
    if (rc == CT_E_OK)
        rc = session_need_queue(session, args[0], &counts, err);
    if (rc != CT_E_OK)
        return rc;
    view_list(&listing.view, &session->settings->look, columns, sizeof columns / sizeof *columns);
    for (uint32_t s = 0; s < session->inspector->state_count && rc == CT_E_OK; s++) {
        if (wanted[s])
            rc = list_state(session, args[0], settings, s, &listing, err);
    }
    if (rc == CT_E_OK)
        view_end(&listing.view);
    if (rc == CT_E_OK && listing.view.row_count == 0)
        fprintf(stderr, "no such jobs in queue \"%s\"\n", args[0]);
    view_close(&listing.view);
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
