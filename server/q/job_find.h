/* One stored job with its state, for the commands that begin with one. */
#ifndef Q_JOB_FIND_H
#define Q_JOB_FIND_H

#include "q/session.h"

/* The job with up to log_max lines of its log. *reply holds the texts of *out and is the caller's
 * to free, also on failure (NULL when there is none). `has_state` false: it is in no list, nothing
 * will ever run it. NOT_FOUND: there is no such job; JOB_MISSING: only its id is left, in a list.
 */
enum ct_code job_find(struct session *session, const char *queue, const char *id, uint32_t log_max,
                      struct inspect_found *out, struct redis_reply **reply,
                      struct ct_error *err) CT_MUST_CHECK;

/* Looks for it under any prefix; that it is not there is no error: out->exists tells. */
enum ct_code job_look(struct session *session, const struct queue_name *name, const char *id,
                      struct inspect_found *out, struct redis_reply **reply,
                      struct ct_error *err) CT_MUST_CHECK;

/* The same in one call, however long the lists are: without a state when it is in one of them or in
 * none, and without an error when it is not there at all. */
enum ct_code job_peek(struct session *session, const char *queue, const char *id, uint32_t log_max,
                      struct inspect_found *out, struct redis_reply **reply,
                      struct ct_error *err) CT_MUST_CHECK;

/* The name of its state; Bull's word for one without is "stuck". */
const char *job_state_name(const struct session *session, const struct inspect_found *found);

#endif
