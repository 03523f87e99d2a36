/* doctor: finds broken state in queues and, when asked, repairs it. Looks only, by default: an
 * examination is a walk in small calls, a repair one atomic step that looks first whether it is
 * still needed. What is found is kept until all queues are examined, then counted, shown and asked
 * about. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "dialect/shared/doctor.h"
#include "q/command.h"
#include "q/confirm.h"
#include "q/progress.h"
#include "q/queues.h"
#include "q/view.h"

/* So many are kept and shown; more are counted, and are found when it is run again. */
#define FINDINGS_MAX 10000

struct settings {
    struct session_settings common;
    bool is_repair;
    struct confirm_settings confirm;
};

static const struct ct_option options[] = {
    {.name = "repair",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_repair),
     .group = "What",
     .help = "Repair what can be repaired, after telling and asking."},
    CONFIRM_OPTIONS(struct settings, confirm, NULL),
    SESSION_OPTIONS(struct settings),
};

static const struct print_column columns[] = {
    {.title = "queue", .is_flexible = true},
    {.title = "finding"},
    {.title = "id", .is_flexible = true},
    {.title = "detail", .is_flexible = true},
    {.title = "a repair would", .is_flexible = true, .key = "cure"},
    {.title = "means", .is_whole = true, .key = "meaning"},
};

struct finding {
    const struct illness *illness;
    const char *queue; /* borrowed from the names */
    const struct dialect *dialect;
    bool is_mixed;       /* nobody said whose the queue is: it is left as it is */
    char *id, *detail;   /* owned */
    const char *outcome; /* of a repair; static; NULL: none was tried */
};

struct ward {
    struct session *session;
    const struct settings *settings;
    const struct session_names *queues, *all; /* to examine; all there are */
    const char *queue;                        /* the one under way */
    struct finding *items;                    /* owned */
    size_t count, cap;
    int64_t dropped, curable, repaired, healthy, call_count, queue_count;
    struct progress progress;
};

static void on_finding(void *ctx, const struct illness *illness, struct ct_str id,
                       struct ct_str detail)
{
    struct ward *ward = ctx;
    struct ct_error ignored;
    bool is_mixed = session_check_change(ward->session, ward->queue, &ignored) != CT_E_OK;

    if (ward->count == FINDINGS_MAX) {
        ward->dropped++;
        return;
    }
    if (ward->count == ward->cap) {
        ward->cap = ward->cap ? 2 * ward->cap : 16;
        ward->items = ct_realloc(ward->items, ward->cap * sizeof *ward->items);
    }
    ward->items[ward->count++] = (struct finding){
        .illness = illness,
        .queue = ward->queue,
        .dialect = ward->session->dialect,
        .is_mixed = is_mixed,
        .id = ct_strndup(id.data, id.len),
        .detail = ct_strndup(detail.data ? detail.data : "", detail.len),
    };
    ward->curable += illness->cure != NULL && !is_mixed;
}

static enum ct_code call(struct session *session, struct redis_command *command,
                         struct redis_reply **reply, struct ct_error *err)
{
    enum ct_code rc = progress_check(err);

    *reply = NULL;
    if (rc == CT_E_OK)
        return session_call(session, command, reply, err);
    redis_command_fini(command);
    return rc;
}

/* --- examining ------------------------------------------------------------------------------- */

static enum ct_code walk(struct ward *ward, struct examination *examination, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    for (;;) {
        struct redis_command command;
        struct redis_reply *reply;
        int64_t rest_ms;

        redis_command_init(&command, NULL);
        if (!doctor_build(examination, ct_wall_ms(&ct_clock_system), &rest_ms, &command)) {
            redis_command_fini(&command);
            return CT_E_OK;
        }
        if (rest_ms > 0)
            session_sleep(ward->session, rest_ms, NULL);
        rc = call(ward->session, &command, &reply, err);
        if (rc == CT_E_OK)
            rc = doctor_parse(examination, reply, on_finding, ward, err);
        redis_reply_free(reply);
        if (rc != CT_E_OK)
            return rc;
        progress_show(&ward->progress, ++ward->call_count);
    }
}

