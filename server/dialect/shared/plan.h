/* What a SCHEDULE effect carries until it is committed: the arguments of its script part. */
#ifndef DIALECT_SHARED_PLAN_H
#define DIALECT_SHARED_PLAN_H

#include "queue/commit.h"
#include "redis/command.h"

/* A SCHEDULE effect with an empty plan, whose arguments *out takes. */
struct effect *plan_new(struct redis_command **out);
/* Appends the arguments. */
void plan_write(const void *plan, struct redis_command *command);
/* For the member free_plan of struct dialect. */
void plan_free(void *plan);

#endif
