/* The table that the engine sees. */
#include "dialect/bullmq/bullmq.h"

#include <stdlib.h>

#include "common/mem.h"
#include "dialect/bullmq/inspect.h"
#include "dialect/bullmq/parts.h"
#include "dialect/bullmq/schedule.h"
#include "dialect/bullmq/series.h"
#include "dialect/bullmq/watch.h"
#include "dialect/shared/plan.h"

/* A worker with a name is listed with it. */
static void name_client(struct dialect_queue *queue)
{
    const char *name = queue->settings.worker_name;

    free(queue->worker_client);
    queue->worker_client = name ? ct_asprintf("%s:w:%s", queue->keys.client_name, name) : NULL;
}

static enum ct_code bullmq_open(const struct queue_name *name,
                                const struct queue_settings *settings, struct dialect_queue **out,
                                struct ct_error *err)
{
    enum ct_code rc =
        dialect_queue_open(&bullmq_key_table, &bullmq_commit_rules, name, settings, out, err);

    if (rc == CT_E_OK)
        name_client(*out);
    return rc;
}

static void bullmq_configure(struct dialect_queue *queue, const struct queue_settings *settings)
{
    dialect_queue_configure(queue, settings);
    name_client(queue);
}

static const char *bullmq_client_name(const struct dialect_queue *queue)
{
    return queue->worker_client ? queue->worker_client : queue->keys.client_name;
}

/* BullMQ publishes nothing: the marker tells of delayed jobs as well. */
static const char *bullmq_wake_channel(const struct dialect_queue *queue)
{
    (void)queue;
    return NULL;
}

const struct dialect bullmq_dialect = {
    .name = "bullmq",
    .inspector = &bullmq_inspector,
    .watcher = &bullmq_watcher,
    .promotes_always = true,
    .has_flows = true,
    .dedup_option = "deduplication",
    .dead_keeper = &bullmq_dead_keeper,
    .manager = &bullmq_manager,
    .doctor = &bullmq_doctor,
    .open = bullmq_open,
    .close = dialect_queue_close,
    .configure = bullmq_configure,
    .client_name = bullmq_client_name,
    .wake_channel = bullmq_wake_channel,
    .build_commit = dialect_build_commit,
    .parse_commit = dialect_parse_commit,
    .build_wait = bullmq_build_wait,
    .parse_wait = bullmq_parse_wait,
    .build_sweep = dialect_build_sweep,
    .parse_sweep = dialect_parse_sweep,
    .build_reclaim = dialect_build_reclaim,
    .parse_reclaim = dialect_parse_reclaim,
    .judge = dialect_judge,
    .schedule = bullmq_schedule,
    .free_plan = plan_free,
    .scheduler = &bullmq_scheduler,
    .build_children = bullmq_build_children,
    .parse_children = bullmq_parse_children,
    .build_add = bullmq_build_add,
    .parse_add = bullmq_parse_add,
};
