/* A folder that a supervisor makes for itself and holds locked while it lives, so that whoever
 * comes later can tell what a killed one has left. Made by temp_root.c and private.c. */
#ifndef WORKER_HELD_DIR_H
#define WORKER_HELD_DIR_H

#include "common/error.h"

struct held_dir {
    char *path; /* owned */
    int fd;     /* owned; of path, holds the lock (flock) */
};

/* BASE/cartrita-held-XXXXXX, for us alone. `base` is absolute. */
enum ct_code held_dir_make(const char *base, struct held_dir *out,
                           struct ct_error *err) CT_MUST_CHECK;

/* Removes it, unless something is in it that its owner has left, and lets go of it. */
void held_dir_free(struct held_dir *dir);

/* Removes what killed supervisors of our user have left in `base`. On any thread; may take long. */
void held_dir_sweep(const char *base);

#endif
