/* queue ls: every queue under the prefix, with its counts. Finds them with SCAN, then asks for the
 * counts of COUNTS_AT_ONCE queues in one round trip. */
#include <stdlib.h>

#include "common/mem.h"
#include "dialect/registry.h"
#include "q/command.h"
#include "q/view.h"

#define COUNTS_AT_ONCE 64

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {SESSION_OPTIONS(struct settings)};

struct listed {
    const struct session *session;
    struct queue_name name;
    const struct dialect *dialect; /* NULL: one that this program does not speak */
    struct inspect_counts counts;
    struct ct_error err;
    size_t *pending; /* borrowed; calls of all that are not yet answered */
};

static void on_dialect(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct listed *listed = arg;
    struct dialect_found found;

    --*listed->pending;
    if (err)
        listed->err = *err;
    else if (dialect_parse_detect(reply, &found, &listed->err) == CT_E_OK)
        listed->dialect = found.dialect;
}

static void on_counts(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct listed *listed = arg;

    --*listed->pending;
    if (listed->err.code != CT_E_OK)
        return;
    if (err)
        listed->err = *err;
    else
        listed->err.code =
            listed->session->inspector->parse_counts(reply, &listed->counts, &listed->err);
}

static void ask(struct session *session, struct redis_command *command, redis_done_fn done,
                struct listed *listed)
{
    ++*listed->pending;
    redis_link_call(session->link, command, done, listed);
    redis_command_fini(command);
}

static void ask_counts(struct session *session, const char *name, size_t *pending,
                       struct listed *listed)
{
    struct redis_command command;

    *listed = (struct listed){
        .session = session,
        .pending = pending,
        .name = {session->settings->prefix, name},
        .dialect = session_is_auto(session) ? NULL : session->dialect,
    };
    if (session_is_auto(session)) {
        redis_command_init(&command, NULL);
        dialect_build_detect(&listed->name, &command);
        ask(session, &command, on_dialect, listed);
    }
    redis_command_init(&command, NULL);
    session->inspector->build_counts(&listed->name, &command);
    ask(session, &command, on_counts, listed);
}

/* A queue that cannot be shown is told of and left out: the others are still worth a list. */
static enum ct_code ask_all(struct session *session, char *const *names, size_t count,
                            struct listed *listed, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;
    size_t pending = 0;

    for (size_t i = 0; i < count; i++)
        ask_counts(session, names[i], &pending, &listed[i]);
    session_wait(session, &pending);
    for (size_t i = 0; i < count && rc == CT_E_OK; i++) {
        enum ct_code code = listed[i].err.code;

        if (code == CT_E_UNSUPPORTED || code == CT_E_REDIS_TYPE) {
            fprintf(stderr, "left out: queue \"%s\": %s\n", names[i], listed[i].err.detail);
            listed[i].counts.exists = false;
        } else if (code != CT_E_OK) {
            rc = ct_error_set(err, code, "%s", listed[i].err.detail);
        }
    }
    return rc;
}

static void show(const struct session *session, const struct listed *listed, struct view *view)
{
    const struct inspect_counts *counts = &listed->counts;

    view_row(view);
    view_text(view, "name", ct_str_of(listed->name.name));
    view_text(view, "prefix", ct_str_of(session->settings->prefix));
    view_text(view, "dialect", ct_str_of(listed->dialect->name));
    view_bool(view, "isPaused", counts->is_paused);
    view_cell(view, "is it paused", ct_str_of(counts->is_paused ? "paused" : ""), PRINT_HELD);
    view_group(view, "counts", '{');
    for (size_t i = 0; i < session->inspector->state_count; i++)
        view_count(view, session->inspector->states[i].name, counts->jobs[i]);
    view_group_end(view, '}');
    view_row_end(view);
}

static enum ct_code list(struct session *session, const struct session_names *names,
                         struct view *view, struct ct_error *err)
{
    struct listed *listed = ct_zalloc(COUNTS_AT_ONCE * sizeof *listed);
    enum ct_code rc = CT_E_OK;

    for (size_t from = 0; from < names->count && rc == CT_E_OK; from += COUNTS_AT_ONCE) {
        size_t left = names->count - from;
        size_t count = left < COUNTS_AT_ONCE ? left : COUNTS_AT_ONCE;

        rc = ask_all(session, names->items + from, count, listed, err);
        for (size_t i = 0; i < count && rc == CT_E_OK; i++) {
            if (listed[i].counts.exists)
                show(session, &listed[i], view);
        }
    }
    free(listed);
    return rc;
}

static enum ct_code run(struct session *session, const void *settings, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    struct print_column columns[PRINT_COLUMNS_MAX] = {
        {.title = "queue", .is_flexible = true, .key = "name"}};
    size_t column_count = 1;
    struct session_names names = {0};
    struct view view;
    enum ct_code rc = session_names(session, &names, err);

    if (rc != CT_E_OK)
        return rc;
    for (size_t i = 0; i < session->inspector->state_count; i++)
        columns[column_count++] =
            (struct print_column){.title = session->inspector->states[i].name, .is_right = true};
    columns[column_count++] = (struct print_column){.title = "", .key = "is it paused"};
    view_list(&view, &session->settings->look, columns, column_count);
    rc = list(session, &names, &view, err);
    if (rc == CT_E_OK)
        view_end(&view);
    if (rc == CT_E_OK && view.row_count == 0)
        fprintf(stderr, "no queues under the prefix \"%s\"\n", session->settings->prefix);
    view_close(&view);
    session_names_free(&names);
    return rc;
}

const struct command cmd_queue_ls = {
    .noun = "queue",
    .verb = "ls",
    .program = {.name = "cartrita-q queue ls",
                .usage = "[OPTION]...",
                .about = "List the queues and how many jobs they hold in each state.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .run = run,
};
