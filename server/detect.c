/* Which dialect a queue speaks. See detect.h. Called by hosts.c.
 *
 * A lost answer is asked for again: the question changes nothing. */
#include "server/detect.h"

#include <stdlib.h>

#include "common/mem.h"
#include "dialect/registry.h"

struct detect {
    char *prefix, *name; /* owned */
    char *wanted;        /* owned; NULL: auto */
    bool is_asked, is_answered, is_cancelled;
    struct dialect_found found;
    struct ct_error err;
};

struct detect *detect_begin(const struct queue_name *name, const char *wanted)
{
    struct detect *detect = ct_zalloc(sizeof *detect);

    detect->prefix = ct_strdup(name->prefix);
    detect->name = ct_strdup(name->name);
    detect->wanted = wanted ? ct_strdup(wanted) : NULL;
    return detect;
}

static void detect_free(struct detect *detect)
{
    free(detect->prefix);
    free(detect->name);
    free(detect->wanted);
    free(detect);
}

static void detect_on_answer(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct detect *detect = arg;

    detect->is_asked = false;
    if (detect->is_cancelled) {
        detect_free(detect);
        return;
    }
    if (err && err->code == CT_E_REDIS_DOWN)
        return;
    detect->is_answered = true;
    if (err)
        detect->err = *err;
    else if (dialect_parse_detect(reply, &detect->found, &detect->err) == CT_E_OK)
        detect->err.code = CT_E_OK;
}

static void detect_ask(struct detect *detect, struct redis_link *link)
{
    const struct queue_name name = {detect->prefix, detect->name};
    struct redis_command command;

    redis_command_init(&command, NULL);
    dialect_build_detect(&name, &command);
    redis_link_call(link, &command, detect_on_answer, detect);
    redis_command_fini(&command);
    detect->is_asked = true;
}

static void detect_by_name(const struct detect *detect, struct dialect_found *out,
                           struct ct_error *err)
{
    *out = (struct dialect_found){.verdict = DIALECT_TOLD, .exists = true};
    if (dialect_choose(detect->wanted, &out->dialect, err) != CT_E_OK)
        err->code = CT_E_UNSUPPORTED;
}

bool detect_step(struct detect *detect, struct redis_link *link, struct dialect_found *out,
                 struct ct_error *err)
{
    if (detect->wanted) {
        detect_by_name(detect, out, err);
        return true;
    }
    if (detect->is_answered) {
        *out = detect->found;
        *err = detect->err;
        detect->is_answered = false;
        return true;
    }
    if (!detect->is_asked && redis_link_is_up(link))
        detect_ask(detect, link);
    return false;
}

void detect_cancel(struct detect *detect)
{
    if (detect->is_asked)
        detect->is_cancelled = true; /* the answer frees it */
    else
        detect_free(detect);
}
