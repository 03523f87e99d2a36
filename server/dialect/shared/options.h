/* The options of a stored job, as far as a worker acts on them. Called when jobs are leased, when
 * failures are judged and when effects are written. */
#ifndef DIALECT_SHARED_OPTIONS_H
#define DIALECT_SHARED_OPTIONS_H

#include "common/error.h"
#include "queue/job.h"

struct job_options {
    double attempts;          /* NaN: not a number, no retry */
    double stack_trace_limit; /* NaN: none is given */
    int64_t timeout_ms;       /* 0: none */
    int64_t delay_ms;         /* 0: none */
    int64_t keep_logs;        /* 0: all */
    struct keep on_complete, on_fail;
    bool has_on_complete, has_on_fail;        /* the job says so itself */
    struct ct_str backoff, repeat, telemetry; /* JSON text, in opts; absent: none */
    bool is_lifo, keeps_data_text;
};

/* INVALID or BAD_JSON when `opts` is not the text of a JSON object. */
enum ct_code options_read(struct ct_str opts, struct job_options *out,
                          struct ct_error *err) CT_MUST_CHECK;

#endif
