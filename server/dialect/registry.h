/* The dialects there are, by name, and which one a queue's keys tell of. Called by the daemon and
 * by cartrita-q; the engine never sees the names. */
#ifndef DIALECT_REGISTRY_H
#define DIALECT_REGISTRY_H

#include "queue/dialect.h"

/* Each of them, from 0 on; NULL: there are no more. */
const struct dialect *dialect_at(size_t index);
/* NULL when no dialect has this name. */
const struct dialect *dialect_find(const char *name);
/* The same, and USAGE, with the nearest name, when there is none. */
enum ct_code dialect_choose(const char *name, const struct dialect **out,
                            struct ct_error *err) CT_MUST_CHECK;

enum dialect_verdict {
    DIALECT_UNKNOWN, /* nothing tells */
    DIALECT_TOLD,
    DIALECT_MIXED, /* both have left their marks */
};

#define DIALECT_SIGNS_MAX 160

struct dialect_found {
    enum dialect_verdict verdict;
    /* TOLD: the queue's. MIXED: BullMQ's, which sees Bull's jobs as well. UNKNOWN: Bull's, as any
     * job of BullMQ's would have told. */
    const struct dialect *dialect;
    bool exists;                   /* the queue has a key at least */
    char signs[DIALECT_SIGNS_MAX]; /* what told, for people: "events, meta version"; may be "" */
};

/* "bull", "bullmq", "mixed" or "unknown". */
const char *dialect_verdict_name(const struct dialect_found *found);

/* Asks Redis for what tells the dialects apart; the answer goes to dialect_parse_detect. */
void dialect_build_detect(const struct queue_name *name, struct redis_command *command);
enum ct_code dialect_parse_detect(const struct redis_reply *reply, struct dialect_found *out,
                                  struct ct_error *err) CT_MUST_CHECK;

#endif
