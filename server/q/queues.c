/* See the header. */
#include "q/queues.h"

#include "common/mem.h"
#include "dialect/registry.h"

#define RESOLVED_AT_ONCE 64

enum ct_code queues_of(struct session *session, const char *const *args, size_t arg_count,
                       struct session_names *out, struct ct_error *err)
{
    if (arg_count == 0)
        return session_names(session, out, err);
    *out = (struct session_names){
        .items = ct_zalloc(arg_count * sizeof *out->items), .count = arg_count, .cap = arg_count};
    for (size_t i = 0; i < arg_count; i++)
        out->items[i] = ct_strdup(args[i]);
    return CT_E_OK;
}

enum ct_code queues_missing(struct session *session, const char *queue, struct ct_error *err)
{
    struct inspect_counts counts;
    enum ct_code rc = session_need_queue(session, queue, &counts, err);

    if (rc != CT_E_OK)
        return rc;
    return ct_error_set(err, CT_E_NOT_FOUND, "there is no queue \"%s\" under the prefix \"%s\"",
                        queue, session->settings->prefix);
}

struct asked {
    struct queues_dialect *out;
    size_t *pending; /* borrowed; questions that are not yet answered */
};

static void on_dialect(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct asked *asked = arg;
    struct dialect_found found;

    --*asked->pending;
    if (err)
        asked->out->err = *err;
    else if (dialect_parse_detect(reply, &found, &asked->out->err) == CT_E_OK)
        *asked->out = (struct queues_dialect){.dialect = found.dialect,
                                              .is_mixed = found.verdict == DIALECT_MIXED};
}

static void resolve_part(struct session *session, const char *const *names, size_t count,
                         struct queues_dialect *out)
{
    struct asked asked[RESOLVED_AT_ONCE];
    size_t pending = count;

    for (size_t i = 0; i < count; i++) {
        const struct queue_name name = {session->settings->prefix, names[i]};
        struct redis_command command;

        out[i] = (struct queues_dialect){.dialect = NULL};
        asked[i] = (struct asked){&out[i], &pending};
        redis_command_init(&command, NULL);
        dialect_build_detect(&name, &command);
        redis_link_call(session->link, &command, on_dialect, &asked[i]);
        redis_command_fini(&command);
    }
    session_wait(session, &pending);
}

void queues_resolve(struct session *session, const char *const *names, size_t count,
                    struct queues_dialect *out)
{
    for (size_t from = 0; from < count; from += RESOLVED_AT_ONCE) {
        size_t left = count - from, part = left < RESOLVED_AT_ONCE ? left : RESOLVED_AT_ONCE;

        if (session_is_auto(session))
            resolve_part(session, names + from, part, out + from);
        for (size_t i = from; i < from + part && !session_is_auto(session); i++)
            out[i] = (struct queues_dialect){.dialect = session->dialect};
    }
}
