/* queue ls: every queue under the prefix, with its counts. Finds them with SCAN, then asks for the
 * counts of COUNTS_AT_ONCE queues in one round trip each. */
#include <stdlib.h>

#include "common/mem.h"
#include "q/command.h"
#include "q/print.h"

#define COUNTS_AT_ONCE 64

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {SESSION_OPTIONS(struct settings)};

struct listed {
    const struct session *session;
    struct inspect_counts counts;
    struct ct_error err;
};

static void on_counts(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct listed *listed = arg;

    if (err)
        listed->err = *err;
    else
        listed->err.code =
            listed->session->inspector->parse_counts(reply, &listed->counts, &listed->err);
}

/* Calls are answered in order, so when the last one is, all are. */
static enum ct_code ask_counts(struct session *session, char *const *names, size_t count,
                               struct listed *listed, struct ct_error *err)
{
    enum ct_code rc;

    for (size_t i = 0; i + 1 < count; i++) {
        struct queue_name name = {session->settings->prefix, names[i]};
        struct redis_command command;

        listed[i] = (struct listed){.session = session};
        redis_command_init(&command, NULL);
        session->inspector->build_counts(&name, &command);
        redis_link_call(session->link, &command, on_counts, &listed[i]);
        redis_command_fini(&command);
    }
    rc = session_counts(session, names[count - 1], &listed[count - 1].counts, err);
    for (size_t i = 0; i + 1 < count && rc == CT_E_OK; i++) {
        if (listed[i].err.code != CT_E_OK)
            rc = ct_error_set(err, listed[i].err.code, "%s", listed[i].err.detail);
    }
    return rc;
}

static void add_row(const struct session *session, const char *name,
                    const struct inspect_counts *counts, struct print_table *table)
{
    print_table_cell(table, ct_str_of(name));
    for (size_t i = 0; i < session->inspector->state_count; i++)
        print_table_number(table, counts->jobs[i]);
    print_table_cell(table, ct_str_of(counts->is_paused ? "paused" : ""));
}

static void add_object(const struct session *session, const char *name,
                       const struct inspect_counts *counts, struct print_json *json)
{
    print_json_open(json, NULL, '{');
    print_json_string(json, "name", ct_str_of(name));
    print_json_string(json, "prefix", ct_str_of(session->settings->prefix));
    print_json_string(json, "dialect", ct_str_of(session->dialect->name));
    print_json_bool(json, "isPaused", counts->is_paused);
    print_json_open(json, "counts", '{');
    for (size_t i = 0; i < session->inspector->state_count; i++)
        print_json_int(json, session->inspector->states[i].name, counts->jobs[i]);
    print_json_close(json, '}');
    print_json_close(json, '}');
}

static enum ct_code list(struct session *session, const struct session_names *names,
                         struct print_table *table, struct print_json *json, size_t *shown,
                         struct ct_error *err)
{
    bool is_json = session->settings->output == OUTPUT_JSON;
    struct listed *listed = ct_zalloc(COUNTS_AT_ONCE * sizeof *listed);
    enum ct_code rc = CT_E_OK;

    for (size_t from = 0; from < names->count && rc == CT_E_OK; from += COUNTS_AT_ONCE) {
        size_t left = names->count - from;
        size_t count = left < COUNTS_AT_ONCE ? left : COUNTS_AT_ONCE;

        rc = ask_counts(session, names->items + from, count, listed, err);
        for (size_t i = 0; i < count && rc == CT_E_OK; i++) {
            if (!listed[i].counts.exists)
                continue;
            if (is_json)
                add_object(session, names->items[from + i], &listed[i].counts, json);
            else
                add_row(session, names->items[from + i], &listed[i].counts, table);
            ++*shown;
        }
    }
    free(listed);
    return rc;
}

static enum ct_code run(struct session *session, const void *settings, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    struct print_column columns[PRINT_COLUMNS_MAX] = {{.title = "queue", .is_flexible = true}};
    size_t column_count = 1, shown = 0;
    struct session_names names = {0};
    struct print_table table;
    struct print_json json = {0};
    enum ct_code rc = session_names(session, &names, err);

    if (rc != CT_E_OK)
        return rc;
    for (size_t i = 0; i < session->inspector->state_count; i++)
        columns[column_count++] =
            (struct print_column){session->inspector->states[i].name, true, false};
    columns[column_count++] = (struct print_column){"", false, false};
    print_table_init(&table, columns, column_count);
    print_json_open(&json, NULL, '[');
    rc = list(session, &names, &table, &json, &shown, err);
    print_json_close(&json, ']');
    if (rc == CT_E_OK && session->settings->output == OUTPUT_JSON) {
        print_json_flush(&json, stdout);
        putchar('\n');
    } else if (rc == CT_E_OK && shown > 0) {
        print_table_write(&table, print_width(stdout), stdout);
    } else if (rc == CT_E_OK) {
        fprintf(stderr, "no queues under the prefix \"%s\"\n", session->settings->prefix);
    }
    ct_buf_free(&json.text);
    print_table_fini(&table);
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
