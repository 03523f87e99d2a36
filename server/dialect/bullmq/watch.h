/* What BullMQ tells of its queues, for cartrita-q. */
#ifndef DIALECT_BULLMQ_WATCH_H
#define DIALECT_BULLMQ_WATCH_H

#include "queue/watch.h"

extern const struct watcher bullmq_watcher;

#endif
