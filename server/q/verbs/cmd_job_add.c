/* job add: adds one job through the dialect, which knows what a producer of its kind does. The id
 * goes to stdout. Whether an add that got no answer was carried out is unknown, and said so. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "q/command.h"
#include "q/job_put.h"
#include "q/view.h"

struct settings {
    struct session_settings common;
    const char *data, *opts, *job_id, *backoff, *parent, *dedup;
    struct ct_option_list dedup_modes;
    int64_t delay_ms, priority, attempts, job_timeout_ms, keep_logs, dedup_ttl_ms;
    int on_failure;
    bool is_lifo;
};

#define JOB_NUMBER_MAX INT32_MAX

static const char *const policies[] = {"fail", "continue", "ignore", "remove", NULL};
static const char *const policy_options[] = {"failParentOnFailure", "continueParentOnFailure",
                                             "ignoreDependencyOnFailure",
                                             "removeDependencyOnFailure"};
/* Of --dedup-mode, and what BullMQ calls them. */
static const struct {
    const char *word, *option;
} dedup_modes[] = {{"extend", "extend"},
                   {"replace", "replace"},
                   {"reschedule", "reschedule"},
                   {"keep-last", "keepLastIfActive"}};

static const struct ct_option options[] = {
    JOB_DATA_OPTION(struct settings, data, "The job"),
    {.name = "opts",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, opts),
     .value_name = "JSON",
     .fallback = "{}",
     .help = "Options as Bull's or BullMQ's add() takes them; the flags below beat what it says."},
    {.name = "job-id",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, job_id),
     .value_name = "ID",
     .help = "The job's id; if there is a job with it, nothing is added."},
    {.name = "delay",
     .kind = CT_OPTION_DURATION_MS,
     .offset = offsetof(struct settings, delay_ms),
     .help = "Run it so much later: 500ms, 5s, 2m, 1h, 1d."},
    {.name = "priority",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, priority),
     .min = 0,
     .max = JOB_NUMBER_MAX,
     .help = "1 is the most urgent. Jobs without it come behind all that have one in a queue of "
             "Bull, and "
             "before them in one of BullMQ."},
    {.name = "lifo",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_lifo),
     .help = "Put it at the front of the queue."},
    {.name = "attempts",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, attempts),
     .min = 0,
     .max = JOB_NUMBER_MAX,
     .help = "How often to try it at the most."},
    {.name = "backoff",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, backoff),
     .value_name = "[TYPE:]DURATION",
     .help = "Wait before another try: 2s, fixed:2s, exponential:2s, or the name of a worker's own "
             "strategy."},
    {.name = "job-timeout",
     .kind = CT_OPTION_DURATION_MS,
     .offset = offsetof(struct settings, job_timeout_ms),
     .help = "Stop a try that takes longer."},
    {.name = "dedup",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, dedup),
     .value_name = "ID",
     .help = "Add nothing while a job that was added with the same ID has not ended."},
    {.name = "dedup-ttl",
     .kind = CT_OPTION_DURATION_MS,
     .offset = offsetof(struct settings, dedup_ttl_ms),
     .help = "The same, but for so long, whether that job has ended or not."},
    {.name = "dedup-mode",
     .kind = CT_OPTION_LIST,
     .offset = offsetof(struct settings, dedup_modes),
     .value_name = "MODE",
     .help = "extend (the time begins again), replace (take the place of a job that is delayed), "
             "reschedule (give that job the new delay) or keep-last (add it when the one that is "
             "active has ended).",
     .group = "Only BullMQ"},
    {.name = "keep-logs",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, keep_logs),
     .min = 1,
     .max = JOB_NUMBER_MAX,
     .help = "Lines of its log to keep, the last ones."},
    {.name = "parent",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, parent),
     .value_name = "QUEUE:ID",
     .help = "Make it a child of that job, which waits for it."},
    {.name = "on-failure",
     .kind = CT_OPTION_ENUM,
     .offset = offsetof(struct settings, on_failure),
     .choices = policies,
     .help = "What its parent does when it has failed for good: fail; continue at once; ignore it, "
             "which "
             "the parent can see; or remove it from what it waits for. Without it the parent waits "
             "until somebody retries or removes the job."},
    SESSION_OPTIONS(struct settings),
};