/* A queue that was named has to be there. One of another dialect is examined all the same: whether
 * it is of that one alone is the first question. */
static enum ct_code examine(struct ward *ward, bool is_named, struct ct_error *err)
{
    struct session *session = ward->session;
    const struct queue_name name = {session->settings->prefix, ward->queue};
    struct inspect_counts counts;
    struct examination *examination;
    enum ct_code rc = session_resolve(session, ward->queue, err);

    if (rc == CT_E_UNSUPPORTED) {
        fprintf(stderr, "queue \"%s\": %s\n", ward->queue, err->detail);
        err->code = CT_E_OK;
    } else if (rc == CT_E_OK && is_named) {
        rc = session_counts(session, ward->queue, &counts, err);
        if (rc == CT_E_OK && !counts.exists)
            return queues_missing(session, ward->queue, err);
        if (rc == CT_E_REDIS_TYPE)
            rc = CT_E_OK; /* the examination says it better */
    }
    if (rc != CT_E_OK && rc != CT_E_UNSUPPORTED)
        return rc;
    if (!session->dialect->doctor)
        return ct_error_set(err, CT_E_UNSUPPORTED, "queues of %s cannot be examined",
                            session->dialect->name);
    ward->queue_count++;
    examination = doctor_open(session->dialect, &name, (const char *const *)ward->all->items,
                              ward->all->count, ct_wall_ms(&ct_clock_system));
    rc = walk(ward, examination, err);
    doctor_close(examination);
    return rc;
}

/* --- showing --------------------------------------------------------------------------------- */

static void show(struct ward *ward)
{
    struct view view;

    view_list(&view, &ward->session->settings->look, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < ward->count; i++) {
        const struct finding *finding = &ward->items[i];

        view_row(&view);
        view_text(&view, "queue", ct_str_of(finding->queue));
        view_text(&view, "finding", ct_str_of(finding->illness->name));
        view_text(&view, "id", ct_str_of(finding->id));
        view_text(&view, "detail", ct_str_of(finding->detail));
        view_text(&view, "meaning", ct_str_of(finding->illness->meaning));
        if (finding->illness->cure)
            view_text(&view, "cure", ct_str_of(finding->illness->cure));
        else
            view_null(&view, "cure");
        if (!view_is_table(&view) && finding->outcome)
            view_text(&view, "outcome", ct_str_of(finding->outcome));
        view_row_end(&view);
    }
    if (ward->count > 0 || !view_is_table(&view))
        view_end(&view);
    view_close(&view);
    if (ward->dropped > 0)
        fprintf(stderr, "%lld more are not shown; run it again when these are gone\n",
                (long long)ward->dropped);
}

/* --- repairing ------------------------------------------------------------------------------- */

static enum ct_code repair(struct ward *ward, struct finding *finding, struct ct_error *err)
{
    const struct queue_name name = {ward->session->settings->prefix, finding->queue};
    enum repair_result result = REPAIR_MORE;
    bool has_begun = false;
    enum ct_code rc = CT_E_OK;

    while (rc == CT_E_OK && result == REPAIR_MORE) {
        struct redis_command command;
        struct redis_reply *reply;

        redis_command_init(&command, NULL);
        doctor_build_repair(finding->dialect, &name, finding->illness, ct_str_of(finding->id),
                            ct_wall_ms(&ct_clock_system), &command);
        rc = call(ward->session, &command, &reply, err);
        if (rc == CT_E_OK)
            rc = doctor_parse_repair(reply, &result, err);
        redis_reply_free(reply);
        has_begun = has_begun || (rc == CT_E_OK && result != REPAIR_HEALTHY);
    }
    if (rc == CT_E_REDIS_TYPE) { /* it hinders this one repair */
        fprintf(stderr, "not repaired: %s\n", err->detail);
        finding->outcome = "refused";
        err->code = CT_E_OK;
        return CT_E_OK;
    }
    if (rc != CT_E_OK)
        return rc;
    finding->outcome = has_begun ? "repaired" : "healthy";
    ward->repaired += has_begun;
    ward->healthy += !has_begun;
    return CT_E_OK;
}

