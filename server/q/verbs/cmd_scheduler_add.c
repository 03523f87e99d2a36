/* scheduler add: begins a series. In Bull's queues by adding its first job with the option repeat,
 * as Bull's add() does; in BullMQ's as upsertJobScheduler() does, which also changes one that is
 * there. The first job is delayed until its time, and each worker that takes one adds the next. */
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
    const char *data, *opts, *job_id, *name;
    bool is_immediate;
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
    {.name = "immediately",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_immediate),
     .help = "The first job now, then by --cron; BullMQ only."},
    {.name = "name",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, name),
     .value_name = "NAME",
     .help = "Of the jobs, when it is not the ID; BullMQ only."},
    JOB_DATA_OPTION(struct settings, data, "The jobs"),
    {.name = "opts",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, opts),
     .value_name = "JSON",
     .fallback = "{}",
     .help = "Options as add() takes them, for each job; the flags here beat what it says."},
    {.name = "job-id",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, job_id),
     .value_name = "ID",
     .help = "Tells the series from others with the same name and rule; Bull only."},
    SESSION_OPTIONS(struct settings),
};

/* In Bull a series is its jobs' name and rule; in BullMQ it has an id. */
static enum ct_code check(const struct settings *settings, const struct dialect *dialect,
                          struct ct_error *err)
{
    if (!dialect->scheduler)
        return ct_error_set(err, CT_E_UNSUPPORTED, "%s queues have no series", dialect->name);
    if (dialect->scheduler->build_upsert && settings->job_id)
        return ct_error_set(err, CT_E_USAGE,
                            "--job-id is for queues of Bull: here the ID tells series apart");
    if (!dialect->scheduler->build_upsert && (settings->name || settings->is_immediate))
        return ct_error_set(err, CT_E_USAGE, "--%s is for queues of BullMQ",
                            settings->name ? "name" : "immediately");
    return CT_E_OK;
}

static enum ct_code build_opts(const struct settings *settings, const struct dialect *dialect,
                               char **out, struct ct_error *err)
{
    json_t *opts = NULL, *repeat = NULL;
    enum ct_code rc;

    if (ct_json_object(ct_str_of(settings->opts), &opts, err) != CT_E_OK) {
        ct_error_wrap(err, "--opts");
        return CT_E_USAGE;
    }
    rc = schedule_rule_build(&settings->rule, dialect, &repeat, err);
    if (rc == CT_E_OK) {
        if (settings->limit > 0)
            json_object_set_new(repeat, "limit", json_integer(settings->limit));
        if (settings->is_immediate)
            json_object_set_new(repeat, "immediately", json_true());
        json_object_set_new(opts, "repeat", repeat);
        if (settings->job_id)
            json_object_set_new(opts, "jobId", json_string(settings->job_id));
        *out = json_dumps(opts, JSON_COMPACT);
    }
    json_decref(opts);
    return rc;
}

/* What there was before. To Bull the same again is nothing new. */
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
        ct_buf_printf(&line, "series \"%s\" is there already: %s", plan->key,
                      session->dialect->scheduler->build_upsert
                          ? "it is changed, with its next job"
                          : "its next job keeps its data and options");
        confirm_say(&line);
    }
    schedule_fini(&before);
    return rc;
}

static void show(const struct session *session, const char *queue, const struct schedule *plan)
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
    if (zone_find(tz, &zone, NULL) != CT_E_OK || !plan->next_id)
        return;
    ct_buf_init(&line);
    ct_buf_printf(&line, "next at ");
    zoned_append(&line, zone, (int64_t)plan->next_ms);
    if (plan->cron && !tz)
        ct_buf_printf(&line, "; no zone is named: each worker goes by its own clocks");
    confirm_say(&line);
}

static enum ct_code upsert(struct session *session, const char *queue,
                           const struct schedule_wish *wish, int64_t now_ms, struct schedule *plan,
                           struct ct_error *err)
{
    const struct scheduler *scheduler = session->dialect->scheduler;
    struct queue_name name = {session->settings->prefix, queue};
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    rc = scheduler->build_upsert(&name, wish, now_ms, &command, err);
    if (rc == CT_E_OK) {
        rc = session_call(session, &command, &reply, err);
        if (session_may_be_done(rc))
            ct_error_wrap(err, "the series may or may not have been added");
    }
    if (rc == CT_E_OK)
        rc = scheduler->parse_upsert(reply, plan, err);
    redis_command_fini(&command);
    redis_reply_free(reply);
    return rc;
}

/* Adds its first job: that is how a series of Bull begins. */
static enum ct_code put(struct session *session, const char *queue,
                        const struct schedule_wish *wish, int64_t now_ms, struct schedule *plan,
                        struct ct_error *err)
{
    struct job_add job = {.name = wish->name, .data = wish->data, .opts = wish->opts};
    enum ct_code rc;

    ct_list_init(&job.link);
    rc = job_put(session, queue, &job, now_ms, err);
    if (rc == CT_E_OK && job.id)
        plan->state = SCHEDULE_PENDING;
    job_add_fini(&job);
    return rc;
}

static enum ct_code add(struct session *session, const char *queue,
                        const struct schedule_wish *wish, struct ct_error *err)
{
    const struct scheduler *scheduler = session->dialect->scheduler;
    int64_t now_ms = ct_wall_ms(&ct_clock_system);
    struct schedule plan = {.key = NULL};
    bool is_new_queue = false;
    enum ct_code rc = scheduler->plan(wish, now_ms, &plan, err);

    if (rc == CT_E_NOT_FOUND) { /* nothing is missing: it was asked for what never comes */
        ct_error_wrap(err, "nothing was added");
        rc = CT_E_INVALID;
    }
    if (rc == CT_E_OK)
        rc = look_before(session, queue, &plan, &is_new_queue, err);
    if (rc == CT_E_OK)
        rc = (scheduler->build_upsert ? upsert : put)(session, queue, wish, now_ms, &plan, err);
    if (rc == CT_E_OK && is_new_queue)
        fprintf(stderr, "queue \"%s\" is new: nothing was in it before\n", queue);
    if (rc == CT_E_OK)
        show(session, queue, &plan);
    schedule_fini(&plan);
    return rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    const char *name = settings->name ? settings->name : args[1];
    struct schedule_wish wish = {.id = args[1], .name = ct_str_of(name)};
    struct ct_buf data;
    char *opts = NULL;
    enum ct_code rc;

    ct_buf_init(&data);
    rc = job_data_read(settings->data, &data, err);
    if (rc == CT_E_OK)
        rc = session_resolve(session, args[0], err);
    if (rc == CT_E_OK)
        rc = check(settings, session->dialect, err);
    if (rc == CT_E_OK)
        rc = build_opts(settings, session->dialect, &opts, err);
    if (rc == CT_E_OK) {
        wish.data = ct_buf_str(&data);
        wish.opts = ct_str_of(opts);
        rc = add(session, args[0], &wish, err);
    }
    ct_buf_free(&data);
    free(opts);
    return rc;
}

const struct command cmd_scheduler_add = {
    .noun = "scheduler",
    .verb = "add",
    .program = {.name = "cartrita-q scheduler add",
                .usage = "QUEUE ID [OPTION]...",
                .about = "Begin a series; in a queue of BullMQ also change one.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};
