/* A stored job as output, for the commands that show jobs. */
#ifndef Q_JOB_TEXT_H
#define Q_JOB_TEXT_H

#include "q/view.h"
#include "queue/inspect.h"

/* The value of a field by its name; absent when the job has none. */
struct ct_str job_field(const struct inspector *inspector, const struct inspect_job *job,
                        const char *name);
/* A field that holds a number; 0 when it does not. */
int64_t job_number(const struct inspector *inspector, const struct inspect_job *job,
                   const char *name);

/* A text among a job's stored options; owned by the caller; NULL: there is none. */
char *job_option_text(struct ct_str opts, const char *name);

/* The members of a job's JSON object: id, state (NULL: null), then the fields, named and defaulted
 * as Bull's own toJSON does. What should be JSON and is not comes as a string and is named in
 * "broken". */
void job_print_members(struct print_json *json, const struct inspector *inspector,
                       const struct inspect_job *job, const char *state);

/* Lines of a sheet: a stack trace, which is stored as a JSON array of texts with line breaks. */
void job_view_stacktrace(struct view *view, struct ct_str text);

/* Members of a queue: how many jobs each of its states has. People are spared the states that only
 * old clients use, while they are empty. */
void job_view_counts(struct view *view, const struct inspector *inspector,
                     const struct inspect_counts *counts);

#endif
