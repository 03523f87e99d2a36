/* --reason: an extended regular expression that is looked for in why a job failed. Called by those
 * who pick jobs (job_walk.c) and dead letters (dead.c). */
#ifndef Q_REASON_H
#define Q_REASON_H

#include <regex.h>
#include <stdbool.h>

#include "common/error.h"
#include "common/str.h"

struct reason {
    regex_t regex;
    bool is_set;
};

/* `pattern` NULL: any reason will do, and none. USAGE: it is no expression. On success the caller
 * calls reason_fini. */
enum ct_code reason_init(struct reason *reason, const char *pattern,
                         struct ct_error *err) CT_MUST_CHECK;
void reason_fini(struct reason *reason);
bool reason_matches(const struct reason *reason, struct ct_str text);

#endif
