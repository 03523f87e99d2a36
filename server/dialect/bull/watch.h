/* The messages that Bull's clients publish, for cartrita-q. */
#ifndef CT_DIALECT_BULL_WATCH_H
#define CT_DIALECT_BULL_WATCH_H

#include "queue/watch.h"

extern const struct watcher bull_watcher;

#endif
