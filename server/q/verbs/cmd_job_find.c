/* job find: jobs by what they are: name, reason, data, age, state by state. A page of jobs a call
 * is looked at, however few match, so that no call holds Redis for long; the output is that of job
 * ls. Stopped by a signal, it shows what it has found. */
#include "q/command.h"
#include "q/job_rows.h"
#include "q/job_walk.h"

#define LIMIT_MAX 100000

struct settings {
    struct session_settings common;
    struct ct_option_list states;
    struct job_filter filter;
};

static const struct ct_option options[] = {
    JOB_MATCH_OPTIONS(struct settings, filter),
    {.name = "state",
     .kind = CT_OPTION_LIST,
     .offset = offsetof(struct settings, states),
     .value_name = "STATE",
     .help = "waiting, active, delayed, paused, completed or failed; of BullMQ also prioritized or "
             "waiting-children. Without it: each."},
    {.name = "limit",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, filter.limit),
     .fallback = "20",
     .min = 1,
     .max = LIMIT_MAX,
     .unit = "jobs",
     .help = "Jobs to show, over all states."},
    SESSION_OPTIONS(struct settings),
};

struct finding {
    struct job_rows rows;
    struct job_walk walk;
    struct progress progress;
};

static enum ct_code on_page(void *ctx, struct job_page *page, struct ct_error *err)
{
    struct finding *finding = ctx;

    view_flush(&finding->rows.view);
    return CT_E_OK;
}

static void on_match(void *ctx, uint32_t state, const struct inspect_job *job)
{
    struct finding *finding = ctx;

    finding->rows.state = &finding->walk.session->inspector->states[state];
    job_rows_add(&finding->rows, job);
}

static enum ct_code choose_states(const struct session *session, const struct ct_option_list *names,
                                  uint32_t states[], uint32_t *count, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    *count = names->count > 0 ? (uint32_t)names->count : session->inspector->state_count;
    if (*count > INSPECT_STATES_MAX)
        return ct_error_set(err, CT_E_USAGE, "--state: there are only %u of them",
                            session->inspector->state_count);
    for (uint32_t i = 0; i < *count && rc == CT_E_OK; i++) {
        if (names->count > 0)
            rc = job_walk_state(session, names->items[i], &states[i], err);
        else
            states[i] = i;
    }
    return rc;
}

static enum ct_code find(struct finding *finding, const uint32_t *states, uint32_t state_count,
                         struct ct_error *err)
{
    struct job_walk *walk = &finding->walk;
    enum ct_code rc;

    finding->progress = (struct progress){.deed = "looked at"};
    for (uint32_t i = 0; i < state_count; i++)
        finding->progress.total += walk->counts.jobs[states[i]];
    walk->is_by_state = true;
    walk->has_bodies = view_json(&finding->rows.view) != NULL;
    walk->progress = &finding->progress;
    walk->on_match = on_match;
    walk->ctx = finding;
    progress_catch_signals();
    rc = job_walk_run(walk, states, state_count, on_page, finding, err);
    progress_end(&finding->progress);
    if (rc == CT_E_OK || rc == CT_E_CANCELLED)
        job_rows_finish(&finding->rows, walk->queue);
    if (rc == CT_E_OK && walk->matched == walk->filter->limit)
        fprintf(stderr, "looked at %lld jobs; --limit may hide more\n", (long long)walk->seen);
    return rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    uint32_t states[INSPECT_STATES_MAX], state_count;
    struct finding finding;
    enum ct_code rc = job_walk_check_states(&settings->states, err);

    if (rc == CT_E_OK)
        rc = job_walk_init(&finding.walk, session, args[0], &settings->filter, err);
    if (rc != CT_E_OK)
        return rc;
    rc = choose_states(session, &settings->states, states, &state_count, err);
    if (rc != CT_E_OK)
        goto out_walk;
    job_rows_init(&finding.rows, session);
    rc = find(&finding, states, state_count, err);
    job_rows_fini(&finding.rows);
out_walk:
    job_walk_fini(&finding.walk);
    return rc;
}

const struct command cmd_job_find = {
    .noun = "job",
    .verb = "find",
    .program = {.name = "cartrita-q job find",
                .usage = "QUEUE [OPTION]...",
                .about = "Find jobs by name, state, data, reason and age.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
