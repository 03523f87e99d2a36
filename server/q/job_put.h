/* Adding jobs, for the commands that do: its data as the command line gives it, and the call. */
#ifndef Q_JOB_PUT_H
#define Q_JOB_PUT_H

#include "q/session.h"

/* The row of an option table for the job's data; `field` is a const char * in `type`. */
#define JOB_DATA_OPTION(type, field, group_text)                                   \
    {                                                                              \
        .name = "data", .kind = CT_OPTION_STRING, .offset = offsetof(type, field), \
        .value_name = "JSON|@FILE|-", .fallback = "{}", .group = group_text,       \
        .help = "The job's data: JSON, a file with it, or - for standard input."   \
    }

/* Appends what a file holds, or for "-" standard input; `flag` stands before its name in errors. */
enum ct_code json_file_read(const char *path, const char *flag, struct ct_buf *out,
                            struct ct_error *err) CT_MUST_CHECK;
/* Appends what such an option names. USAGE: it is no JSON. */
enum ct_code job_data_read(const char *given, struct ct_buf *out,
                           struct ct_error *err) CT_MUST_CHECK;

/* Adds it to the queue, whose dialect was found, as its producers would. The caller calls
 * job_add_fini. What is wrong with the job is the error; is_skipped is not. */
enum ct_code job_put(struct session *session, const char *queue, struct job_add *job,
                     int64_t now_ms, struct ct_error *err) CT_MUST_CHECK;
/* The same with several, in one call: a flow, or jobs for one queue. What is wrong with one is in
 * its err. */
enum ct_code jobs_put(struct session *session, const char *queue, struct ct_list *adds,
                      int64_t now_ms, struct ct_error *err) CT_MUST_CHECK;

#endif
