/* job show: all that is stored of one job. */
#include <stdlib.h>

#include "q/command.h"
#include "q/job_find.h"
#include "q/job_text.h"

struct settings {
    struct session_settings common;
    int64_t log_max;
};

static const struct ct_option options[] = {
    {.name = "logs",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, log_max),
     .fallback = "20",
     .max = INSPECT_LOGS_MAX,
     .unit = "lines",
     .group = "What",
     .help = "Lines of the job's log, the last ones."},
    SESSION_OPTIONS(struct settings),
};

/* As the package's getDependenciesCount has them. */
static const char *const child_names[INSPECT_CHILD_COUNT] = {
    [CHILD_PROCESSED] = "processed",
    [CHILD_PENDING] = "unprocessed",
    [CHILD_IGNORED] = "ignored",
    [CHILD_FAILED] = "failed",
};

static void add_children(struct view *view, const struct inspect_found *found)
{
    struct ct_buf text;

    if (!found->has_children)
        return;
    if (view_json(view)) {
        print_json_open(view_json(view), "children", '{');
        for (size_t i = 0; i < INSPECT_CHILD_COUNT; i++)
            print_json_int(view_json(view), child_names[i], found->children[i]);
        print_json_close(view_json(view), '}');
        return;
    }
    ct_buf_init(&text);
    for (size_t i = 0; i < INSPECT_CHILD_COUNT; i++) {
        if (found->children[i] > 0)
            ct_buf_printf(&text, "%s%lld %s", text.len ? ", " : "", (long long)found->children[i],
                          child_names[i]);
    }
    view_text(view, "children", ct_buf_str(&text));
    ct_buf_free(&text);
}

/* The context that the producer left for whoever traces the job. */
static void add_telemetry(struct view *view, const struct inspector *inspector,
                          const struct inspect_found *found)
{
    char *text = job_option_text(job_field(inspector, &found->job, "opts"), "tm");

    if (text)
        view_text(view, "telemetry", ct_str_of(text));
    free(text);
}

static void add_members(struct print_json *json, const struct session *session,
                        const struct inspect_found *found)
{
    job_print_members(json, session->inspector, &found->job, job_state_name(session, found));
    if (found->lock.data) {
        print_json_open(json, "lock", '{');
        print_json_string(json, "token", found->lock);
        print_json_int(json, "expiresIn", found->lock_left_ms);
        print_json_close(json, '}');
    } else {
        print_json_null(json, "lock");
    }
    print_json_int(json, "logCount", found->log_count);
    print_json_open(json, "logs", '[');
    for (size_t i = 0; i < redis_reply_count(found->log); i++)
        print_json_string(json, NULL, redis_reply_str(redis_reply_at(found->log, i)));
    print_json_close(json, ']');
}

static bool is_moment(const char *name)
{
    size_t len = strlen(name);

    return strcmp(name, "timestamp") == 0 || (len > 2 && strcmp(name + len - 2, "On") == 0);
}

static void add_lines(struct view *view, const struct session *session,
                      const struct inspect_found *found)
{
    const struct inspector *inspector = session->inspector;

    view_text(view, "id", found->job.id);
    view_state(view, "state", ct_str_of(job_state_name(session, found)));
    view_moment(view, "dueOn", found->job.due_ms);
    for (uint32_t i = 0; i < inspector->field_count; i++) {
        const char *name = inspector->fields[i].name;

        if (is_moment(name))
            view_moment(view, name, job_number(inspector, &found->job, name));
        else if (strcmp(name, "stacktrace") == 0)
            job_view_stacktrace(view, found->job.fields[i]);
        else if (found->job.fields[i].data)
            view_text(view, name, found->job.fields[i]);
    }
    if (found->lock.data)
        view_text(view, "lock", found->lock);
    for (size_t i = 0; i < redis_reply_count(found->log); i++)
        view_text(view, i == 0 ? "log" : "", redis_reply_str(redis_reply_at(found->log, i)));
    if (found->log_count > (int64_t)redis_reply_count(found->log))
        fprintf(stderr, "the last %zu of %lld lines of its log\n", redis_reply_count(found->log),
                (long long)found->log_count);
}

static void show(const struct session *session, const char *queue,
                 const struct inspect_found *found)
{
    struct view view;

    view_sheet(&view, &session->settings->look, NULL, 0);
    view_text(&view, "queue", ct_str_of(queue));
    if (view_json(&view))
        add_members(view_json(&view), session, found);
    else if (view_is_table(&view))
        add_lines(&view, session, found);
    add_children(&view, found);
    add_telemetry(&view, session->inspector, found);
    view_end(&view);
    view_close(&view);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct inspect_counts counts;
    struct inspect_found found = {0};
    struct redis_reply *reply;
    enum ct_code rc = session_need_queue(session, args[0], &counts, err);

    if (rc != CT_E_OK)
        return rc;
    rc = job_find(session, args[0], args[1], (uint32_t)settings->log_max, &found, &reply, err);
    if (rc == CT_E_OK)
        show(session, args[0], &found);
    redis_reply_free(reply);
    return rc;
}

const struct command cmd_job_show = {
    .noun = "job",
    .verb = "show",
    .program = {.name = "cartrita-q job show",
                .usage = "QUEUE ID [OPTION]...",
                .about = "Show all that is stored of one job.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};
