/* The list of dialects. To add one: its table here, and in shared/detect.lua what its keys show. */
#include "dialect/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bull_lua.h"
#include "common/mem.h"
#include "common/nearest.h"
#include "dialect/bull/bull.h"
#include "dialect/bullmq/bullmq.h"

static const struct dialect *const dialects[] = {&bull_dialect, &bullmq_dialect};

#define DIALECT_COUNT (sizeof dialects / sizeof *dialects)

const struct dialect *dialect_at(size_t index)
{
    return index < DIALECT_COUNT ? dialects[index] : NULL;
}

const struct dialect *dialect_find(const char *name)
{
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        if (strcmp(dialects[i]->name, name) == 0)
            return dialects[i];
    }
    return NULL;
}

enum ct_code dialect_choose(const char *name, const struct dialect **out, struct ct_error *err)
{
    const struct dialect *found = dialect_find(name);
    struct ct_nearest nearest;

    if (found) {
        *out = found;
        return CT_E_OK;
    }
    ct_nearest_init(&nearest, name);
    for (size_t i = 0; i < DIALECT_COUNT; i++)
        ct_nearest_offer(&nearest, dialects[i]->name);
    ct_nearest_offer(&nearest, "auto");
    if (nearest.best)
        return ct_error_set(err, CT_E_USAGE,
                            "no dialect is called '%.40s': did you mean '%s'? There are bull, "
                            "bullmq and auto",
                            name, nearest.best);
    return ct_error_set(err, CT_E_USAGE,
                        "no dialect is called '%.40s': there are bull, bullmq and auto", name);
}

/* --- what the keys tell --- */

const char *dialect_verdict_name(const struct dialect_found *found)
{
    if (found->verdict == DIALECT_TOLD)
        return found->dialect->name;
    return found->verdict == DIALECT_MIXED ? "mixed" : "unknown";
}

void dialect_build_detect(const struct queue_name *name, struct redis_command *command)
{
    char *id_key = ct_asprintf("%s:%s:id", name->prefix, name->name);

    command->script = &bull_detect_script;
    redis_command_int(command, 1);
    redis_command_text(command, id_key);
    id_key[strlen(id_key) - strlen("id")] = '\0';
    redis_command_text(command, id_key);
    free(id_key);
}

enum ct_code dialect_parse_detect(const struct redis_reply *reply, struct dialect_found *out,
                                  struct ct_error *err)
{
    enum ct_code rc = redis_reply_check(reply, err);

    if (rc != CT_E_OK)
        return rc;
    struct ct_str bullmq = redis_reply_str(redis_reply_at(reply, 1));
    struct ct_str bull = redis_reply_str(redis_reply_at(reply, 2));
    struct ct_str perhaps = redis_reply_str(redis_reply_at(reply, 3));
    bool is_bullmq = bullmq.len > 0, is_bull = bull.len > 0;

    if (!is_bullmq && !is_bull)
        bull = perhaps;
    *out = (struct dialect_found){
        .verdict = is_bullmq && is_bull        ? DIALECT_MIXED
                   : bullmq.len + bull.len > 0 ? DIALECT_TOLD
                                               : DIALECT_UNKNOWN,
        .dialect = is_bullmq ? &bullmq_dialect : &bull_dialect,
        .exists = redis_reply_int(redis_reply_at(reply, 0), 0) != 0,
    };
    snprintf(out->signs, sizeof out->signs, "%.*s%s%.*s%s", (int)bullmq.len,
             bullmq.data ? bullmq.data : "", out->verdict == DIALECT_MIXED ? " (BullMQ); " : "",
             (int)bull.len, bull.data ? bull.data : "",
             out->verdict == DIALECT_MIXED ? " (Bull)" : "");
    return CT_E_OK;
}
