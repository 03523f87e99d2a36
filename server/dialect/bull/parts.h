/* What the files of this dialect share. Private to it. */
#ifndef BULL_PARTS_H
#define BULL_PARTS_H

#include "dialect/bull/keys.h"
#include "dialect/shared/dead.h"
#include "dialect/shared/queue.h"

/* A job out of a reply of the scripts (inc/lease.lua); `token` names its lock. NULL: the reply is
 * no job. */
struct job *bull_job_parse(const struct redis_reply *reply, struct ct_str token);

/* The signatures are those of struct dialect. */
void bull_build_commit(struct dialect_queue *queue, const struct commit *commit,
                       struct redis_command *command);
enum ct_code bull_parse_commit(struct dialect_queue *queue, struct commit *commit,
                               const struct redis_reply *reply, struct ct_error *err);
void bull_build_wait(struct dialect_queue *queue, struct redis_command *command);
enum ct_code bull_parse_wait(struct dialect_queue *queue, const struct redis_reply *reply,
                             struct ct_str *id, bool *has_work, int64_t *due_ms,
                             struct ct_error *err);
void bull_build_sweep(struct dialect_queue *queue, int64_t now_ms, struct redis_command *command);
enum ct_code bull_parse_sweep(struct dialect_queue *queue, const struct redis_reply *reply,
                              struct sweep *out, struct ct_error *err);
void bull_build_reclaim(struct dialect_queue *queue, const char *token_base,
                        struct redis_command *command);
enum ct_code bull_parse_reclaim(struct dialect_queue *queue, struct commit *commit,
                                const struct redis_reply *reply, struct ct_error *err);
struct effect *bull_judge(struct dialect_queue *queue, const struct job *job,
                          const struct failure *failure, int64_t now_ms,
                          const struct ct_random *random);
enum ct_code bull_schedule(struct dialect_queue *queue, const struct job *job, int64_t now_ms,
                           struct effect **out, struct ct_error *err);
void bull_build_add(struct dialect_queue *queue, struct ct_list *adds, int64_t now_ms,
                    const struct ct_random *random, struct redis_command *command);
enum ct_code bull_parse_add(struct dialect_queue *queue, struct ct_list *adds,
                            const struct redis_reply *reply, struct ct_error *err);

#endif
