/* Every key name of a BullMQ queue, in one place. Called by the rest of the dialect. */
#ifndef BULLMQ_KEYS_H
#define BULLMQ_KEYS_H

#include "dialect/shared/keys.h"

/* The KEYS of every script, in order (inc/base.lua). */
#define BULLMQ_KEY_LIST(X)                  \
    X(WAIT, "wait")                         \
    X(ACTIVE, "active")                     \
    X(PRIORITIZED, "prioritized")           \
    X(STALLED, "stalled")                   \
    X(COMPLETED, "completed")               \
    X(FAILED, "failed")                     \
    X(DELAYED, "delayed")                   \
    X(PAUSED, "paused")                     \
    X(WAITING_CHILDREN, "waiting-children") \
    X(ID, "id")                             \
    X(STALLED_CHECK, "stalled-check")       \
    X(REPEAT, "repeat")                     \
    X(META, "meta")                         \
    X(EVENTS, "events")                     \
    X(MARKER, "marker")                     \
    X(PC, "pc")                             \
    X(LIMITER, "limiter")

enum bullmq_key {
#define BULLMQ_KEY_ENUM(name, text) BULLMQ_KEY_##name,
    BULLMQ_KEY_LIST(BULLMQ_KEY_ENUM)
#undef BULLMQ_KEY_ENUM
        BULLMQ_KEY_COUNT
};

extern const struct key_table bullmq_key_table;

#endif
