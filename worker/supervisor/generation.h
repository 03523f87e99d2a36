/* The pools of one configuration. Owned by generations.c; never looks into a runner. */
#ifndef WORKER_GENERATION_H
#define WORKER_GENERATION_H

#include "common/list.h"
#include "worker/config/config.h"
#include "worker/supervisor/pool_run.h"
#include "worker/supervisor/scale.h"

struct generation {
    struct ct_list link;         /* struct generations */
    struct worker_config config; /* owned */
    struct pool_run *pools;      /* owned; config.pool_count of them */
    struct scale *scales;        /* owned; one a pool */
    uint64_t number;             /* from 1 */
    size_t pools_open;
    bool is_ending;
    bool is_retiring; /* so that it may take long: a drain can follow */
};

/* Starts all its runners; takes `config` over. It ends with generation_close. */
struct generation *generation_new(const struct slot_context *context, struct worker_config *config);
/* All of its runners are down. It is freed, after its handles are closed. */
void generation_close(struct generation *generation);

void generation_turn(struct generation *generation);
/* The limits of its runners; every LIMITS_CHECK_MS. */
void generation_watch(struct generation *generation);
/* What its runners do, and so the sizes of its pools; once a second. */
void generation_look(struct generation *generation, uint64_t now_ms);
/* Whether a process is one of its runners. */
bool generation_has(const struct generation *generation, int pid);

/* Ends it: within the grace period, with none but the jobs' own, at once. */
void generation_drain(struct generation *generation);
void generation_retire(struct generation *generation);
void generation_stop(struct generation *generation);

bool generation_is_ready(const struct generation *generation);
/* Of each pool it is known whether it works. */
bool generation_is_settled(const struct generation *generation);
bool generation_is_down(const struct generation *generation);
/* A slot of a pool that can never start; NULL: there is none. */
const struct slot *generation_find_unusable(const struct generation *generation);

#endif
