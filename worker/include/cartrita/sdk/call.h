/* The frame of a plugin's jobs: parse the data, find the handler by name, run it, end the job.
 *
 *   static const struct sdk_handler handlers[] = {{"send", mail_send}, {"bulk", mail_bulk}};
 *   static void mail_run(void *self, struct cartrita_job *const *jobs, size_t count)
 *   { sdk_run_job(host, self, jobs[0], handlers, 2); } */
#ifndef CARTRITA_SDK_CALL_H
#define CARTRITA_SDK_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "cartrita/plugin.h"
#include "cartrita/sdk/error.h"

/* One attempt at a job. */
struct sdk_call {
    const struct cartrita_host *host;
    struct cartrita_job *job;
    void *self;             /* the plugin's, as open made it */
    const char *name;       /* the job's name */
    json_t *data;           /* the job's data; owned by the frame */
    json_t *result;         /* set by the handler (a new reference); NULL stores null */
    struct sdk_error error; /* set by a handler that returns false */
    bool is_ended;          /* the handler has ended the job itself (released, delayed, ...) */
};

/* false: call->error says why. */
typedef bool (*sdk_handler_fn)(struct sdk_call *call);

struct sdk_handler {
    const char *name; /* of jobs; NULL in the last one: whatever has no other */
    sdk_handler_fn run;
};

/* Runs `job` with the handler of its name and ends it. Data that is not JSON, and a name that no
 * handler has, fail it for good, with the names there are. */
void sdk_run_job(const struct cartrita_host *host, void *self, struct cartrita_job *job,
                 const struct sdk_handler *handlers, size_t handler_count);

/* The two halves of it, for plugins that take batches: false, and the job is ended already. */
bool sdk_call_begin(struct sdk_call *call, const struct cartrita_host *host, void *self,
                    struct cartrita_job *job);
/* Ends the job (unless is_ended) with call->result, or as failed with call->error; frees all. */
void sdk_call_end(struct sdk_call *call, bool is_done);

/* False when the job should stop, with the error for that. For long work, between its steps. */
bool sdk_call_goes_on(struct sdk_call *call);
/* A line in the job's log, without known secrets. */
void sdk_call_log(struct sdk_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* `value` (a new reference, consumed) as the job's progress. */
void sdk_call_progress(struct sdk_call *call, json_t *value);

#endif
