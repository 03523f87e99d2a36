/* Looking at queues by the table of their dialect: builds the calls and reads their replies. Called
 * by cartrita-q and by the daemon; reads only.
 *
 * build_* fill an initialised command, parse_* read its reply, as in queue/dialect.h. Each call is
 * one bounded step in Redis: what is long comes in several. Texts handed out are borrowed from the
 * reply. */
#ifndef DIALECT_SHARED_INSPECT_H
#define DIALECT_SHARED_INSPECT_H

#include "queue/inspect.h"

/* Names of queues of all dialects, a part at a time: from cursor "0" until it is "0" again. A name
 * may come several times, and some that are none: their counts say that they do not exist. */
void inspect_build_scan(const char *prefix, struct ct_str cursor, struct redis_command *command);
enum ct_code inspect_parse_scan(const char *prefix, const struct redis_reply *reply,
                                struct ct_str *cursor, inspect_name_fn on_name, void *ctx,
                                struct ct_error *err);

void inspect_build_counts(const struct inspector *inspector, const struct queue_name *name,
                          struct redis_command *command);
enum ct_code inspect_parse_counts(const struct inspector *inspector,
                                  const struct redis_reply *reply, struct inspect_counts *out,
                                  struct ct_error *err);

/* Jobs that are ready to be fetched, whether or not the queue is paused: in the order in which they
 * came, by priority, or where a paused queue has them. */
int64_t inspect_ready_count(const struct inspector *inspector, const struct inspect_counts *counts);

/* *count: how many came, markers among them; fewer than asked for when the state has no more
 * (offset + *count is then at least *total) or the bytes reached their bound. */
void inspect_build_page(const struct inspector *inspector, const struct queue_name *name,
                        const struct inspect_page *page, struct redis_command *command);
enum ct_code inspect_parse_page(const struct inspector *inspector, const struct inspect_page *page,
                                const struct redis_reply *reply, inspect_job_fn on_job, void *ctx,
                                uint32_t *count, int64_t *total, struct ct_error *err);

void inspect_build_job(const struct inspector *inspector, const struct queue_name *name,
                       struct ct_str id, uint32_t log_max, struct redis_command *command);
enum ct_code inspect_parse_job(const struct inspector *inspector, const struct redis_reply *reply,
                               struct ct_str id, struct inspect_found *out, struct ct_error *err);

/* Up to INSPECT_LOG_MAX lines from number `first` on, fewer where they are long; `first` below 0:
 * so many from the end; behind the end: the end. The part is empty only when there are no more. */
void inspect_build_log(const struct inspector *inspector, const struct queue_name *name,
                       struct ct_str id, int64_t first, struct redis_command *command);
enum ct_code inspect_parse_log(const struct redis_reply *reply, struct inspect_log *out,
                               struct ct_error *err);

/* Looks for `id` in one part of the long lists: from *place 0 until it is found or *place is -1,
 * which means that it is in none. */
void inspect_build_find(const struct inspector *inspector, const struct queue_name *name,
                        struct ct_str id, int64_t place, struct redis_command *command);
enum ct_code inspect_parse_find(const struct inspector *inspector, const struct redis_reply *reply,
                                bool *is_found, uint32_t *state, int64_t *place,
                                struct ct_error *err);

/* --- inspect_measure.c ---------------------------------------------------------------------- */

/* Cheap however long the queue is: asked about once a second. */
void inspect_build_backlog(const struct inspector *inspector, const struct queue_name *name,
                           int64_t now_ms, struct redis_command *command);
enum ct_code inspect_parse_backlog(const struct redis_reply *reply, struct inspect_backlog *out,
                                   struct ct_error *err);

/* Times of the jobs that ended last, as completed or as failed: up to INSPECT_TIMES_MAX from place
 * `offset` on; *count of them, 0: there are no more. `out` has room for all. */
void inspect_build_times(const struct inspector *inspector, const struct queue_name *name,
                         bool is_failed, int64_t offset, struct redis_command *command);
enum ct_code inspect_parse_times(const struct redis_reply *reply, struct inspect_time out[],
                                 uint32_t *count, struct ct_error *err);

/* `out` has room for INSPECT_CLASS_MAX. */
void inspect_build_memory(const struct inspector *inspector, const struct queue_name *name,
                          struct redis_command *command);
enum ct_code inspect_parse_memory(const struct redis_reply *reply, struct inspect_memory out[],
                                  uint32_t *count, struct ct_error *err);

#endif
