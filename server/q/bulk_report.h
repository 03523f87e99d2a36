/* What became of each job of a bulk command, counted and told. Called by bulk.c. */
#ifndef Q_BULK_REPORT_H
#define Q_BULK_REPORT_H

#include "q/bulk.h"
#include "q/view.h"

#define BULK_TOLD_MAX 10 /* jobs that stay, told one by one */

struct bulk_report {
    const char *queue; /* borrowed, as the next */
    const struct bulk_plan *plan;
    bool is_new_target;
    int64_t wanted;
    int64_t counts[MANAGE_REFUSED + 1]; /* by enum manage_result */
    int64_t told;
    struct view view;
};

void bulk_report_init(struct bulk_report *report, const struct session_settings *settings,
                      const char *queue, const struct bulk_plan *plan);
void bulk_report_fini(struct bulk_report *report);

/* "retried" */
const char *bulk_report_deed(enum manage_deed deed);

/* What would be done, in words. */
void bulk_report_tell(const struct bulk_report *report, struct ct_buf *line);

/* Data goes to standard output, notes to standard error. */
void bulk_report_take(struct bulk_report *report, const struct manage_job *job);
void bulk_report_end(struct bulk_report *report);

/* Ids that were given are wanted: what did not become of them is an error. */
enum ct_code bulk_report_judge(const struct bulk_report *report, bool has_ids,
                               struct ct_error *err) CT_MUST_CHECK;

#endif