/* --- options -------------------------------------------------------------------------------- */

static bool is_given(const struct session *session, const char *name)
{
    return ct_option_source_of(session->set, name) != CT_OPTION_FROM_DEFAULT;
}

/* "exponential:2s" as Bull has it: an object; without a type a number, which Bull reads as fixed.
 */
static enum ct_code parse_backoff(const char *text, json_t **out, struct ct_error *err)
{
    const char *colon = strrchr(text, ':');
    int64_t ms;

    if (!ct_option_duration_ms(ct_str_of(colon ? colon + 1 : text), &ms))
        return ct_error_set(err, CT_E_USAGE,
                            "--backoff %s: write a duration such as 2s, or TYPE:DURATION such as "
                            "exponential:2s",
                            text);
    if (colon)
        *out = json_pack("{s:s#, s:I}", "type", text, (int)(colon - text), "delay", (json_int_t)ms);
    else
        *out = json_integer(ms);
    return CT_E_OK;
}

static enum ct_code build_opts(const struct session *session, const struct settings *settings,
                               json_t **out, struct ct_error *err)
{
    json_t *opts = NULL, *backoff = NULL;

    if (ct_json_object(ct_str_of(settings->opts), &opts, err) != CT_E_OK) {
        ct_error_wrap(err, "--opts");
        return CT_E_USAGE;
    }
    if (settings->backoff && parse_backoff(settings->backoff, &backoff, err) != CT_E_OK) {
        json_decref(opts);
        return err->code;
    }
    if (backoff)
        json_object_set_new(opts, "backoff", backoff);
    if (settings->job_id)
        json_object_set_new(opts, "jobId", json_string(settings->job_id));
    if (is_given(session, "delay"))
        json_object_set_new(opts, "delay", json_integer(settings->delay_ms));
    if (is_given(session, "priority"))
        json_object_set_new(opts, "priority", json_integer(settings->priority));
    if (is_given(session, "attempts"))
        json_object_set_new(opts, "attempts", json_integer(settings->attempts));
    if (is_given(session, "job-timeout"))
        json_object_set_new(opts, "timeout", json_integer(settings->job_timeout_ms));
    if (is_given(session, "lifo"))
        json_object_set_new(opts, "lifo", json_boolean(settings->is_lifo));
    *out = opts;
    return CT_E_OK;
}

/* {"id": ..., "ttl": ..., "extend": true} */
static enum ct_code build_dedup(const struct session *session, const struct settings *settings,
                                json_t *opts, struct ct_error *err)
{
    json_t *dedup = json_pack("{s:s}", "id", settings->dedup);

    json_object_set_new(opts, session->dialect->dedup_option, dedup);
    if (is_given(session, "dedup-ttl"))
        json_object_set_new(dedup, "ttl", json_integer(settings->dedup_ttl_ms));
    for (size_t i = 0; i < settings->dedup_modes.count; i++) {
        const char *word = settings->dedup_modes.items[i];
        size_t mode = 0, count = sizeof dedup_modes / sizeof *dedup_modes;

        while (mode < count && strcmp(dedup_modes[mode].word, word) != 0)
            mode++;
        if (mode == count)
            return ct_error_set(err, CT_E_USAGE,
                                "--dedup-mode %.40s: there are extend, replace, reschedule and "
                                "keep-last",
                                word);
        json_object_set_new(dedup, dedup_modes[mode].option, json_true());
    }
    return CT_E_OK;
}

