/* Words and numbers; see the header. */
#include "q/bulk_report.h"

static const struct {
    const char *done, *wrong_state;
} deeds[MANAGE_DEED_COUNT] = {
    [MANAGE_RETRY] = {"retried", "it has not failed"},
    [MANAGE_PROMOTE] = {"promoted", "it is not delayed"},
    [MANAGE_REMOVE] = {"removed", "it is in another state by now, or in none"},
    [MANAGE_MOVE] = {"moved", "it is active, in another state by now, or in none"},
};

const char *bulk_report_deed(enum manage_deed deed)
{
    return deeds[deed].done;
}

void bulk_report_init(struct bulk_report *report, const struct session_settings *settings,
                      const char *queue, const struct bulk_plan *plan)
{
    *report = (struct bulk_report){.queue = queue, .plan = plan};
    view_report(&report->view, &settings->look, "jobs");
}

void bulk_report_fini(struct bulk_report *report)
{
    view_close(&report->view);
}

void bulk_report_tell(const struct bulk_report *report, struct ct_buf *line)
{
    ct_buf_printf(line, "%lld %s of queue \"%s\" %s %s", (long long)report->wanted,
                  report->wanted == 1 ? "job" : "jobs", report->queue,
                  report->plan->confirm->is_dry ? "would be" : "to be",
                  bulk_report_deed(report->plan->deed));
    if (report->plan->target)
        ct_buf_printf(line, " to \"%s\"%s", report->plan->target,
                      report->is_new_target ? ", which is a new queue" : "");
}

static const char *why(const struct bulk_report *report, const struct manage_job *job)
{
    switch (job->result) {
    case MANAGE_GONE:
        return "there is no such job";
    case MANAGE_WRONG_STATE:
        return deeds[report->plan->deed].wrong_state;
    case MANAGE_HELD:
        return "a worker has it: there is a lock";
    case MANAGE_SERIES:
        return report->plan->deed == MANAGE_REMOVE
                   ? "it is the next one of a repeatable job, which would end without it: "
                     "`cartrita-q scheduler rm` does that, --series takes this one alone"
                   : "it is the next one of a repeatable job, which would end without it";
    default:
        return job->err.detail[0] ? job->err.detail : ct_error_text(job->err.code);
    }
}

static void note(struct bulk_report *report, const struct manage_job *job)
{
    struct ct_buf line;

    if (report->told++ >= BULK_TOLD_MAX)
        return;
    ct_buf_init(&line);
    ct_buf_printf(&line, "job %.*s is not %s: %s", (int)job->id.len, job->id.data,
                  bulk_report_deed(report->plan->deed), why(report, job));
    confirm_say(&line);
}

void bulk_report_take(struct bulk_report *report, const struct manage_job *job)
{
    report->counts[job->result]++;
    if (job->result != MANAGE_DONE) {
        note(report, job);
        return;
    }
    view_row(&report->view);
    view_text(&report->view, "id", job->id);
    if (job->new_id)
        view_text(&report->view, "newId", ct_str_of(job->new_id));
    view_row_end(&report->view);
}

void bulk_report_end(struct bulk_report *report)
{
    struct view *view = &report->view;

    if (report->told > BULK_TOLD_MAX)
        fprintf(stderr, "%lld more are not %s\n", (long long)(report->told - BULK_TOLD_MAX),
                bulk_report_deed(report->plan->deed));
    view_totals(view);
    view_number(view, "matched", report->wanted);
    view_number(view, "done", report->counts[MANAGE_DONE]);
    view_number(view, "gone", report->counts[MANAGE_GONE]);
    view_number(view, "elsewhere", report->counts[MANAGE_WRONG_STATE]);
    view_number(view, "held", report->counts[MANAGE_HELD]);
    view_number(view, "series", report->counts[MANAGE_SERIES]);
    view_number(view, "refused", report->counts[MANAGE_REFUSED]);
    view_bool(view, "dryRun", report->plan->confirm->is_dry);
    view_end(view);
    if (view_is_table(view) && !report->plan->confirm->is_dry)
        printf("%s %lld of %lld\n", bulk_report_deed(report->plan->deed),
               (long long)report->counts[MANAGE_DONE], (long long)report->wanted);
}

enum ct_code bulk_report_judge(const struct bulk_report *report, bool has_ids, struct ct_error *err)
{
    const int64_t *counts = report->counts;
    int64_t stay = counts[MANAGE_HELD] + counts[MANAGE_SERIES] + counts[MANAGE_WRONG_STATE];
    int64_t not_done = counts[MANAGE_REFUSED] + (has_ids ? stay : 0);

    if (has_ids && counts[MANAGE_GONE] > 0)
        return ct_error_set(err, CT_E_NOT_FOUND, "queue \"%s\" has no job with %lld of the ids",
                            report->queue, (long long)counts[MANAGE_GONE]);
    if (counts[MANAGE_REFUSED] > 0 || (has_ids && stay > 0))
        return ct_error_set(err, CT_E_CONFLICT, "%lld of the jobs %s not %s", (long long)not_done,
                            not_done == 1 ? "was" : "were", bulk_report_deed(report->plan->deed));
    return CT_E_OK;
}
