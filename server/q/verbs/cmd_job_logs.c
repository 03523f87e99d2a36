/* job logs: the log of one job, all of it or its end, and what comes while the job runs. Bull
 * publishes nothing about logs, so following is looking again. */
#include "q/command.h"
#include "q/view.h"

#define LOOK_MS 250

struct settings {
    struct session_settings common;
    int64_t tail;
    bool is_following;
};

static const struct ct_option options[] = {
    {.name = "tail",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, tail),
     .max = INT32_MAX,
     .unit = "lines",
     .group = "What",
     .help = "Only so many lines from the end. Without it: all."},
    {.name = "follow",
     .letter = 'f',
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_following),
     .help = "Wait for more lines, until the job has completed or failed."},
    SESSION_OPTIONS(struct settings),
};

struct reading {
    struct session *session;
    struct queue_name name;
    struct ct_str id;
    int64_t first; /* line to go on with; below 0: from the end */
    struct inspect_log log;
    struct view view;
};

/* One part; `log` says afterwards how much there is. */
static enum ct_code read_part(struct reading *reading, struct ct_error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_command command;
    struct inspect_log *log = &reading->log;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    inspect_build_log(reading->session->inspector, &reading->name, reading->id, reading->first,
                      &command);
    rc = session_call(reading->session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = inspect_parse_log(reply, log, err);
    if (rc == CT_E_OK) {
        for (size_t i = 0; i < redis_reply_count(log->lines); i++)
            view_line(&reading->view, redis_reply_str(redis_reply_at(log->lines, i)));
        reading->first = log->first + (int64_t)redis_reply_count(log->lines);
        view_flush(&reading->view); /* who follows through a pipe sees them now */
    }
    log->lines = NULL; /* lent by the reply */
    redis_reply_free(reply);
    return rc;
}

static enum ct_code read_to_end(struct reading *reading, struct ct_error *err)
{
    enum ct_code rc;

    do {
        rc = read_part(reading, err);
    } while (rc == CT_E_OK && reading->first < reading->log.count);
    return rc;
}

static enum ct_code follow(struct reading *reading, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    while (rc == CT_E_OK && reading->log.exists && !reading->log.has_ended) {
        session_sleep(reading->session, LOOK_MS, NULL);
        rc = read_to_end(reading, err);
    }
    if (rc == CT_E_OK && !reading->log.exists)
        fprintf(stderr, "the job was removed, its last lines with it\n");
    return rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    const bool has_tail = ct_option_source_of(session->set, "tail") != CT_OPTION_FROM_DEFAULT;
    struct reading reading = {
        .session = session,
        .name = {settings->common.prefix, args[0]},
        .id = ct_str_of(args[1]),
        .first = has_tail ? -settings->tail : 0,
    };
    struct inspect_counts counts;
    enum ct_code rc = session_need_queue(session, args[0], &counts, err);

    if (rc != CT_E_OK)
        return rc;
    if (has_tail && settings->tail == 0)
        reading.first = INT32_MAX; /* the part then begins at the end */
    view_list(&reading.view, &settings->common.look, NULL, 0);
    rc = read_to_end(&reading, err);
    if (rc == CT_E_OK && !reading.log.exists && reading.log.count == 0)
        rc = ct_error_set(err, CT_E_NOT_FOUND, "queue \"%s\" has no job \"%s\"", args[0], args[1]);
    if (rc == CT_E_OK && settings->is_following)
        rc = follow(&reading, err);
    if (rc == CT_E_OK)
        view_end(&reading.view);
    view_close(&reading.view);
    return rc;
}

const struct command cmd_job_logs = {
    .noun = "job",
    .verb = "logs",
    .program = {.name = "cartrita-q job logs",
                .usage = "QUEUE ID [OPTION]...",
                .about = "Print the log of one job, and follow it.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};
