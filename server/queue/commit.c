/* Commits and their effects: memory only. What they mean is the engine's and the dialect's. */
#include "queue/commit.h"

#include <stdlib.h>

#include "common/mem.h"
#include "queue/dialect.h"

void commit_init(struct commit *commit)
{
    *commit = (struct commit){.next_due_ms = COMMIT_NEVER};
    ct_list_init(&commit->effects);
    ct_list_init(&commit->jobs);
}

void commit_fini(struct commit *commit, void (*free_plan)(void *plan))
{
    CT_LIST_FOREACH_SAFE (node, following, &commit->effects) {
        effect_free(CT_CONTAINER(node, struct effect, link), free_plan);
    }
    CT_LIST_FOREACH_SAFE (node, following, &commit->jobs) {
        job_free(CT_CONTAINER(node, struct job, link));
    }
    free(commit->untold_id);
    commit_init(commit);
}

struct effect *effect_new(enum effect_kind kind, struct ct_str value, struct ct_str extra)
{
    struct effect *effect = ct_zalloc(sizeof *effect);

    ct_list_init(&effect->link);
    effect->kind = kind;
    if (!value.data && !extra.data)
        return effect;
    effect->memory = ct_alloc(value.len + extra.len + 2);
    char *at = effect->memory;
    if (value.data) {
        effect->value = (struct ct_str){at, value.len};
        memcpy(at, value.data, value.len);
        at[value.len] = '\0';
        at += value.len + 1;
    }
    if (extra.data) {
        effect->extra = (struct ct_str){at, extra.len};
        memcpy(at, extra.data, extra.len);
        at[extra.len] = '\0';
    }
    return effect;
}

bool effect_may_fail(const struct effect *effect)
{
    return effect->kind == EFFECT_FAIL || effect->kind == EFFECT_STALL || effect->last;
}

void effect_free(struct effect *effect, void (*free_plan)(void *plan))
{
    if (!effect)
        return;
    ct_list_remove(&effect->link);
    job_free(effect->leased);
    if (effect->plan && free_plan)
        free_plan(effect->plan);
    effect_free(effect->last, free_plan);
    free(effect->refusal);
    free(effect->memory);
    free(effect);
}

void children_query_fini(struct children_query *query)
{
    free(query->children);
    query->children = NULL;
    query->child_count = 0;
}

void job_add_fini(struct job_add *add)
{
    ct_list_remove(&add->link);
    free(add->id);
    add->id = NULL;
}
