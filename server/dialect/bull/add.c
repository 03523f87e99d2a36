/* Adding jobs: those of producers (add.lua) and the next iterations of series (the SCHEDULE effect
 * of commit.lua). Called by the engine. */
#include <stdlib.h>

#include "bull_lua.h"
#include "common/mem.h"
#include "dialect/bull/entry.h"
#include "dialect/bull/parts.h"
#include "dialect/shared/add.h"
#include "dialect/shared/plan.h"

enum ct_code bull_entry_write(const struct dialect_queue *queue, struct job_add *add,
                              int64_t now_ms, const struct ct_random *random,
                              struct redis_command *out, struct ct_error *err)
{
    struct entry entry = {add->name, add->data, add->opts, now_ms, false};

    if (add->node)
        return ct_error_set(err, CT_E_UNSUPPORTED, "Bull has no flows; queues of BullMQ do");
    return entry_write(queue, &entry, random, out, err);
}

void bull_build_add(struct dialect_queue *queue, struct ct_list *adds, int64_t now_ms,
                    const struct ct_random *random, struct redis_command *command)
{
    struct redis_command jobs;

    redis_command_init(&jobs, NULL);
    (void)adds_write(queue, adds, bull_entry_write, now_ms, random, &jobs);
    if (jobs.argc > 0) {
        queue_keys_begin(&queue->keys, &bull_add_script, now_ms, DIALECT_OUTSIDER, command);
        redis_command_append(command, &jobs);
    }
    redis_command_fini(&jobs);
}

enum ct_code bull_parse_add(struct dialect_queue *queue, struct ct_list *adds,
                            const struct redis_reply *reply, struct ct_error *err)
{
    (void)queue;
    return adds_parse(adds, NULL, reply, err);
}

enum ct_code bull_schedule(struct dialect_queue *queue, const struct job *job, int64_t now_ms,
                           struct effect **out, struct ct_error *err)
{
    struct entry entry = {job->name, job->data, job->opts, now_ms, true};
    struct redis_command *plan;
    struct effect *effect = plan_new(&plan);
    enum ct_code rc = entry_write(queue, &entry, &ct_random_system, plan, err);

    *out = NULL;
    if (rc == CT_E_OK)
        *out = effect;
    else
        effect_free(effect, plan_free);
    return rc == CT_E_NOT_FOUND ? CT_E_OK : rc;
}
