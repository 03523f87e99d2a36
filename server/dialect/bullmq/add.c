/* Adding jobs, by themselves (add.lua) or as a flow (add_flow.lua). Called by the engine and
 * cartrita-q. */
#include <stdio.h>
#include <stdlib.h>

#include "bullmq_lua.h"
#include "common/assert.h"
#include "dialect/bullmq/entry.h"
#include "dialect/bullmq/parts.h"
#include "dialect/shared/add.h"

/* --- building ------------------------------------------------------------------------------- */

static bool is_flow(const struct ct_list *adds)
{
    return !ct_list_is_empty(adds) && add_at(adds->next)->node;
}

static bool is_too_large(const struct ct_list *adds)
{
    size_t count = 0;

    CT_LIST_FOREACH (node, adds) {
        ct_assert(add_at(node)->node); /* nothing else goes along with a flow */
        count++;
    }
    return count > FLOW_JOBS_MAX;
}

static void refuse_all(struct ct_list *adds, enum ct_code code, const char *why)
{
    CT_LIST_FOREACH (node, adds) {
        struct job_add *add = add_at(node);

        free(add->id);
        add->id = NULL;
        add->is_skipped = add->err.code == CT_E_OK;
        if (add->is_skipped)
            (void)ct_error_set(&add->err, code, "%s", why);
    }
}

void bullmq_build_add(struct dialect_queue *queue, struct ct_list *adds, int64_t now_ms,
                      const struct ct_random *random, struct redis_command *command)
{
    struct redis_command jobs;
    bool is_whole = is_flow(adds);
    char text[80];

    if (is_whole && is_too_large(adds)) {
        snprintf(text, sizeof text, "the flow has more than %d jobs (FLOW_JOBS_MAX)",
                 FLOW_JOBS_MAX);
        refuse_all(adds, CT_E_TOO_LARGE, text);
        return;
    }
    redis_command_init(&jobs, NULL);
    bool is_fine = adds_write(queue, adds, bullmq_entry_write, now_ms, random, &jobs);
    if (is_whole && !is_fine) {
        refuse_all(adds, CT_E_CONFLICT, "another job of the flow is not valid; none was added");
    } else if (jobs.argc > 0) {
        const struct redis_script *script = is_whole ? &bullmq_add_flow_script : &bullmq_add_script;
        queue_keys_begin(&queue->keys, script, now_ms, DIALECT_OUTSIDER, command);
        redis_command_append(command, &jobs);
    }
    redis_command_fini(&jobs);
}

/* --- parsing -------------------------------------------------------------------------------- */

static void refused(struct job_add *add, int64_t code, struct ct_str key)
{
    int len = (int)key.len;

    free(add->id);
    add->id = NULL;
    switch (code) {
    case -5:
        (void)ct_error_set(&add->err, CT_E_NOT_FOUND,
                           "there is no parent job %.*s; nothing was added", len, key.data);
        break;
    case -7:
        (void)ct_error_set(&add->err, CT_E_CONFLICT,
                           "there is a job with this id, and it is a child of %.*s; it was left as "
                           "it is",
                           len, key.data);
        break;
    default:
        (void)ct_error_set(&add->err, CT_E_CONFLICT,
                           "its parent %.*s was refused, so it was not added", len, key.data);
    }
}

enum ct_code bullmq_parse_add(struct dialect_queue *queue, struct ct_list *adds,
                              const struct redis_reply *reply, struct ct_error *err)
{
    (void)queue;
    enum ct_code rc = adds_parse(adds, refused, reply, err);
    CT_LIST_FOREACH (node, adds) {
        struct job_add *add = add_at(node);
        if (rc == CT_E_OK && add->err.code == CT_E_OK)
            continue;
        free(add->id); /* that of a node was there before */
        add->id = NULL;
    }
    return rc;
}