/* "orders:7"; names of queues have no colon, ids may. */
static enum ct_code build_parent(const struct session *session, const struct settings *settings,
                                 json_t *opts, struct ct_error *err)
{
    const char *colon = strchr(settings->parent, ':');

    if (!colon || colon == settings->parent || !colon[1])
        return ct_error_set(err, CT_E_USAGE, "--parent %s: write QUEUE:ID", settings->parent);
    json_object_set_new(opts, "parent",
                        json_pack("{s:s, s:o}", "id", colon + 1, "queue",
                                  json_sprintf("%s:%.*s", session->settings->prefix,
                                               (int)(colon - settings->parent), settings->parent)));
    return CT_E_OK;
}

/* What is written otherwise, or cannot be, for other dialects. */
static enum ct_code build_special(const struct session *session, const struct settings *settings,
                                  json_t *opts, struct ct_error *err)
{
    static const char *const special[] = {"dedup-mode", "keep-logs", "parent", "on-failure"};
    enum ct_code rc = CT_E_OK;

    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        if (is_given(session, special[i]) && !session->dialect->has_flows)
            return ct_error_set(err, CT_E_UNSUPPORTED,
                                "--%s: queues of %s do not have that (--dialect says whose it is)",
                                special[i], session->dialect->name);
    }
    if (!settings->dedup && (is_given(session, "dedup-ttl") || is_given(session, "dedup-mode")))
        return ct_error_set(err, CT_E_USAGE, "--dedup-ttl and --dedup-mode go with --dedup");
    if (is_given(session, "keep-logs"))
        json_object_set_new(opts, "keepLogs", json_integer(settings->keep_logs));
    if (settings->on_failure >= 0)
        json_object_set_new(opts, policy_options[settings->on_failure], json_true());
    if (settings->dedup)
        rc = build_dedup(session, settings, opts, err);
    if (rc == CT_E_OK && settings->parent)
        rc = build_parent(session, settings, opts, err);
    return rc;
}

/* --- adding --------------------------------------------------------------------------------- */

/* The bare id for a shell to take. */
static void show(const struct session *session, const char *queue, const struct job_add *job)
{
    struct view view;

    view_members(&view, &session->settings->look);
    view_text(&view, "queue", ct_str_of(queue));
    if (job->id)
        view_text(&view, "id", ct_str_of(job->id));
    else
        view_null(&view, "id");
    if (view_is_table(&view) && job->id)
        printf("%s\n", job->id);
    view_end(&view);
    view_close(&view);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct inspect_counts counts;
    struct job_add job = {.name = arg_count > 1 ? ct_str_of(args[1]) : CT_STR_NONE};
    struct ct_buf data;
    json_t *opts = NULL;
    char *opts_text = NULL;
    enum ct_code rc;

    ct_list_init(&job.link);
    ct_buf_init(&data);
    rc = job_data_read(settings->data, &data, err);
    if (rc == CT_E_OK)
        rc = build_opts(session, settings, &opts, err);
    if (rc == CT_E_OK)
        rc = session_resolve(session, args[0], err);
    if (rc == CT_E_OK)
        rc = session_check_change(session, args[0], err);
    if (rc == CT_E_OK)
        rc = build_special(session, settings, opts, err);
    if (rc == CT_E_OK)
        rc = session_counts(session, args[0], &counts, err);
    if (rc != CT_E_OK)
        goto out;
    opts_text = json_dumps(opts, JSON_COMPACT);
    job.data = ct_buf_str(&data);
    job.opts = ct_str_of(opts_text);
    rc = job_put(session, args[0], &job, ct_wall_ms(&ct_clock_system), err);
    if (rc != CT_E_OK)
        goto out;
    if (!counts.exists)
        fprintf(stderr, "queue \"%s\" is new: nothing was in it before\n", args[0]);
    if (job.is_skipped)
        fprintf(stderr, "nothing was added: the series of this repeatable job has ended\n");
    show(session, args[0], &job);
out:
    job_add_fini(&job);
    free(opts_text);
    json_decref(opts);
    ct_buf_free(&data);
    return rc;
}

const struct command cmd_job_add = {
    .noun = "job",
    .verb = "add",
    .program = {.name = "cartrita-q job add",
                .usage = "QUEUE [NAME] [OPTION]...",
                .about = "Add a job.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 2,
    .run = run,
};
