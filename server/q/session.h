/* What every command of cartrita-q shares: its common flags, one connection to Redis, the dialect.
 * Called by the commands; implements no queue operation itself. */
#ifndef Q_SESSION_H
#define Q_SESSION_H

#include <uv.h>

#include "common/option.h"
#include "common/secret.h"
#include "dialect/registry.h"
#include "q/look.h"
#include "q/profile.h"
#include "dialect/shared/inspect.h"
#include "redis/link.h"

/* The first member of each command's settings. */
struct session_settings {
    const char *profile, *redis_url, *password_file, *prefix, *queue_dialect;
    int64_t timeout_ms;
    struct look_settings look;
};

/* The common rows of an option table; `type` begins with `struct session_settings common`. */
#define SESSION_OPTIONS(type)                                         \
    PROFILE_OPTION(type, common.profile),                             \
        {.name = "redis",                                             \
         .kind = CT_OPTION_STRING,                                    \
         .offset = offsetof(type, common.redis_url),                  \
         .value_name = "URL",                                         \
         .fallback = "redis://127.0.0.1:6379",                        \
         .env = {"CARTRITA_REDIS_URL", "REDIS_URL"},                  \
         .help = "Redis server that holds the queues."},              \
        SECRET_OPTION(offsetof(type, common.password_file)),          \
        {.name = "prefix",                                            \
         .kind = CT_OPTION_STRING,                                    \
         .offset = offsetof(type, common.prefix),                     \
         .fallback = "bull",                                          \
         .help = "What the keys of the queues begin with."},          \
        {.name = "dialect",                                           \
         .kind = CT_OPTION_STRING,                                    \
         .offset = offsetof(type, common.queue_dialect),              \
         .value_name = "bull|bullmq|auto",                            \
         .fallback = "auto",                                          \
         .help = "Whose queues they are; auto looks at their keys."}, \
        {.name = "timeout",                                           \
         .kind = CT_OPTION_DURATION_MS,                               \
         .offset = offsetof(type, common.timeout_ms),                 \
         .fallback = "5s",                                            \
         .min = 1,                                                    \
         .max = 3600000,                                              \
         .help = "How long Redis may take to answer a call."},        \
        LOOK_OPTIONS(type, common.look)

struct session {
    const struct ct_option_set *set;         /* borrowed; where each setting came from */
    const struct session_settings *settings; /* borrowed; the same */
    uv_loop_t loop;
    struct ct_redis_url url;
    struct redis_link *link;
    const struct dialect *dialect; /* that of the queue, once session_resolve has found it */
    const struct inspector *inspector;
    struct dialect_found found; /* the same, unless the dialect is given */
};

/* Opens everything but the connection, which comes with the first call. On success the caller
 * calls session_close. */
enum ct_code session_open(struct session *session, const struct ct_option_set *set,
                          struct ct_error *err) CT_MUST_CHECK;
void session_close(struct session *session);

/* One call; empties `command`. *reply is the caller's to free. */
enum ct_code session_call(struct session *session, struct redis_command *command,
                          struct redis_reply **reply, struct ct_error *err) CT_MUST_CHECK;

/* Makes sure that the connection is there, for calls that do not wait for it. */
enum ct_code session_ready(struct session *session, struct ct_error *err) CT_MUST_CHECK;

/* Whether a call that ended with this error may have been carried out all the same. */
bool session_may_be_done(enum ct_code rc);

/* Lets the calls that were made on the link come in, until *pending, which their callbacks count
 * down, is 0. The link answers each in the time that Redis has for it. */
void session_wait(struct session *session, const size_t *pending);

/* Lets `ms` go by, or less when *is_over becomes true (NULL: never): connections stay alive. */
void session_sleep(struct session *session, int64_t ms, const bool *is_over);

/* Whether dialects are told from keys, not given. */
bool session_is_auto(const struct session *session);
/* Sets dialect and inspector: those of the queue that the next calls are about. */
void session_use(struct session *session, const struct dialect *dialect);
/* The same for this queue, by --dialect or by its keys. */
enum ct_code session_resolve(struct session *session, const char *queue,
                             struct ct_error *err) CT_MUST_CHECK;
/* The same for a queue that jobs of the present one are put into: when it does not exist yet it
 * will be of the same dialect. */
enum ct_code session_resolve_target(struct session *session, const char *queue,
                                    struct ct_error *err) CT_MUST_CHECK;
/* After session_resolve: CONFLICT when the keys tell of both dialects and no --dialect was given,
 * or of another one than was given. Whatever changes queues asks first. */
enum ct_code session_check_change(const struct session *session, const char *queue,
                                  struct ct_error *err) CT_MUST_CHECK;

/* The counts of one queue. */
enum ct_code session_counts(struct session *session, const char *queue, struct inspect_counts *out,
                            struct ct_error *err) CT_MUST_CHECK;
/* The same, and NOT_FOUND with the nearest name when there is no such queue. */
enum ct_code session_need_queue(struct session *session, const char *queue,
                                struct inspect_counts *out, struct ct_error *err) CT_MUST_CHECK;

/* Names of queues, sorted, each once; at most SESSION_QUEUES_MAX. Some may turn out not to exist.
 */
#define SESSION_QUEUES_MAX 100000
struct session_names {
    char **items; /* owned, as are the texts */
    size_t count, cap;
};
enum ct_code session_names(struct session *session, struct session_names *out,
                           struct ct_error *err) CT_MUST_CHECK;
void session_names_free(struct session_names *names);

#endif
