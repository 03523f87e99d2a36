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

/* Rows of an option table that choose jobs; `field` is a struct bulk_choice in `type`. */
struct bulk_choice {
    struct job_filter filter;
    bool is_all;
    struct ct_option_list states; /* names */
};

#define BULK_CHOICE_OPTIONS(type, field)                                               \
    JOB_FILTER_OPTIONS(type, field.filter),                                            \
    {                                                                                  \
        .name = "all", .kind = CT_OPTION_BOOL, .offset = offsetof(type, field.is_all), \
        .help = "All that there are, without a filter."                                \
    }

#define BULK_STATE_OPTION(type, field, text)                                             \
    {                                                                                    \
        .name = "state", .kind = CT_OPTION_LIST, .offset = offsetof(type, field.states), \
        .value_name = "STATE", .help = text                                              \
    }

struct bulk_plan {
    enum manage_deed deed;
    const char *target; /* MOVE */
    /* See queue/manage.h. */
    bool resets_attempts, takes_series;
    enum manage_manner manner;
    enum manage_tree tree;
    bool takes_delayed;               /* AS_DRAIN: delayed jobs, too */
    const struct bulk_choice *choice; /* with ids: nothing in it */
    const struct confirm_settings *confirm;
};

/* `ids`: only these; none: all that match. Ids that were given and could not be done are an error
 * (NOT_FOUND, CONFLICT), as are jobs that were refused; USAGE when neither ids nor a filter say
 * which. Without a state the deed's own are walked. */
enum ct_code bulk_run(struct session *session, const char *queue, const char *const *ids,
                      size_t id_count, const struct bulk_plan *plan,
                      struct ct_error *err) CT_MUST_CHECK;

#endif
