/* What the files of the host table share. Nobody else includes it. */
#ifndef WORKER_HOST_PARTS_H
#define WORKER_HOST_PARTS_H

#include "worker/runner/job.h"

/* False, and reported unless the job was told to stop: it has ended; `what` is what was tried. */
bool host_is_running(const struct cartrita_job *job, const char *what);
/* False, and reported: it is not one any more. */
bool host_is_known(const struct cartrita_job *job);

/* host_beside.c */
void host_enqueue(const struct cartrita_job *job, const char *queue, const char *name,
                  const char *data, const char *opts, cartrita_enqueued_fn done, void *ctx);
void host_log_process(int32_t level, const char *message);

/* host_children.c */
int32_t host_children(struct cartrita_job *job, int32_t which, cartrita_child_fn each, void *ctx,
                      char *error, size_t error_size);

#endif
