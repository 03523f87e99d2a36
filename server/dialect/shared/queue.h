/* A queue as its dialect holds it: names, keys and settings. The same for Bull and BullMQ. */
#ifndef DIALECT_SHARED_QUEUE_H
#define DIALECT_SHARED_QUEUE_H

#include "dialect/shared/keys.h"
#include "queue/dialect.h"

/* The speaker of events that no worker causes; no listener is this one. */
#define DIALECT_OUTSIDER "cartrita"

struct commit_rules; /* dialect/shared/commit.h */

struct dialect_queue {
    char *prefix, *name; /* owned */
    const struct commit_rules *rules;
    struct queue_keys keys;
    struct queue_settings settings;
    char *worker_client; /* owned; client name of a worker with a name; NULL: keys.client_name */
};

/* But for the tables the signatures are those of struct dialect. */
enum ct_code dialect_queue_open(const struct key_table *table, const struct commit_rules *rules,
                                const struct queue_name *name,
                                const struct queue_settings *settings, struct dialect_queue **out,
                                struct ct_error *err);
void dialect_queue_close(struct dialect_queue *queue);
void dialect_queue_configure(struct dialect_queue *queue, const struct queue_settings *settings);

#endif
