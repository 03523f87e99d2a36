/* Jobs as rows, for the commands that list some. */
#ifndef Q_JOB_ROWS_H
#define Q_JOB_ROWS_H

#include "q/session.h"
#include "q/view.h"

struct job_rows {
    const struct session *session;     /* borrowed */
    const struct inspect_state *state; /* borrowed; of the jobs that are added now */
    struct view view;
};

void job_rows_init(struct job_rows *rows, const struct session *session);
void job_rows_fini(struct job_rows *rows);
/* An inspect_job_fn; `ctx` is the rows. JSON wants jobs with their large fields. */
void job_rows_add(void *ctx, const struct inspect_job *job);
/* Writes the rest, and a note when there is nothing. */
void job_rows_finish(struct job_rows *rows, const char *queue);

/* What there is to know about the job in its state, in a few words. */
void job_rows_append_detail(struct ct_buf *buf, const struct inspector *inspector,
                            const struct look *look, const struct inspect_job *job);

#endif
