/* Changing BullMQ's queues by hand: what dialect/shared/manage.c needs for it. */
#include "dialect/bullmq/inspect.h"
#include "dialect/bullmq/parts.h"
#include "queue/manage.h"
#include "bullmq_lua.h"

/* What nobody works on and has not ended goes first. */
static const uint32_t retry_states[] = {BULLMQ_FAILED};
static const uint32_t promote_states[] = {BULLMQ_DELAYED};
static const uint32_t drained_states[] = {BULLMQ_WAITING, BULLMQ_PAUSED, BULLMQ_PRIORITIZED};
static const uint32_t other_states[] = {
    BULLMQ_WAITING,          BULLMQ_PAUSED, BULLMQ_PRIORITIZED, BULLMQ_DELAYED,
    BULLMQ_WAITING_CHILDREN, BULLMQ_FAILED, BULLMQ_COMPLETED};

#define STATES(items)                           \
    {                                           \
        items, sizeof(items) / sizeof(items)[0] \
    }

const struct manager bullmq_manager = {
    .keys = &bullmq_key_table,
    .states =
        {
            [MANAGE_RETRY] = STATES(retry_states),
            [MANAGE_PROMOTE] = STATES(promote_states),
            [MANAGE_REMOVE] = STATES(other_states),
            [MANAGE_MOVE] = STATES(other_states),
        },
    .drained = STATES(drained_states),
    .has_trees = true,
    .jobs = &bullmq_manage_jobs_script,
    .pause = &bullmq_manage_pause_script,
    .erase = &bullmq_manage_erase_script,
};
