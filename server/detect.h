/* Which dialect a queue speaks: the one that was asked for, or the one its keys tell. Called by
 * hosts.c; knows the list of dialects, not what they do. */
#ifndef CT_SERVER_DETECT_H
#define CT_SERVER_DETECT_H

#include "dialect/registry.h"
#include "redis/link.h"

struct detect;

/* `wanted` NULL: look at the keys. */
struct detect *detect_begin(const struct queue_name *name, const char *wanted);
/* Does what can be done now: asks Redis once it is up. True when there is an answer: *out, or `err`
 * says why there is none (its code is OK otherwise). Called again after each turn; after an answer
 * it asks anew. */
bool detect_step(struct detect *detect, struct redis_link *link, struct dialect_found *out,
                 struct ct_error *err);
/* Ends it at any time; an answer that is still to come is dropped. */
void detect_cancel(struct detect *detect);

#endif
