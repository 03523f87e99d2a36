/* schedule add: begins a series of repeatable jobs, as Bull's add() does with the option repeat:
 * its first job is added, delayed until its time, and each worker that takes one adds the next. */
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/json.h"
#include "q/command.h"
#include "q/confirm.h"
#include "q/job_put.h"
#include "q/schedule_find.h"
#include "q/schedule_rule.h"
#include "q/text.h"
#include "q/zoned.h"

struct settings {
    struct session_settings common;
    struct schedule_rule rule;
    int64_t limit;
    const char *data, *opts, *job_id;
};

static const struct ct_option options[] = {
    SCHEDULE_RULE_OPTIONS(struct settings, rule),
    {.name = "limit",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, limit),
     .min = 1,
     .max = INT32_MAX,
     .unit = "jobs",
     .help = "So many jobs and no more."},
    JOB_DATA_OPTION(struct settings, data, "The jobs"),
    {.name = "opts",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, opts),
     .value_name = "JSON",
     .fallback = "{}",
     .help = "Options as Bull's add() takes them, for each job; the flags here beat what it says."},
    {.name = "job-id",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, job_id),
     .value_name = "ID",
     .help = "Tells the series from others with the same name and rule."},
    SESSION_OPTIONS(struct settings),
};

static enum ct_code build_opts(const struct settings *settings, char **out, struct ct_error *err)
{
    json_t *opts = NULL, *repeat = NULL;
    enum ct_code rc;

    if (ct_json_object(ct_str_of(settings->opts), &opts, err) != CT_E_OK) {
        ct_error_wrap(err, "--opts");
        return CT_E_USAGE;
    }
    rc = schedule_rule_build(&settings->rule, &repeat, err);
    if (rc == CT_E_OK) {
        if (settings->limit > 0)
            json_object_set_new(repeat, "limit", json_integer(settings->limit));
        json_object_set_new(opts, "repeat", repeat);
        if (settings->job_id)
            json_object_set_new(opts, "jobId", json_string(settings->job_id));
        *out = json_dumps(opts, JSON_COMPACT);
    }
    json_decref(opts);
    return rc;
}

/* What there was before: adding the same again changes nothing but what is said. */
static enum ct_code look_before(struct session *session, const char *queue,
                                const struct schedule *plan, bool *is_new_queue,
                                struct ct_error *err)
{
    struct inspect_counts counts;
    struct schedule before;
    struct ct_error none;
    struct ct_buf line;
    enum ct_code rc = session_counts(session, queue, &counts, err);

    *is_new_queue = rc == CT_E_OK && !counts.exists;
    if (rc != CT_E_OK || counts.repeatable_count == 0)
        return rc;
    if (schedule_find(session, queue, plan->key, &before, &none) != CT_E_OK)
        return CT_E_OK;
    if (strcmp(before.key, plan->key) == 0 && before.next_id) {
        ct_buf_init(&line);
        ct_buf_printf(&line,
                      "series \"%s\" is there already: its next job keeps its data and options",
                      plan->key);
        confirm_say(&line);
    }
    schedule_fini(&before);
    return rc;
}

static void show(const struct session *session, const char *queue, const struct schedule *plan,
                 const struct job_add *job)
{
    const char *tz = plan->cron ? plan->tz : "UTC";
    const struct zone *zone;
    struct ct_buf line;
    struct view view;

    view_sheet(&view, &session->settings->look, NULL, 0);
    if (view_json(&view)) {
        view_text(&view, "queue", ct_str_of(queue));
        schedule_view(&view, plan);
    } else if (view_is_table(&view)) {
        ct_buf_init(&line);
        text_append_shown(&line, ct_str_of(plan->key), TEXT_NO_LIMIT);
        printf("%.*s\n", (int)line.len, ct_buf_data(&line));
        ct_buf_free(&line);
    }
    view_end(&view);
    view_close(&view);
    if (zone_find(tz, &zone, NULL) != CT_E_OK || !job->id)
        return;
    ct_buf_init(&line);
    ct_buf_printf(&line, "first at ");
    zoned_append(&line, zone, (int64_t)plan->next_ms);
    if (plan->cron && !tz)
        ct_buf_printf(&line, "; no zone is named: each worker goes by its own clocks");
    confirm_say(&line);
}

static enum ct_code add(struct session *session, const char *queue, struct schedule *plan,
                        struct job_add *job, int64_t now_ms, struct ct_error *err)
{
    bool is_new_queue;
    enum ct_code rc = look_before(session, queue, plan, &is_new_queue, err);

    if (rc == CT_E_OK)
        rc = job_put(session, queue, job, now_ms, err);
    if (rc != CT_E_OK)
        return rc;
    if (is_new_queue)
        fprintf(stderr, "queue \"%s\" is new: nothing was in it before\n", queue);
    plan->state = SCHEDULE_PENDING;
    show(session, queue, plan, job);
    return rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct job_add job = {.name = ct_str_of(args[1])};
    struct schedule plan = {.key = NULL};
    int64_t now_ms = ct_wall_ms(&ct_clock_system);
    struct ct_buf data;
    char *opts = NULL;
    enum ct_code rc;

    ct_list_init(&job.link);
    ct_buf_init(&data);
    rc = build_opts(settings, &opts, err);
    if (rc == CT_E_OK)
        rc = job_data_read(settings->data, &data, err);
    if (rc == CT_E_OK)
        rc = session_resolve(session, args[0], err);
    if (rc == CT_E_OK && !session->dialect->scheduler)
        rc =
            ct_error_set(err, CT_E_UNSUPPORTED, "%s queues have no series", session->dialect->name);
    if (rc == CT_E_OK) {
        rc = session->dialect->scheduler->plan(job.name, ct_str_of(opts), now_ms, &plan, err);
        if (rc == CT_E_NOT_FOUND) { /* nothing is missing: it was asked for what never comes */
            ct_error_wrap(err, "nothing was added");
            rc = CT_E_INVALID;
        }
    }
    if (rc == CT_E_OK) {
        job.data = ct_buf_str(&data);
        job.opts = ct_str_of(opts);
        rc = add(session, args[0], &plan, &job, now_ms, err);
    }
    job_add_fini(&job);
    schedule_fini(&plan);
    ct_buf_free(&data);
    free(opts);
    return rc;
}

const struct command cmd_schedule_add = {
    .noun = "schedule",
    .verb = "add",
    .program = {.name = "cartrita-q schedule add",
                .usage = "QUEUE NAME [OPTION]...",
                .about = "Begin a series of repeatable jobs.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};
