/* A job's own temporary directory, below its runner's: made when the plugin first asks for it
 * (host.c), removed with all it holds when its run has returned (threads.c). */
#ifndef WORKER_JOB_TEMP_H
#define WORKER_JOB_TEMP_H

#include "worker/runner/job.h"

/* The directory of `job`, made below `runner_dir` at the first call; the text lives until
 * job_temp_remove. NULL: `err` says why. Any thread, while the job runs. */
const char *job_temp_make(struct cartrita_job *job, const char *runner_dir, struct ct_error *err);

/* If it has one. On its job thread, when nothing of the job runs any more. */
void job_temp_remove(struct cartrita_job *job);

#endif
