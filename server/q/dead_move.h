/* Taking dead letters out of their queue, back to work or for good: what `dead redrive` and
 * `dead rm` share. */
#ifndef Q_DEAD_MOVE_H
#define Q_DEAD_MOVE_H

#include "q/confirm.h"
#include "q/dead.h"

#define DEAD_IDS_MAX  10000 /* on a command line */
#define DEAD_RATE_MAX 100000

struct dead_plan {
    bool is_redrive;
    const char *to; /* with is_redrive; NULL: each letter to its own queue */
    int64_t rate;   /* letters a second; 0: as fast as it goes */
    struct confirm_settings confirm;
};

/* Counts what matches, asks, and moves it in small atomic steps: what is stopped half-way goes on
 * when it is run again. `ids`: only these; none: all that match. */
enum ct_code dead_move_run(struct session *session, const char *queue, const char *const *ids,
                           size_t id_count, const struct dead_filter *filter,
                           const struct dead_plan *plan, struct ct_error *err) CT_MUST_CHECK;

#endif
