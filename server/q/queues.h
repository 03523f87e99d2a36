/* The queues that a command is about: those that were named, else all under the prefix. Called by
 * commands that look through queues (`compat check`, `doctor`). */
#ifndef Q_QUEUES_H
#define Q_QUEUES_H

#include "q/session.h"

#define QUEUES_ARGS_MAX 1000

/* On success the caller calls session_names_free. */
enum ct_code queues_of(struct session *session, const char *const *args, size_t arg_count,
                       struct session_names *out, struct ct_error *err) CT_MUST_CHECK;

/* For a queue that was named and is not there: NOT_FOUND, with the nearest name that is. */
enum ct_code queues_missing(struct session *session, const char *queue, struct ct_error *err);

/* Whose queues these are, by --dialect or by their keys, many in one round trip. */
struct queues_dialect {
    const struct dialect *dialect; /* NULL: `err` says why it is not known */
    bool is_mixed;                 /* both have left their marks */
    struct ct_error err;
};
void queues_resolve(struct session *session, const char *const *names, size_t count,
                    struct queues_dialect *out);

#endif
