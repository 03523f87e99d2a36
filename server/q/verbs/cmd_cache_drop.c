/* cache drop: results of pure jobs that carry a tag are good no more. One small write for each tag,
 * however many results there are. */
#include "common/random.h"
#include "q/command.h"
#include "queue/cache.h"

#define DROP_TAGS_MAX 1000

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {
    SESSION_OPTIONS(struct settings),
};

static enum ct_code drop(struct session *session, const char *tag, struct ct_error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    rc = cache_build_drop(ct_str_of(tag), &ct_random_system, &command, err);
    if (rc == CT_E_OK)
        rc = session_call(session, &command, &reply, err);
    else
        redis_command_fini(&command);
    redis_reply_free(reply);
    return rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    for (size_t i = 0; i < arg_count && rc == CT_E_OK; i++)
        rc = drop(session, args[i], err);
    return rc;
}

const struct command cmd_cache_drop = {
    .noun = "cache",
    .verb = "drop",
    .program = {.name = "cartrita-q cache drop",
                .usage = "TAG... [OPTION]...",
                .about = "Drop the cached results of pure jobs that carry a tag.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 1,
    .arg_max = DROP_TAGS_MAX,
    .run = run,
};
