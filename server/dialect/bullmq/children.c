/* Children of a job that runs: what flows have noted of them at the job. Called by the engine;
 * reads only. */
#include <stdlib.h>

#include "bullmq_lua.h"
#include "common/mem.h"
#include "dialect/bullmq/parts.h"

static const struct {
    const char *suffix, *type;
} kinds[] = {
    [CHILDREN_PROCESSED] = {":processed", "hash"},
    [CHILDREN_IGNORED] = {":failed", "hash"},
    [CHILDREN_FAILED] = {":unsuccessful", "zset"},
    [CHILDREN_UNPROCESSED] = {":dependencies", "set"},
};

void bullmq_build_children(struct dialect_queue *queue, const struct children_query *query,
                           struct redis_command *command)
{
    char *key = ct_asprintf("%s%.*s%s", queue->keys.base, (int)query->id.len, query->id.data,
                            kinds[query->kind].suffix);

    command->script = &bullmq_children_script;
    redis_command_int(command, 1);
    redis_command_text(command, key);
    redis_command_text(command, kinds[query->kind].type);
    redis_command_int(command, (int64_t)query->cursor);
    redis_command_str(command, query->key.data ? query->key : CT_STR_LIT(""));
    redis_command_int(command, CHILDREN_PAGE_MAX);
    redis_command_int(command, CHILDREN_BYTES_MAX);
    free(key);
}

enum ct_code bullmq_parse_children(struct dialect_queue *queue, struct children_query *query,
                                   const struct redis_reply *reply, struct ct_error *err)
{
    const struct redis_reply *list = redis_reply_at(reply, 1);
    int64_t cursor;

    (void)queue;
    enum ct_code rc = redis_reply_check(reply, err);
    if (rc != CT_E_OK)
        return rc;
    if (!redis_reply_is_array(list) ||
        !ct_str_to_int(redis_reply_str(redis_reply_at(reply, 0)), &cursor))
        return ct_error_set(err, CT_E_INTERNAL, "children.lua answered what it should not");
    query->next_cursor = (uint64_t)cursor;
    query->child_count = (uint32_t)redis_reply_count(list);
    query->children = ct_zalloc((query->child_count + 1) * sizeof *query->children);
    for (uint32_t i = 0; i < query->child_count; i++) {
        const struct redis_reply *child = redis_reply_at(list, i);

        query->children[i] = (struct child){
            .key = redis_reply_str(redis_reply_at(child, 0)),
            .value = redis_reply_str(redis_reply_at(child, 1)),
            .is_cut = redis_reply_int(redis_reply_at(child, 2), 0) == 1,
        };
    }
    return CT_E_OK;
}
