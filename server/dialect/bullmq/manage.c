/* Changing BullMQ's queues by hand: what dialect/shared/manage.c and letter.c need for it. */
#include "dialect/bullmq/entry.h"
#include "dialect/bullmq/inspect.h"
#include "dialect/bullmq/parts.h"
#include "queue/dead.h"
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

/* Letters are taken where nobody works on them and they have not completed. */
static const uint32_t letter_states[] = {BULLMQ_WAITING, BULLMQ_PAUSED, BULLMQ_PRIORITIZED,
                                         BULLMQ_DELAYED, BULLMQ_FAILED};

static const char *const past[] = {"repeatJobKey", "parent", "fpof", "cpof",
                                   "idof",         "rdof",   "de",   NULL};

const struct dead_keeper bullmq_dead_keeper = {
    .states = letter_states,
    .state_count = sizeof letter_states / sizeof letter_states[0],
    .move = &bullmq_dead_move_script,
    .past = past,
    .write_job = bullmq_entry_write,
};
