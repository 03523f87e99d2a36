/* The table that the engine sees. */
#include <math.h>

#include "dialect/bull/bull.h"
#include "dialect/bull/inspect.h"
#include "dialect/bull/parts.h"
#include "dialect/bull/schedule.h"
#include "dialect/bull/watch.h"
#include "dialect/shared/plan.h"

static enum ct_code bull_open(const struct queue_name *name, const struct queue_settings *settings,
                              struct dialect_queue **out, struct ct_error *err)
{
    return dialect_queue_open(&bull_key_table, &bull_commit_rules, name, settings, out, err);
}

static const char *bull_client_name(const struct dialect_queue *queue)
{
    return queue->keys.client_name;
}

static const char *bull_wake_channel(const struct dialect_queue *queue)
{
    return queue->keys.key[BULL_KEY_DELAYED];
}

/* The due time of a delayed job, which may have a fraction. */
static int64_t bull_parse_wake(const struct dialect_queue *queue, struct ct_str payload)
{
    double due;

    (void)queue;
    if (!ct_str_to_double(payload, &due) || !(fabs(due) < 0x1p53))
        return COMMIT_NEVER;
    return (int64_t)ceil(due);
}

const struct dialect bull_dialect = {
    .name = "bull",
    .inspector = &bull_inspector,
    .dead_keeper = &bull_dead_keeper,
    .watcher = &bull_watcher,
    .manager = &bull_manager,
    .scheduler = &bull_scheduler,
    .doctor = &bull_doctor,
    .dedup_option = "debounce",
    .open = bull_open,
    .close = dialect_queue_close,
    .configure = dialect_queue_configure,
    .client_name = bull_client_name,
    .wake_channel = bull_wake_channel,
    .parse_wake = bull_parse_wake,
    .build_commit = dialect_build_commit,
    .parse_commit = dialect_parse_commit,
    .build_wait = bull_build_wait,
    .parse_wait = bull_parse_wait,
    .build_sweep = dialect_build_sweep,
    .parse_sweep = dialect_parse_sweep,
    .build_reclaim = dialect_build_reclaim,
    .parse_reclaim = dialect_parse_reclaim,
    .judge = dialect_judge,
    .schedule = bull_schedule,
    .free_plan = plan_free,
    .build_add = bull_build_add,
    .parse_add = bull_parse_add,
};
