/* What the files of looking share. Nobody else includes this. */
#ifndef DIALECT_SHARED_INSPECT_PARTS_H
#define DIALECT_SHARED_INSPECT_PARTS_H

#include "dialect/shared/inspect.h"

/* The one key that is declared, which tells a cluster where the queue lives; then the prefix. */
void inspect_begin(const struct redis_script *script, const struct queue_name *name,
                   struct ct_str suffix, struct redis_command *command);
/* The error for a reply that no script of ours gives. */
enum ct_code inspect_unexpected(const char *what, struct ct_error *err);

#endif
