/* The job that is replayed, as `cartrita-q job replay` hands it over: a JSON object with the texts
 * queue, id, name, data and opts (data and opts are JSON texts, untouched) and the numbers
 * attemptsMade, timestamp and timeoutMs. */
#ifndef WORKER_REPLAY_JOB_H
#define WORKER_REPLAY_JOB_H

#include <stdint.h>

#include "common/error.h"
#include "common/str.h"

struct replay_job {
    char *queue, *id, *name, *data, *opts; /* owned */
    uint64_t attempts_made;
    int64_t timestamp_ms;
    uint64_t timeout_ms; /* 0: the pool's */
};

enum ct_code replay_job_parse(struct ct_str text, struct replay_job *out,
                              struct ct_error *err) CT_MUST_CHECK;
/* Reads all of `file`; the errors name it. */
enum ct_code replay_job_read(const char *file, struct replay_job *out,
                             struct ct_error *err) CT_MUST_CHECK;
void replay_job_free(struct replay_job *job);

#endif
