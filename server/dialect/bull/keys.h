/* Every key and channel name of a Bull queue, in one place. Called by the rest of the dialect. */
#ifndef BULL_KEYS_H
#define BULL_KEYS_H

#include "dialect/shared/keys.h"

/* The KEYS of every script, in order (inc/base.lua). */
#define BULL_KEY_LIST(X)              \
    X(WAIT, "wait")                   \
    X(ACTIVE, "active")               \
    X(PRIORITY, "priority")           \
    X(STALLED, "stalled")             \
    X(COMPLETED, "completed")         \
    X(FAILED, "failed")               \
    X(DELAYED, "delayed")             \
    X(PAUSED, "paused")               \
    X(META_PAUSED, "meta-paused")     \
    X(ID, "id")                       \
    X(STALLED_CHECK, "stalled-check") \
    X(REPEAT, "repeat")

enum bull_key {
#define BULL_KEY_ENUM(name, text) BULL_KEY_##name,
    BULL_KEY_LIST(BULL_KEY_ENUM)
#undef BULL_KEY_ENUM
        BULL_KEY_COUNT
};

extern const struct key_table bull_key_table;

#endif
