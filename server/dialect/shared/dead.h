/* Dead letters and foreign keys: arguments that the scripts of both dialects take, and what they
 * answer. Called by the files that build and parse the calls of commit.lua and sweep.lua. */
#ifndef DIALECT_SHARED_DEAD_H
#define DIALECT_SHARED_DEAD_H

#include "dialect/shared/queue.h"

/* Arguments of open_dead (inc/dead.lua), where the queue has a dead-letter queue and, in a commit,
 * jobs that may go there; and what the scripts answer of it (`what` may be NULL). */
void dead_put_commit(const struct dialect_queue *queue, const struct commit *commit,
                     struct redis_command *command);
void dead_put_sweep(const struct dialect_queue *queue, struct redis_command *command);
void dead_parse(const struct redis_reply *what, struct dead_letters *out);

/* "WRONGTYPE KEY is a string, not a list" of the scripts, as an error; absent: OK. */
void foreign_parse(struct ct_str text, struct ct_error *err);
/* Such a text or any other error of Redis, as an error. */
void problem_parse(struct ct_str text, struct ct_error *err);

#endif
