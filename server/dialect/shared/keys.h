/* Key names of a queue, and the beginning of its script calls, which names all keys. Each dialect
 * has a table of its own (its keys.h). Called by the dialects. */
#ifndef DIALECT_SHARED_KEYS_H
#define DIALECT_SHARED_KEYS_H

#include "common/buf.h"
#include "redis/command.h"

#define KEYS_MAX 24

/* What comes behind "prefix:name:". */
struct key_table {
    const char *const *texts; /* the KEYS of every script, in order (inc/base.lua of the dialect) */
    size_t count;             /* at most KEYS_MAX */
    const char *const *others; /* of the queue as well, for no job to overwrite; ends with NULL */
};

struct queue_keys {
    char *base;        /* owned; "prefix:name:", what every key begins with */
    char *client_name; /* owned; what getWorkers of Bull and BullMQ looks for */
    char *key[KEYS_MAX];
    size_t count;
    struct ct_buf head; /* count, keys and base as arguments, in their final form */
    uint32_t head_argc;
};

void queue_keys_init(struct queue_keys *keys, const struct key_table *table, const char *prefix,
                     const char *name);
void queue_keys_fini(struct queue_keys *keys);

/* Begins a script call: number of keys, the keys, ARGV 1 (base), 2 (now) and 3 (token). */
void queue_keys_begin(const struct queue_keys *keys, const struct redis_script *script,
                      int64_t now_ms, const char *token, struct redis_command *command);

/* Whether a job with this id would overwrite a key of the queue itself. */
bool key_table_has(const struct key_table *table, struct ct_str id);

/* Appends `text` so that Redis's globs take it for itself. */
void keys_append_glob(struct ct_buf *buf, const char *text);

#endif
