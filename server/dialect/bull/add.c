/* Adding jobs: those of producers (add.lua) and the next iterations of series (the SCHEDULE effect
 * of commit.lua). Called by the engine. */
#include <stdlib.h>

#include "bull_lua.h"
#include "common/mem.h"
#include "dialect/bull/entry.h"
#include "dialect/bull/parts.h"

static struct job_add *add_at(struct ct_list *node)
{
    return CT_CONTAINER(node, struct job_add, link);
}

void bull_build_add(struct dialect_queue *queue, struct ct_list *adds, int64_t now_ms,
                    const struct ct_random *random, struct redis_command *command)
{
    struct redis_command jobs;

    redis_command_init(&jobs, NULL);
    CT_LIST_FOREACH (node, adds) {
        struct job_add *add = add_at(node);
        struct entry entry = {add->name, add->data, add->opts, now_ms, false};

        add->is_skipped = false;
        add->err = (struct ct_error){CT_E_OK, ""};
        if (entry_write(queue, &entry, random, &jobs, &add->err) == CT_E_NOT_FOUND) {
            add->is_skipped = true;
            add->err = (struct ct_error){CT_E_OK, ""};
        }
    }
    if (jobs.argc > 0) {
        queue_keys_begin(&queue->keys, &bull_add_script, now_ms, DIALECT_OUTSIDER, command);
        ct_buf_append_str(&command->body, ct_buf_str(&jobs.body));
        command->argc += jobs.argc;
    }
    redis_command_fini(&jobs);
}

enum ct_code bull_parse_add(struct dialect_queue *queue, struct ct_list *adds,
                            const struct redis_reply *reply, struct ct_error *err)
{
    size_t place = 0;

    (void)queue;
    enum ct_code rc = redis_reply_check(reply, err);
    if (rc != CT_E_OK)
        return rc;
    CT_LIST_FOREACH (node, adds) {
        struct job_add *add = add_at(node);
        if (add->err.code != CT_E_OK || add->is_skipped)
            continue;
        const struct redis_reply *answer = redis_reply_at(reply, place++);
        struct ct_str id = redis_reply_str(answer);
        struct ct_str problem = redis_reply_str(redis_reply_at(answer, 0));
        if (id.data)
            add->id = ct_strndup(id.data, id.len);
        else if (problem.data)
            (void)redis_error_parse(problem, &add->err);
        else
            return ct_error_set(err, CT_E_INTERNAL, "add.lua answered what it should not");
    }
    return CT_E_OK;
}

enum ct_code bull_schedule(struct dialect_queue *queue, const struct job *job, int64_t now_ms,
                           struct effect **out, struct ct_error *err)
{
    struct entry entry = {job->name, job->data, job->opts, now_ms, true};
    struct redis_command *plan = ct_alloc(sizeof *plan);

    redis_command_init(plan, NULL);
    enum ct_code rc = entry_write(queue, &entry, &ct_random_system, plan, err);
    if (rc != CT_E_OK) {
        bull_free_plan(plan);
        if (rc != CT_E_NOT_FOUND)
            return rc;
        *out = NULL;
        return CT_E_OK;
    }
    *out = effect_new(EFFECT_SCHEDULE, CT_STR_NONE, CT_STR_NONE);
    (*out)->plan = plan;
    return CT_E_OK;
}

void bull_plan_write(const void *plan, struct redis_command *command)
{
    const struct redis_command *job = plan;

    ct_buf_append_str(&command->body, ct_buf_str(&job->body));
    command->argc += job->argc;
}

void bull_free_plan(void *plan)
{
    if (plan)
        redis_command_fini(plan);
    free(plan);
}
