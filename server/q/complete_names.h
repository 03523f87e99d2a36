/* Names that only Redis or a daemon knows, for completion. Called by complete.c. Nothing is said of
 * what goes wrong: then there are no names. */
#ifndef Q_COMPLETE_NAMES_H
#define Q_COMPLETE_NAMES_H

#include "q/command.h"

/* So long may each call take: somebody waits at a prompt. */
#define COMPLETE_MS 1000

typedef void (*complete_name_fn)(void *ctx, const char *name);

/* `args`: what follows the verb of `command` so far, with options that say where to ask. */
typedef void (*complete_names_fn)(const struct command *command, char *const *args,
                                  size_t arg_count, complete_name_fn on_name, void *ctx);
void complete_queues(const struct command *command, char *const *args, size_t arg_count,
                     complete_name_fn on_name, void *ctx);
/* HOST:PID, and "all" where there are several. */
void complete_workers(const struct command *command, char *const *args, size_t arg_count,
                      complete_name_fn on_name, void *ctx);
void complete_pools(const struct command *command, char *const *args, size_t arg_count,
                    complete_name_fn on_name, void *ctx);

#endif