static enum ct_code repair_all(struct ward *ward, struct ct_error *err)
{
    struct progress progress = {.deed = "repaired", .total = ward->curable};
    bool is_table = ward->settings->common.look.output == OUTPUT_TABLE;
    struct ct_buf what;
    bool is_go = false;
    enum ct_code rc;

    ct_buf_init(&what);
    ct_buf_printf(&what, "%lld of %lld findings can be repaired", (long long)ward->curable,
                  (long long)ward->count);
    rc = confirm(&ward->settings->confirm, ward->curable, &what, &is_go, err);
    for (size_t i = 0; i < ward->count && rc == CT_E_OK && is_go; i++) {
        if (ward->items[i].is_mixed)
            ward->items[i].outcome = "refused";
        else if (ward->items[i].illness->cure)
            rc = repair(ward, &ward->items[i], err);
        progress_show(&progress, ward->repaired);
    }
    progress_end(&progress);
    if (is_go && is_table)
        printf("repaired %lld of %lld\n", (long long)ward->repaired, (long long)ward->curable);
    if (ward->healthy > 0)
        fprintf(stderr, "%lld were healthy when their turn came\n", (long long)ward->healthy);
    return rc;
}

/* --- the whole ------------------------------------------------------------------------------- */

static enum ct_code judge(const struct ward *ward, struct ct_error *err)
{
    int64_t left = (int64_t)ward->count + ward->dropped - ward->repaired - ward->healthy;

    if (left == 0)
        return CT_E_OK;
    if (ward->settings->is_repair && !ward->settings->confirm.is_dry)
        return ct_error_set(err, CT_E_CONFLICT, "%lld findings are left", (long long)left);
    return ct_error_set(err, CT_E_CONFLICT, "%lld findings; --repair can do something about %lld",
                        (long long)left, (long long)ward->curable);
}

static enum ct_code treat(struct ward *ward, struct ct_error *err)
{
    bool is_table = ward->settings->common.look.output == OUTPUT_TABLE;
    enum ct_code rc = CT_E_OK;

    if (is_table)
        show(ward); /* before the question */
    if (ward->settings->is_repair)
        rc = repair_all(ward, err);
    if (!is_table)
        show(ward);
    if (ward->count == 0 && is_table)
        fprintf(stderr, "%lld queues are healthy\n", (long long)ward->queue_count);
    return rc == CT_E_OK ? judge(ward, err) : rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    struct session_names queues = {0}, all = {0};
    struct ward ward = {.session = session, .settings = given, .queues = &queues, .all = &all};
    enum ct_code rc = session_names(session, &all, err);

    if (rc == CT_E_OK)
        rc = queues_of(session, args, arg_count, &queues, err);
    ward.progress = (struct progress){.deed = "examining, calls:"};
    progress_catch_signals();
    for (size_t i = 0; i < queues.count && rc == CT_E_OK; i++) {
        ward.queue = queues.items[i];
        rc = examine(&ward, arg_count > 0, err);
    }
    progress_end(&ward.progress);
    if (rc == CT_E_OK)
        rc = treat(&ward, err);
    for (size_t i = 0; i < ward.count; i++) {
        free(ward.items[i].id);
        free(ward.items[i].detail);
    }
    free(ward.items);
    session_names_free(&queues);
    session_names_free(&all);
    return rc;
}

const struct command cmd_doctor = {
    .noun = "doctor",
    .program = {.name = "cartrita-q doctor",
                .usage = "[QUEUE]... [OPTION]...",
                .about = "Find broken state in queues, and repair it when asked.",
                .footer =
                    "Changes nothing without --repair. Queues may be at work meanwhile. The exit\n"
                    "status is 4 while there are findings.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_max = QUEUES_ARGS_MAX,
    .run = run,
};
