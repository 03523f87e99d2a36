/* compat check: who wrote each queue, and what of it runs otherwise here. One call a queue. */
#include <string.h>

#include "dialect/origin.h"
#include "q/command.h"
#include "q/queues.h"
#include "q/view.h"

struct settings {
    struct session_settings common;
    const char *to;
};

static const struct ct_option options[] = {
    {.name = "to",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, to),
     .value_name = "DIALECT",
     .group = "What",
     .help = "Also how queues of Bull become queues of this dialect, step by step: bullmq."},
    SESSION_OPTIONS(struct settings),
};

static const struct print_column columns[] = {
    {.title = "queue", .is_flexible = true, .key = "name"},
    {.title = "written by", .key = "writer"},
    {.title = "", .key = "level"},
    {.title = "seen", .is_right = true, .key = "count"},
    {.title = "such as", .is_flexible = true, .key = "example"},
    {.title = "what", .is_whole = true, .key = "meaning"},
};

struct report {
    struct session *session;
    struct view view;
    bool with_moves;
    int64_t queue_count, refused_count;
};

static void add_sign(struct view *view, const struct origin_sign *sign)
{
    view_text(view, "level", ct_str_of(origin_level_name(sign->level)));
    view_text(view, "meaning", ct_str_of(sign->meaning));
    view_number(view, "count", sign->count);
    view_text(view, "example", sign->example);
}

/* A row a sign that asks for something, or one that says that none does. */
static void add_rows(struct view *view, const char *queue, const struct origin *origin)
{
    bool is_plain = true;

    for (size_t i = 0; i < origin->sign_count; i++) {
        if (origin->signs[i].level == ORIGIN_EVIDENCE)
            continue;
        view_row(view);
        view_text(view, "name", ct_str_of(queue));
        view_text(view, "writer", ct_str_of(origin->writer));
        add_sign(view, &origin->signs[i]);
        view_row_end(view);
        is_plain = false;
    }
    if (!is_plain)
        return;
    view_row(view);
    view_text(view, "name", ct_str_of(queue));
    view_text(view, "writer", ct_str_of(origin->writer));
    view_text(view, "level", CT_STR_LIT("fits"));
    view_text(view, "meaning", CT_STR_LIT("nothing was seen that runs otherwise here"));
    view_row_end(view);
}

static void add_object(struct view *view, const char *prefix, const char *queue,
                       const struct origin *origin)
{
    view_row(view);
    view_text(view, "name", ct_str_of(queue));
    view_text(view, "prefix", ct_str_of(prefix));
    view_text(view, "writer", ct_str_of(origin->writer));
    view_bool(view, "isServed", origin->is_served);
    view_group(view, "signs", '[');
    for (size_t i = 0; i < origin->sign_count; i++) {
        view_group(view, NULL, '{');
        view_text(view, "sign", ct_str_of(origin->signs[i].name));
        add_sign(view, &origin->signs[i]);
        view_group_end(view, '}');
    }
    view_group_end(view, ']');
    view_row_end(view);
}

/* `is_named`: by the user, so that it must be there. */
static enum ct_code check_queue(struct report *report, const char *queue, bool is_named,
                                struct ct_error *err)
{
    struct session *session = report->session;
    const struct queue_name name = {session->settings->prefix, queue};
    struct inspect_counts counts;
    struct redis_reply *reply = NULL;
    struct redis_command command;
    struct origin origin;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    origin_build(&name, &command);
    rc = session_call(session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = origin_parse(reply, report->with_moves, &origin, err);
    if (rc == CT_E_OK && origin.sign_count == 0) {
        rc = session_counts(session, queue, &counts, err);
        if (rc == CT_E_OK && !counts.exists && is_named)
            rc = queues_missing(session, queue, err);
        if (rc == CT_E_OK && !counts.exists)
            goto out;
    }
    if (rc != CT_E_OK)
        goto out;
    report->queue_count++;
    report->refused_count += !origin.is_served;
    if (view_is_table(&report->view))
        add_rows(&report->view, queue, &origin);
    else
        add_object(&report->view, name.prefix, queue, &origin);
out:
    redis_reply_free(reply);
    return rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct report report = {.session = session, .with_moves = settings->to != NULL};
    struct session_names names = {0};

    if (settings->to && strcmp(settings->to, "bullmq") != 0)
        return ct_error_set(err, CT_E_USAGE, "--to %s: queues can only move to bullmq",
                            settings->to);
    enum ct_code rc = queues_of(session, args, arg_count, &names, err);

    if (rc != CT_E_OK)
        return rc;
    view_list(&report.view, &session->settings->look, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < names.count && rc == CT_E_OK; i++)
        rc = check_queue(&report, names.items[i], arg_count > 0, err);
    if (rc == CT_E_OK)
        view_end(&report.view);
    if (rc == CT_E_OK && report.queue_count == 0)
        fprintf(stderr, "no queues under the prefix \"%s\"\n", session->settings->prefix);
    if (rc == CT_E_OK && report.refused_count > 0)
        rc = ct_error_set(err, CT_E_UNSUPPORTED, "%lld of %lld queues cannot be served",
                          (long long)report.refused_count, (long long)report.queue_count);
    view_close(&report.view);
    session_names_free(&names);
    return rc;
}

const struct command cmd_compat_check = {
    .noun = "compat",
    .verb = "check",
    .program = {.name = "cartrita-q compat check",
                .usage = "[QUEUE]... [OPTION]...",
                .about =
                    "Tell who wrote the queues (Bull 3, 4, BullMQ) and what would differ here.",
                .footer =
                    "evidence: who wrote it.  setting: an option of Node's workers, to be\n"
                    "given here, too.  differs: one of the deliberate differences in README.md.\n"
                    "to do: what breaks sooner or later, and what to do.  move: a step from Bull\n"
                    "to BullMQ.  refused: not served; the exit status is 4 then. Jobs: the newest\n"
                    "20 of each state are looked at.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_max = QUEUES_ARGS_MAX,
    .run = run,
};
