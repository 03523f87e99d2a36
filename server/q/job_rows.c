/* Rows of jobs; see the header. */
#include "q/job_rows.h"

#include "q/job_text.h"
#include "q/text.h"

static const struct print_column columns[] = {
    {.title = "id", .is_flexible = true},
    {.title = "name", .is_flexible = true},
    {.title = "state"},
    {.title = "added", .is_right = true, .key = "timestamp"},
    {.title = "attempts", .is_right = true, .key = "attemptsMade"},
    {.title = "detail", .is_flexible = true},
};

void job_rows_init(struct job_rows *rows, const struct session *session)
{
    *rows = (struct job_rows){.session = session};
    view_list(&rows->view, &session->settings->look, columns, sizeof columns / sizeof *columns);
}

void job_rows_fini(struct job_rows *rows)
{
    view_close(&rows->view);
}

static void append_due(struct ct_buf *buf, const struct look *look, int64_t due_ms)
{
    if (look->time == TIME_RELATIVE && due_ms <= look->now_ms) {
        ct_buf_printf(buf, "overdue ");
        text_append_span(buf, due_ms - look->now_ms);
    } else {
        ct_buf_printf(buf, "due ");
        look_append_moment(look, buf, due_ms);
    }
}

void job_rows_append_detail(struct ct_buf *buf, const struct inspector *inspector,
                            const struct look *look, const struct inspect_job *job)
{
    struct ct_str reason = job_field(inspector, job, "failedReason");
    struct ct_str deferred = job_field(inspector, job, "deferredFailure");
    struct ct_str progress = job_field(inspector, job, "progress");
    int64_t processed_ms = job_number(inspector, job, "processedOn");
    int64_t finished_ms = job_number(inspector, job, "finishedOn");
    const char *gap = "";

    if (job->is_missing) {
        ct_buf_printf(buf, "its hash is gone");
        return;
    }
    if (job->due_ms > 0) {
        append_due(buf, look, job->due_ms);
        gap = ", ";
    }
    if (job->priority > 0) {
        ct_buf_printf(buf, "priority %lld", (long long)job->priority);
        gap = ", ";
    }
    if (deferred.data) {
        ct_buf_printf(buf, "%swill fail: %.*s", gap, (int)deferred.len, deferred.data);
        return;
    }
    if (finished_ms > 0 && processed_ms > 0 && !reason.data) {
        ct_buf_printf(buf, "took %lld ms", (long long)(finished_ms - processed_ms));
        gap = ", ";
    }
    if (progress.data && finished_ms == 0) {
        ct_buf_printf(buf, "%sprogress %.*s", gap, (int)progress.len, progress.data);
        gap = ", ";
    }
    if (reason.data) {
        ct_buf_printf(buf, "%s", gap);
        ct_buf_append_str(buf, reason);
    }
}

static void show_cells(struct job_rows *rows, const struct inspect_job *job)
{
    const struct inspector *inspector = rows->session->inspector;
    struct view *view = &rows->view;
    struct ct_buf text;

    ct_buf_init(&text);
    view_text(view, "id", job->id);
    view_text(view, "name", job_field(inspector, job, "name"));
    view_state(view, "state", ct_str_of(rows->state->name));
    view_moment(view, "timestamp", job_number(inspector, job, "timestamp"));
    view_number(view, "attemptsMade", job_number(inspector, job, "attemptsMade"));
    job_rows_append_detail(&text, inspector, &view->look, job);
    view_cell(view, "detail", ct_buf_str(&text), PRINT_PLAIN);
    ct_buf_free(&text);
}

void job_rows_add(void *ctx, const struct inspect_job *job)
{
    struct job_rows *rows = ctx;
    struct view *view = &rows->view;

    view_row(view);
    if (view_json(view))
        job_print_members(view_json(view), rows->session->inspector, job, rows->state->name);
    else
        show_cells(rows, job);
    view_row_end(view);
}

void job_rows_finish(struct job_rows *rows, const char *queue)
{
    view_end(&rows->view);
    if (rows->view.row_count == 0)
        fprintf(stderr, "no such jobs in queue \"%s\"\n", queue);
}
