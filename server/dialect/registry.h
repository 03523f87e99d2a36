/* The dialects there are, by name, and which one a queue's keys tell of. Called by the daemon and
 * by cartrita-q; the engine never sees the names. */
#ifndef DIALECT_REGISTRY_H
#define DIALECT_REGISTRY_H

#include "queue/dialect.h"

/* NULL when no dialect has this name. */
const struct dialect *dialect_find(const char *name);
/* The names, for messages: "bull". Static memory. */
const char *dialect_names(void);

/* Asks Redis for what tells the dialects apart; the answer goes to dialect_parse_detect. */
void dialect_build_detect(const struct queue_name *name, struct redis_command *command);
/* *out is the dialect of the queue; a queue that does not exist yet gets the first one.
 * UNSUPPORTED: it belongs to a dialect that this program does not speak. */
enum ct_code dialect_parse_detect(const struct queue_name *name, const struct redis_reply *reply,
                                  const struct dialect **out, struct ct_error *err) CT_MUST_CHECK;

#endif
