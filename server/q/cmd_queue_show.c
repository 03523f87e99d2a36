/* queue show: one queue: its counts, whether it is paused, who works on it. */
#include <stdlib.h>

#include "q/command.h"
#include "q/view.h"

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {SESSION_OPTIONS(struct settings)};

/* Whether a line of CLIENT LIST is of a connection with this name. Exactly: Bull's own getWorkers
 * also counts queues whose encoded name merely begins the same. */
static bool line_has_name(const char *line, size_t len, const char *name)
{
    size_t name_len = strlen(name);

    for (size_t at = 0; at + 5 + name_len <= len; at++) {
        if ((at == 0 || line[at - 1] == ' ') && memcmp(line + at, "name=", 5) == 0)
            return memcmp(line + at + 5, name, name_len) == 0 &&
                   (at + 5 + name_len == len || line[at + 5 + name_len] == ' ');
    }
    return false;
}

static int64_t count_lines(struct ct_str text, const char *name)
{
    int64_t count = 0;

    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.data + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - text.data) - at : text.len - at;

        count += line_has_name(text.data + at, len, name);
        at += len + 1;
    }
    return count;
}

/* Workers name their blocking connections after the queue. -1 and a note when Redis does not say.
 */
static enum ct_code count_workers(struct session *session, const char *queue, int64_t *out,
                                  struct ct_error *err)
{
    struct queue_name name = {session->settings->prefix, queue};
    struct queue_settings defaults;
    struct dialect_queue *dialect_queue = NULL;
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    queue_settings_init(&defaults);
    rc = session->dialect->open(&name, &defaults, &dialect_queue, err);
    if (rc != CT_E_OK)
        goto out_settings;
    redis_command_init(&command, NULL);
    redis_command_text(&command, "CLIENT");
    redis_command_text(&command, "LIST");
    rc = session_call(session, &command, &reply, err);
    if (rc == CT_E_OK) {
        *out = count_lines(redis_reply_str(reply), session->dialect->client_name(dialect_queue));
    } else if (rc == CT_E_REDIS_PERM || rc == CT_E_REDIS_ERROR) {
        fprintf(stderr, "workers are not counted: %s\n", err->detail);
        *out = -1;
        rc = CT_E_OK;
    }
    redis_reply_free(reply);
    session->dialect->close(dialect_queue);
out_settings:
    queue_settings_fini(&defaults);
    return rc;
}

static void show(const struct session *session, const char *queue,
                 const struct inspect_counts *counts, int64_t workers)
{
    static const struct print_column labels[] = {
        {.title = "queue", .key = "name"},
        {.title = "is paused", .key = "isPaused"},
    };
    struct view view;

    view_sheet(&view, &session->settings->look, labels, sizeof labels / sizeof *labels);
    view_text(&view, "name", ct_str_of(queue));
    view_text(&view, "prefix", ct_str_of(session->settings->prefix));
    view_text(&view, "dialect", ct_str_of(session->dialect->name));
    view_bool(&view, "isPaused", counts->is_paused);
    if (workers >= 0)
        view_number(&view, "workers", workers);
    else
        view_null(&view, "workers");
    view_group(&view, "counts", '{');
    for (size_t i = 0; i < session->inspector->state_count; i++)
        view_count(&view, session->inspector->states[i].name, counts->jobs[i]);
    view_group_end(&view, '}');
    view_number(&view, "repeatable", counts->repeatable_count);
    view_end(&view);
    view_close(&view);
}

static enum ct_code run(struct session *session, const void *settings, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    struct inspect_counts counts;
    int64_t workers = -1;
    enum ct_code rc = session_need_queue(session, args[0], &counts, err);

    if (rc == CT_E_OK)
        rc = count_workers(session, args[0], &workers, err);
    if (rc == CT_E_OK)
        show(session, args[0], &counts, workers);
    return rc;
}

const struct command cmd_queue_show = {
    .noun = "queue",
    .verb = "show",
    .program = {.name = "cartrita-q queue show",
                .usage = "QUEUE [OPTION]...",
                .about = "Show one queue: counts, whether it is paused, workers.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
