/* How many letters a command would take and where their jobs would go, to be
 * told before anything is done. */
#ifndef Q_DEAD_TALLY_H
#define Q_DEAD_TALLY_H

#include "q/dead.h"

#define DEAD_TARGETS_MAX 20 /* named one by one */

struct dead_target {
    char *name; /* owned */
    int64_t count;
};

struct dead_tally {
    int64_t wanted;
    struct dead_target targets[DEAD_TARGETS_MAX];
    size_t target_count;
    int64_t other_count; /* to targets beyond those */
};

/* `target`: the queue that gets the job; NULL: the letter would be removed. */
void dead_tally_add(struct dead_tally *tally, const char *target);
void dead_tally_fini(struct dead_tally *tally);

/* What would be done, in words; `line` is filled. */
void dead_tally_tell(const struct dead_tally *tally, const struct dead_walk *walk, bool is_redrive,
                     struct ct_buf *line);

#endif
