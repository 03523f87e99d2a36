/* What the files of looking share. Nobody else includes this. */
#ifndef BULL_INSPECT_PARTS_H
#define BULL_INSPECT_PARTS_H

#include "queue/inspect.h"

/* The one key that is declared, which tells a cluster where the queue lives; then the prefix. */
void bull_inspect_key(const struct queue_name *name, struct ct_str suffix,
                      struct redis_command *command);
/* The error for a reply that no script of ours gives. */
enum ct_code bull_inspect_unexpected(const char *what, struct ct_error *err);

/* inspect_measure.c; the signatures are those of struct inspector. */
void bull_build_backlog(const struct queue_name *name, int64_t now_ms,
                        struct redis_command *command);
enum ct_code bull_parse_backlog(const struct redis_reply *reply, struct inspect_backlog *out,
                                struct ct_error *err);
void bull_build_times(const struct queue_name *name, bool is_failed, int64_t offset,
                      struct redis_command *command);
enum ct_code bull_parse_times(const struct redis_reply *reply, struct inspect_time out[],
                              uint32_t *count, struct ct_error *err);
void bull_build_memory(const struct queue_name *name, struct redis_command *command);
enum ct_code bull_parse_memory(const struct redis_reply *reply, struct inspect_memory out[],
                               uint32_t *count, struct ct_error *err);

#endif
