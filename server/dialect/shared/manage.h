/* Changing queues by hand with the scripts of their dialect: builds the calls and reads their
 * replies. Called by cartrita-q, for dialects that have a manager.
 *
 * build_* fill an initialised command, parse_* read its reply, as in queue/dialect.h. Each call is
 * one atomic step that holds Redis for a few milliseconds, however long the queue is: what is more
 * comes in several, and what was not done when they end is as it was. */
#ifndef DIALECT_SHARED_MANAGE_H
#define DIALECT_SHARED_MANAGE_H

#include "queue/manage.h"

void manage_build_jobs(const struct dialect *dialect, const struct manage_call *call,
                       int64_t now_ms, struct redis_command *command);
/* Sets the result of every job, and `search`. */
enum ct_code manage_parse_jobs(struct manage_call *call, const struct redis_reply *reply,
                               struct ct_error *err) CT_MUST_CHECK;

/* Of the queue, for all its workers. *has_more: jobs that were left where they do not belong are
 * moved first, a part at a time; ask again. */
void manage_build_pause(const struct dialect *dialect, const struct queue_name *name, bool is_pause,
                        struct redis_command *command);
enum ct_code manage_parse_pause(const struct redis_reply *reply, bool *has_more,
                                struct ct_error *err) CT_MUST_CHECK;

/* With jobs: a paused queue only. *removed: jobs. */
void manage_build_erase(const struct dialect *dialect, const struct queue_name *name,
                        enum manage_erase how, struct redis_command *command);
enum ct_code manage_parse_erase(const struct redis_reply *reply, enum manage_erased *out,
                                int64_t *removed, struct ct_error *err) CT_MUST_CHECK;

#endif
