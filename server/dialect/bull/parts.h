/* What the files of this dialect share. Private to it. */
#ifndef BULL_PARTS_H
#define BULL_PARTS_H

#include "dialect/bull/keys.h"
#include "dialect/shared/commit.h"
#include "dialect/shared/dead.h"
#include "dialect/shared/queue.h"

/* What shared/commit.h needs to know of Bull. */
extern const struct commit_rules bull_commit_rules;
/* manage.c */
extern const struct manager bull_manager;
extern const struct dead_keeper bull_dead_keeper;
extern const struct doctor bull_doctor; /* doctor.c */

/* The signatures are those of struct dialect. */
void bull_build_wait(struct dialect_queue *queue, struct redis_command *command);
enum ct_code bull_parse_wait(struct dialect_queue *queue, const struct redis_reply *reply,
                             struct ct_str *id, bool *has_work, int64_t *due_ms,
                             struct ct_error *err);
enum ct_code bull_schedule(struct dialect_queue *queue, const struct job *job, int64_t now_ms,
                           struct effect **out, struct ct_error *err);
/* An add_write_fn (shared/add.h). */
enum ct_code bull_entry_write(const struct dialect_queue *queue, struct job_add *add,
                              int64_t now_ms, const struct ct_random *random,
                              struct redis_command *out, struct ct_error *err);
void bull_build_add(struct dialect_queue *queue, struct ct_list *adds, int64_t now_ms,
                    const struct ct_random *random, struct redis_command *command);
enum ct_code bull_parse_add(struct dialect_queue *queue, struct ct_list *adds,
                            const struct redis_reply *reply, struct ct_error *err);

#endif
