/* compat check: who wrote each queue, and what of it runs otherwise here. One call a queue. */
#include "dialect/origin.h"
#include "q/command.h"
#include "q/print.h"
#include "q/queues.h"

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {SESSION_OPTIONS(struct settings)};

static const struct print_column columns[] = {
    {"queue", false, true}, {"written by", false, false}, {"", false, false},
    {"what", false, true},  {"seen", true, false},        {"such as", false, true},
};

struct report {
    struct session *session;
    struct print_table table;
    struct print_json json;
    int64_t queue_count, refused_count;
};

static void add_row(struct report *report, const char *queue, const struct origin *origin,
                    const struct origin_sign *sign)
{
    struct print_table *table = &report->table;

    print_table_cell(table, ct_str_of(queue));
    print_table_cell(table, ct_str_of(origin->writer));
    if (!sign) {
        print_table_cell(table, ct_str_of("fits"));
        print_table_cell(table, ct_str_of("nothing was seen that runs otherwise here"));
        print_table_cell(table, CT_STR_LIT(""));
        print_table_cell(table, CT_STR_LIT(""));
        return;
    }
    print_table_cell(table, ct_str_of(origin_level_name(sign->level)));
    print_table_cell(table, ct_str_of(sign->meaning));
    print_table_number(table, sign->count);
    print_table_cell(table, sign->example);
}

static void add_rows(struct report *report, const char *queue, const struct origin *origin)
{
    bool is_plain = true;

    for (size_t i = 0; i < origin->sign_count; i++) {
        if (origin->signs[i].level == ORIGIN_EVIDENCE)
            continue;
        add_row(report, queue, origin, &origin->signs[i]);
        is_plain = false;
    }
    if (is_plain)
        add_row(report, queue, origin, NULL);
}

static void add_object(struct report *report, const char *queue, const struct origin *origin)
{
    struct print_json *json = &report->json;

    print_json_open(json, NULL, '{');
    print_json_string(json, "name", ct_str_of(queue));
    print_json_string(json, "prefix", ct_str_of(report->session->settings->prefix));
    print_json_string(json, "writer", ct_str_of(origin->writer));
    print_json_bool(json, "isServed", origin->is_served);
    print_json_open(json, "signs", '[');
    for (size_t i = 0; i < origin->sign_count; i++) {
        const struct origin_sign *sign = &origin->signs[i];

        print_json_open(json, NULL, '{');
        print_json_string(json, "sign", ct_str_of(sign->name));
        print_json_string(json, "level", ct_str_of(origin_level_name(sign->level)));
        print_json_string(json, "meaning", ct_str_of(sign->meaning));
        print_json_int(json, "count", sign->count);
        print_json_string(json, "example", sign->example);
        print_json_close(json, '}');
    }
    print_json_close(json, ']');
    print_json_close(json, '}');
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
        rc = origin_parse(reply, &origin, err);
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
    if (session->settings->output == OUTPUT_JSON)
        add_object(report, queue, &origin);
    else
        add_rows(report, queue, &origin);
out:
    redis_reply_free(reply);
    return rc;
}

static enum ct_code run(struct session *session, const void *settings, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    struct report report = {.session = session};
    struct session_names names = {0};
    enum ct_code rc = queues_of(session, args, arg_count, &names, err);

    if (rc != CT_E_OK)
        return rc;
    print_table_init(&report.table, columns, sizeof columns / sizeof *columns);
    print_json_open(&report.json, NULL, '[');
    for (size_t i = 0; i < names.count && rc == CT_E_OK; i++)
        rc = check_queue(&report, names.items[i], arg_count > 0, err);
    print_json_close(&report.json, ']');
    if (rc == CT_E_OK && session->settings->output == OUTPUT_JSON) {
        print_json_flush(&report.json, stdout);
        putchar('\n');
    } else if (rc == CT_E_OK && report.queue_count > 0) {
        print_table_write(&report.table, print_width(stdout), stdout);
    } else if (rc == CT_E_OK) {
        fprintf(stderr, "no queues under the prefix \"%s\"\n", session->settings->prefix);
    }
    if (rc == CT_E_OK && report.refused_count > 0)
        rc = ct_error_set(err, CT_E_UNSUPPORTED, "%lld of %lld queues cannot be served",
                          (long long)report.refused_count, (long long)report.queue_count);
    ct_buf_free(&report.json.text);
    print_table_fini(&report.table);
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
                    "evidence: who wrote it.  setting: an option of Bull's workers, to be\n"
                    "given here, too.  differs: one of the deliberate differences in README.md.\n"
                    "refused: not served; the exit status is 4 then. Jobs: the newest 20 of\n"
                    "each state are looked at.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_max = QUEUES_ARGS_MAX,
    .run = run,
};
