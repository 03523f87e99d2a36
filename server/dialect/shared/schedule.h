/* The calls of queue/schedule.h as both dialects make them: the sorted set of series holds their
 * keys with the slots of their next jobs, which are jobs like others. Called by the dialects'
 * schedule.c, which know what keys and jobs say. */
#ifndef DIALECT_SHARED_SCHEDULE_H
#define DIALECT_SHARED_SCHEDULE_H

#include "dialect/shared/keys.h"
#include "dialect/shared/repeat.h"
#include "queue/schedule.h"

/* Appends the beginnings of the ids that jobs of the series may have. */
typedef void (*schedule_heads_fn)(struct ct_str key, struct redis_command *heads);

/* A row of schedule_look.lua, read in part: the job is in `schedule`, what is here is borrowed. */
struct schedule_row {
    struct ct_str name, opts;       /* of the job; absent: there is none */
    const struct redis_reply *rule; /* what series_rule.lua answered */
};

void schedule_build_keys(const struct queue_name *name, int64_t offset,
                         struct redis_command *command);
enum ct_code schedule_parse_keys(const struct redis_reply *reply, struct ct_str *out,
                                 uint32_t *count, struct ct_error *err);

void schedule_build_look(const struct redis_script *script, schedule_heads_fn put_heads,
                         const struct queue_name *name, const struct ct_str *keys, uint32_t count,
                         bool has_bodies, struct redis_command *command);
/* `read` completes what the row says of itself: slot, state, id, data and options of the job. */
enum ct_code schedule_parse_look(void (*read)(struct schedule *schedule,
                                              const struct schedule_row *row),
                                 const struct redis_reply *reply, const struct ct_str *keys,
                                 uint32_t count, struct schedule *out, bool *is_there,
                                 struct ct_error *err);

void schedule_build_remove(const struct redis_script *script, const struct key_table *table,
                           schedule_heads_fn put_heads, const struct queue_name *name,
                           struct ct_str key, struct redis_command *command);
enum ct_code schedule_parse_remove(const struct redis_reply *reply, bool *is_removed,
                                   bool *is_job_removed, struct ct_error *err);

/* Fills in what the option `repeat` of a job says, which is named `name`. */
void schedule_read_job(struct schedule *schedule, struct ct_str name, struct ct_str opts,
                       const struct repeat_form *form);

/* --- small things of both -------------------------------------------------------------------- */

enum ct_code schedule_unexpected(struct ct_error *err);
/* A copy as fresh memory; NULL when it is empty. */
char *schedule_copy(struct ct_str text);
double schedule_number(struct ct_str text); /* NaN: none */

#endif
