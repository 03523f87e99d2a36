/* What each role needs of a Redis with users (ACL): commands, keys and channels, as one table for
 * all dialects. Called by `cartrita-q acl`. tests/interop/q_acl.test.mjs holds the table to the
 * scripts here, to those of the packages bull and bullmq, and to Redis itself.
 *
 * Redis asks for rights inside of scripts, too, so a role has the commands of its scripts. */
#ifndef DIALECT_RIGHTS_H
#define DIALECT_RIGHTS_H

#include "queue/dialect.h"

enum rights_role {
    /* In Node queue.add(), addBulk(), finished(), getters, FlowProducer, upsertJobScheduler(),
     * QueueEvents; `cartrita-q job add` */
    RIGHTS_PRODUCER,
    RIGHTS_WORKER, /* queue.process() and Worker in Node, with all that a producer may */
    RIGHTS_DAEMON, /* cartrita-queued, and the private daemon of a cartrita-worker */
    RIGHTS_VIEWER, /* what cartrita-q shows; changes nothing */
    RIGHTS_ROLE_COUNT,
};

extern const char *const rights_roles[]; /* by role; ends with NULL */

/* Of the queues that the role has to do with; or-ed. */
enum rights_dialects { RIGHTS_BULL = 1, RIGHTS_BULLMQ = 2, RIGHTS_BOTH = 3 };

#define RIGHTS_COMMANDS_MAX 128

struct rights_scope {
    const char *prefix;
    const char *const *queues; /* only these; none: all under the prefix */
    size_t queue_count;
};

/* Names of the commands of a role as ACL rules have them ("client|setname"), static, in the order
 * of the table; returns how many. */
size_t rights_commands(enum rights_role role, unsigned dialects,
                       const char *out[RIGHTS_COMMANDS_MAX]);

/* Patterns of keys, and of channels, one after another: each is handed to `on_pattern`. */
typedef void (*rights_pattern_fn)(void *ctx, struct ct_str pattern);
void rights_keys(const struct rights_scope *scope, rights_pattern_fn on_pattern, void *ctx);
/* Keys that are no queue's: of the result cache (queue/cache.h). */
void rights_own_keys(enum rights_role role, rights_pattern_fn on_pattern, void *ctx);
void rights_channels(enum rights_role role, unsigned dialects, const struct rights_scope *scope,
                     rights_pattern_fn on_pattern, void *ctx);

/* Asks Redis which commands of the role the user of the connection lacks on the keys and channels
 * of one queue; changes nothing. Needs Redis 7. */
void rights_build_check(enum rights_role role, unsigned dialects, const struct queue_name *name,
                        struct redis_command *command);
/* *missing: the names, static; *has_keys: false when no command at all may touch the keys. */
enum ct_code rights_parse_check(enum rights_role role, unsigned dialects,
                                const struct redis_reply *reply,
                                const char *missing[RIGHTS_COMMANDS_MAX], size_t *missing_count,
                                bool *has_keys, struct ct_error *err) CT_MUST_CHECK;

#endif
