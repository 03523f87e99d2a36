/* A queue as its dialect holds it: names, keys and settings. The same for Bull and BullMQ. */
#ifndef DIALECT_SHARED_QUEUE_H
#define DIALECT_SHARED_QUEUE_H

#include "dialect/shared/keys.h"
#include "queue/dialect.h"

/* The speaker of events that no worker causes; no listener is this one. */
#define DIALECT_OUTSIDER "cartrita"

struct dialect_queue {
    char *prefix, *name; /* owned */
    struct queue_keys keys;
    struct queue_settings settings;
};

/* But for the table the signatures are those of struct dialect. */
enum ct_code dialect_queue_open(const struct key_table *table, const struct queue_name *name,
                                const struct queue_settings *settings, struct dialect_queue **out,
                                struct ct_error *err);
void dialect_queue_close(struct dialect_queue *queue);
void dialect_queue_configure(struct dialect_queue *queue, const struct queue_settings *settings);

#endif
