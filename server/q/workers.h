/* How many workers a queue has, as Redis' list of connections tells: a worker, Bull's or ours,
 * names one of its own after the queue. */
#ifndef Q_WORKERS_H
#define Q_WORKERS_H

#include "q/session.h"

/* The list; the caller frees it. *list NULL without an error: this user may not see it, and *err
 * says so. */
enum ct_code workers_list(struct session *session, struct redis_reply **list,
                          struct ct_error *err) CT_MUST_CHECK;
/* Of one queue in it; -1 when there is no list. */
enum ct_code workers_count(struct session *session, const struct redis_reply *list,
                           const char *queue, int64_t *out, struct ct_error *err) CT_MUST_CHECK;

#endif
