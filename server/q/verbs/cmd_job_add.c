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
    const char *data, *opts, *job_id, *backoff;
    int64_t delay_ms, priority, attempts, job_timeout_ms;
    bool is_lifo;
};

#define JOB_NUMBER_MAX INT32_MAX

static const struct ct_option options[] = {
    JOB_DATA_OPTION(struct settings, data, "The job"),
    {.name = "opts",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, opts),
     .value_name = "JSON",
     .fallback = "{}",
     .help = "Options as Bull's add() takes them; the flags below beat what it says."},
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
     .help = "1 is the most urgent; without it behind all that have one."},
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
