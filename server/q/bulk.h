/* One deed done to many jobs: those with the ids given, or all that match a filter. Counts, asks,
 * then goes through them in small atomic steps, so that nothing is lost or done twice by a signal,
 * a kill or a lost reply: what was stopped half-way goes on when it is run again. Called by `job
 * retry|promote|rm|move` and `queue drain|clean`. */
#ifndef Q_BULK_H
#define Q_BULK_H

#include "q/confirm.h"
#include "q/job_walk.h"
#include "queue/manage.h"

#define BULK_IDS_MAX 10000 /* on a command line */

struct bulk_plan {
    enum manage_deed deed;
    const char *target;                                 /* MOVE */
    bool resets_attempts, takes_series, keeps_debounce; /* see queue/manage.h */
    const uint32_t *states; /* indexes of those to walk; NULL: the deed's */
    uint32_t state_count;
    const struct job_filter *filter; /* with ids: not used */
    const struct confirm_settings *confirm;
};

/* `ids`: only these; none: all that match. Ids that were given and could not be done are an error
 * (NOT_FOUND, CONFLICT), as are jobs that were refused. */
enum ct_code bulk_run(struct session *session, const char *queue, const char *const *ids,
                      size_t id_count, const struct bulk_plan *plan,
                      struct ct_error *err) CT_MUST_CHECK;

#endif
