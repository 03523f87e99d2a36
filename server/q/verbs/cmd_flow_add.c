/* flow add: adds a tree of jobs as BullMQ's FlowProducer would, in one atomic call. The root's id
 * goes to stdout. A job that the call refused is named on stderr; the others are there then, and
 * the status says so. */
#include "common/clock.h"
#include "q/command.h"
#include "q/flow_read.h"
#include "q/job_put.h"
#include "q/view.h"

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {SESSION_OPTIONS(struct settings)};

/* --- whose queues --------------------------------------------------------------------------- */

static bool is_asked_before(const struct flow *flow, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(flow->jobs[i].queue, flow->jobs[index].queue) == 0)
            return true;
    }
    return false;
}

/* A queue that is not there yet becomes one of the dialect that has flows. */
static enum ct_code check_queue(struct session *session, const struct dialect *dialect,
                                const char *queue, struct ct_error *err)
{
    enum ct_code rc = session_resolve(session, queue, err);

    if (rc == CT_E_OK)
        rc = session_check_change(session, queue, err);
    if (rc != CT_E_OK)
        return rc;
    bool is_new = session_is_auto(session) && !session->found.exists;
    if (!is_new && !session->dialect->has_flows)
        return ct_error_set(
            err, CT_E_UNSUPPORTED,
            "queue \"%.60s\" has the dialect %s, which has no flows (--dialect says whose "
            "it is)",
            queue, session->dialect->name);
    session->dialect = dialect;
    return CT_E_OK;
}

/* Queues under other prefixes than the command's are taken for what the flow says. */
static enum ct_code check_queues(struct session *session, const struct flow *flow,
                                 struct ct_error *err)
{
    const struct dialect *dialect = dialect_find("bullmq");
    enum ct_code rc = CT_E_OK;

    for (size_t i = 0; rc == CT_E_OK && i < flow->count; i++) {
        const struct flow_job *job = &flow->jobs[i];
        if (strcmp(job->prefix, session->settings->prefix) == 0 && !is_asked_before(flow, i))
            rc = check_queue(session, dialect, job->queue, err);
    }
    session->dialect = dialect;
    return rc;
}

/* --- what came of it ------------------------------------------------------------------------ */

/* Names the jobs that were refused; OK: none was. */
static enum ct_code tell_refused(const struct flow *flow, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;
    size_t count = 0;

    for (size_t i = 0; i < flow->count; i++) {
        const struct flow_job *job = &flow->jobs[i];

        if (job->add.err.code == CT_E_OK)
            continue;
        count++;
        if (job->add.is_skipped)
            continue;
        if (rc == CT_E_OK)
            rc = job->add.err.code;
        fprintf(stderr, "job \"%s\" for queue \"%s\": %s\n", job->name, job->queue,
                job->add.err.detail);
    }
    if (count == flow->count)
        return ct_error_set(err, rc, "the flow was not added");
    if (count > 0)
        return ct_error_set(err, rc, "%zu of the %zu jobs of the flow were not added", count,
                            flow->count);
    return CT_E_OK;
}

static void show(const struct session *session, const struct flow *flow)
{
    struct view view;

    view_members(&view, &session->settings->look);
    view_text(&view, "queue", ct_str_of(flow->jobs[0].queue));
    view_text(&view, "id", ct_str_of(flow->jobs[0].add.id));
    view_group(&view, "jobs", '[');
    for (size_t i = 0; i < flow->count; i++) {
        const struct flow_job *job = &flow->jobs[i];

        view_group(&view, NULL, '{');
        view_text(&view, "queue", ct_str_of(job->queue));
        view_text(&view, "name", ct_str_of(job->name));
        if (job->add.id)
            view_text(&view, "id", ct_str_of(job->add.id));
        else
            view_null(&view, "id");
        view_group_end(&view, '}');
    }
    view_group_end(&view, ']');
    if (view_is_table(&view))
        printf("%s\n", flow->jobs[0].add.id);
    view_end(&view);
    view_close(&view);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    struct flow flow = {.count = 0};
    struct ct_buf text;
    struct ct_list adds;

    (void)given;
    (void)arg_count;
    ct_buf_init(&text);
    ct_list_init(&adds);
    enum ct_code rc = json_file_read(args[0], "", &text, err);
    if (rc == CT_E_OK)
        rc = flow_read(&flow, ct_buf_str(&text), session->settings->prefix, err);
    if (rc == CT_E_OK)
        rc = check_queues(session, &flow, err);
    for (size_t i = 0; i < flow.count; i++)
        ct_list_push_back(&adds, &flow.jobs[i].add.link);
    if (rc == CT_E_OK)
        rc = jobs_put(session, flow.jobs[0].queue, &adds, ct_wall_ms(&ct_clock_system), err);
    if (rc == CT_E_OK) {
        if (flow.jobs[0].add.id)
            show(session, &flow);
        rc = tell_refused(&flow, err);
    }
    flow_free(&flow);
    ct_buf_free(&text);
    return rc;
}

const struct command cmd_flow_add = {
    .noun = "flow",
    .verb = "add",
    .program = {.name = "cartrita-q flow add",
                .usage = "FILE|- [OPTION]...",
                .about = "Add a flow, a job and the children it waits for, as FlowProducer takes "
                         "it.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = 1,
    .run = run,
};
