/* What a runner has in its private temporary directory, against temp-max: looked at once a second,
 * on libuv's threads, because a walk over files may take long. One look of a slot at a time.
 *
 * Counted are the blocks of what can be found: not a file that is open and has no name any more,
 * nor what lies deeper than TEMP_WATCH_DEPTH_MAX or in a folder that its owner has closed to
 * himself. Called by limits.c; slot.c calls temp_watch_forget when its runner is gone. */
#ifndef WORKER_TEMP_WATCH_H
#define WORKER_TEMP_WATCH_H

#include "worker/supervisor/slot.h"

#define TEMP_WATCH_DEPTH_MAX 64u
#define TEMP_WATCH_ENTRIES_MAX                                         \
    100000u /* files and folders; more of them are over the limit, too \
             */

struct temp_size {
    uint64_t bytes;
    uint64_t entries;
};

/* Begins a look, unless there is no limit or one is under way. */
void temp_watch_look(struct slot *slot);
void temp_watch_forget(struct slot *slot);

/* The look itself; for tests. Stops once `enough` bytes are found. */
void temp_watch_measure(const char *path, uint64_t enough, struct temp_size *out);

#endif
