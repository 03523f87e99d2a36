/* What the files of this dialect share. Private to it. */
#ifndef BULLMQ_PARTS_H
#define BULLMQ_PARTS_H

#include "dialect/bullmq/keys.h"
#include "dialect/shared/queue.h"

/* The signatures are those of struct dialect. */
void bullmq_build_add(struct dialect_queue *queue, struct ct_list *adds, int64_t now_ms,
                      const struct ct_random *random, struct redis_command *command);
enum ct_code bullmq_parse_add(struct dialect_queue *queue, struct ct_list *adds,
                              const struct redis_reply *reply, struct ct_error *err);
void bullmq_build_children(struct dialect_queue *queue, const struct children_query *query,
                           struct redis_command *command);
enum ct_code bullmq_parse_children(struct dialect_queue *queue, struct children_query *query,
                                   const struct redis_reply *reply, struct ct_error *err);

#endif
