/* The list of dialects. To add one: its table here, and in bull/detect.lua what its keys show. */
#include "dialect/registry.h"

#include <stdlib.h>
#include <string.h>

#include "bull_lua.h"
#include "common/mem.h"
#include "dialect/bull/bull.h"
#include "dialect/bullmq/bullmq.h"

static const struct dialect *const dialects[] = {&bull_dialect, &bullmq_dialect};

const struct dialect *dialect_find(const char *name)
{
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
        if (strcmp(dialects[i]->name, name) == 0)
            return dialects[i];
    }
    return NULL;
}

const char *dialect_names(void)
{
    return "bull, bullmq";
}

void dialect_build_detect(const struct queue_name *name, struct redis_command *command)
{
    static const char *const keys[] = {"meta", "events", "marker", "prioritized"};
    const int count = sizeof keys / sizeof keys[0];

    command->script = &bull_detect_script;
    redis_command_int(command, count);
    for (int i = 0; i < count; i++) {
        char *key = ct_asprintf("%s:%s:%s", name->prefix, name->name, keys[i]);
        redis_command_text(command, key);
        free(key);
    }
}

enum ct_code dialect_parse_detect(const struct queue_name *name, const struct redis_reply *reply,
                                  const struct dialect **out, struct ct_error *err)
{
    enum ct_code rc = redis_reply_check(reply, err);
    if (rc != CT_E_OK)
        return rc;

    struct ct_str sign = redis_reply_str(reply);
    if (sign.len == 0) {
        *out = dialects[0];
        return CT_E_OK;
    }
    *out = dialect_find("bullmq");
    return CT_E_OK;
}
