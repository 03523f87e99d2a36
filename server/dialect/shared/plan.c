/* See the header. */
#include "dialect/shared/plan.h"

#include <stdlib.h>

#include "common/mem.h"

struct effect *plan_new(struct redis_command **out)
{
    struct effect *effect = effect_new(EFFECT_SCHEDULE, CT_STR_NONE, CT_STR_NONE);

    *out = ct_alloc(sizeof **out);
    redis_command_init(*out, NULL);
    effect->plan = *out;
    return effect;
}

void plan_write(const void *plan, struct redis_command *command)
{
    redis_command_append(command, plan);
}

void plan_free(void *plan)
{
    if (plan)
        redis_command_fini(plan);
    free(plan);
}
