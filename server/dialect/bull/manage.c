/* Changing Bull's queues by hand: what dialect/shared/manage.c and letter.c need for it. */
#include "dialect/bull/inspect.h"
#include "dialect/bull/parts.h"
#include "queue/dead.h"
#include "queue/manage.h"
#include "bull_lua.h"

/* What nobody works on and has not ended goes first. */
static const uint32_t retry_states[] = {BULL_FAILED};
static const uint32_t promote_states[] = {BULL_DELAYED};
static const uint32_t drained_states[] = {BULL_WAITING, BULL_PAUSED};
static const uint32_t other_states[] = {BULL_WAITING, BULL_PAUSED, BULL_DELAYED, BULL_FAILED,
                                        BULL_COMPLETED};

#define STATES(items)                           \
    {                                           \
        items, sizeof(items) / sizeof(items)[0] \
    }

const struct manager bull_manager = {
    .keys = &bull_key_table,
    .states =
        {
            [MANAGE_RETRY] = STATES(retry_states),
            [MANAGE_PROMOTE] = STATES(promote_states),
            [MANAGE_REMOVE] = STATES(other_states),
            [MANAGE_MOVE] = STATES(other_states),
        },
    .drained = STATES(drained_states),
    .jobs = &bull_manage_jobs_script,
    .pause = &bull_manage_pause_script,
    .erase = &bull_manage_erase_script,
};

/* Letters are taken where nobody works on them and they have not completed. */
static const uint32_t letter_states[] = {BULL_WAITING, BULL_PAUSED, BULL_DELAYED, BULL_FAILED};

static const char *const past[] = {"debounce", NULL};

const struct dead_keeper bull_dead_keeper = {
    .states = letter_states,
    .state_count = sizeof letter_states / sizeof letter_states[0],
    .move = &bull_dead_move_script,
    .past = past,
    .write_job = bull_entry_write,
};
