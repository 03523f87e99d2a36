/* The way of jobs from producers to add.lua and back, which is the same for Bull and BullMQ. What a
 * job's arguments are is each dialect's entry.c. Called by the dialects' add.c. */
#ifndef DIALECT_SHARED_ADD_H
#define DIALECT_SHARED_ADD_H

#include "common/random.h"
#include "dialect/shared/queue.h"

/* Appends the arguments of one job; NOT_FOUND: there is nothing to add. On failure `out` is
 * untouched. */
typedef enum ct_code (*add_write_fn)(const struct dialect_queue *queue, struct job_add *add,
                                     int64_t now_ms, const struct ct_random *random,
                                     struct redis_command *out, struct ct_error *err);
/* A job that the script refused, by {code, key}. */
typedef void (*add_refused_fn)(struct job_add *add, int64_t code, struct ct_str key);

struct job_add *add_at(struct ct_list *node);

/* Writes all jobs into `jobs`; those that cannot be written get their err, or is_skipped. Whether
 * none has an err. */
bool adds_write(const struct dialect_queue *queue, struct ct_list *adds, add_write_fn write,
                int64_t now_ms, const struct ct_random *random, struct redis_command *jobs);

/* As parse_add of struct dialect. `refused` NULL: the script does not. */
enum ct_code adds_parse(struct ct_list *adds, add_refused_fn refused,
                        const struct redis_reply *reply, struct ct_error *err);

#endif
