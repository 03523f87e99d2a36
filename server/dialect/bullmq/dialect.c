/* The table that the engine sees. */
#include "dialect/bullmq/bullmq.h"
#include "dialect/bullmq/parts.h"
#include "dialect/bullmq/schedule.h"
#include "dialect/bullmq/series.h"
#include "dialect/shared/plan.h"

static enum ct_code bullmq_open(const struct queue_name *name,
                                const struct queue_settings *settings, struct dialect_queue **out,
                                struct ct_error *err)
{
    return dialect_queue_open(&bullmq_key_table, name, settings, out, err);
}

static const char *bullmq_client_name(const struct dialect_queue *queue)
{
    return queue->keys.client_name;
}

/* BullMQ publishes nothing: the marker tells of delayed jobs as well. */
static const char *bullmq_wake_channel(const struct dialect_queue *queue)
{
    (void)queue;
    return NULL;
}

const struct dialect bullmq_dialect = {
    .name = "bullmq",
    .open = bullmq_open,
    .close = dialect_queue_close,
    .configure = dialect_queue_configure,
    .client_name = bullmq_client_name,
    .wake_channel = bullmq_wake_channel,
    .schedule = bullmq_schedule,
    .free_plan = plan_free,
    .scheduler = &bullmq_scheduler,
    .promotes_always = true,
    .build_children = bullmq_build_children,
    .parse_children = bullmq_parse_children,
    .build_add = bullmq_build_add,
    .parse_add = bullmq_parse_add,
};
