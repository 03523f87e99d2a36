/* Jobs as they were fetched: one block each. Made by dialects, owned by leases. */
#include "queue/job.h"

#include <stdlib.h>

#include "common/mem.h"

/* Copies `text` to *at, which moves behind the copy and its NUL. */
static struct ct_str job_copy(char **at, struct ct_str text)
{
    struct ct_str copy = {*at, text.len};

    if (!text.data)
        return CT_STR_NONE;
    memcpy(*at, text.data, text.len);
    (*at)[text.len] = '\0';
    *at += text.len + 1;
    return copy;
}

struct job *job_new(const struct job_texts *texts)
{
    size_t len = texts->id.len + texts->name.len + texts->data.len + texts->opts.len +
                 texts->token.len + texts->stacktrace.len + texts->telemetry.len +
                 texts->parent.len + texts->series.len + 9;
    struct job *job = ct_alloc(sizeof *job + len);
    char *at = (char *)(job + 1);

    *job = (struct job){.on_complete = {-1, -1, 0}, .on_fail = {-1, -1, 0}};
    ct_list_init(&job->link);
    job->id = job_copy(&at, texts->id);
    job->name = job_copy(&at, texts->name);
    job->data = job_copy(&at, texts->data);
    job->opts = job_copy(&at, texts->opts);
    job->token = job_copy(&at, texts->token);
    job->stacktrace = job_copy(&at, texts->stacktrace);
    job->telemetry = job_copy(&at, texts->telemetry);
    job->parent = job_copy(&at, texts->parent);
    job->series = job_copy(&at, texts->series);
    return job;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    ct_list_remove(&job->link);
    free(job->broken);
    free(job);
}
