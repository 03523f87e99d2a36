/* What the files of this dialect share. Private to it. */
#ifndef BULLMQ_PARTS_H
#define BULLMQ_PARTS_H

#include "dialect/bullmq/keys.h"
#include "dialect/shared/commit.h"

/* What shared/commit.h needs to know of BullMQ. */
extern const struct commit_rules bullmq_commit_rules;

/* manage.c */
extern const struct manager bullmq_manager;
extern const struct dead_keeper bullmq_dead_keeper;
extern const struct doctor bullmq_doctor; /* doctor.c */

/* The signatures are those of struct dialect. */
void bullmq_build_add(struct dialect_queue *queue, struct ct_list *adds, int64_t now_ms,
                      const struct ct_random *random, struct redis_command *command);
enum ct_code bullmq_parse_add(struct dialect_queue *queue, struct ct_list *adds,
                              const struct redis_reply *reply, struct ct_error *err);
void bullmq_build_children(struct dialect_queue *queue, const struct children_query *query,
                           struct redis_command *command);
enum ct_code bullmq_parse_children(struct dialect_queue *queue, struct children_query *query,
                                   const struct redis_reply *reply, struct ct_error *err);

void bullmq_build_wait(struct dialect_queue *queue, struct redis_command *command);
enum ct_code bullmq_parse_wait(struct dialect_queue *queue, const struct redis_reply *reply,
                               struct ct_str *id, bool *has_work, int64_t *due_ms,
                               struct ct_error *err);

#endif
