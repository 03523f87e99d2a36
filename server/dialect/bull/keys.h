/* Every key and channel name of a Bull queue, in one place. Called by the rest of the dialect. */
#ifndef BULL_KEYS_H
#define BULL_KEYS_H

#include "common/buf.h"
#include "redis/command.h"

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

struct bull_keys {
    char *base;        /* owned; "prefix:name:", what every key begins with */
    char *client_name; /* owned; what Bull's getWorkers looks for */
    char *key[BULL_KEY_COUNT];
    struct ct_buf head; /* count, keys and base as arguments, in their final form */
    uint32_t head_argc;
};

void bull_keys_init(struct bull_keys *keys, const char *prefix, const char *name);
void bull_keys_fini(struct bull_keys *keys);

/* Begins a script call: number of keys, the keys, ARGV 1 (base), 2 (now) and 3 (token). */
void bull_keys_begin(const struct bull_keys *keys, const struct redis_script *script,
                     int64_t now_ms, const char *token, struct redis_command *command);

/* Appends `text` so that Redis's globs take it for itself. */
void bull_append_glob(struct ct_buf *buf, const char *text);

/* Whether a job with this id would overwrite a key of the queue itself. */
bool bull_keys_is_reserved(struct ct_str id);

#endif
