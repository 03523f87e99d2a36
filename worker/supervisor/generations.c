/* Who serves, who takes over, who ends. See generations.h. */
#include "worker/supervisor/generations.h"

static struct generation *generations_at(const struct ct_list *node)
{
    return CT_CONTAINER(node, struct generation, link);
}

void generations_init(struct generations *generations)
{
    ct_list_init(&generations->list);
    generations->started = 0;
}

bool generations_is_empty(const struct generations *generations)
{
    return ct_list_is_empty(&generations->list);
}

struct generation *generations_newest(const struct generations *generations)
{
    return generations_at(generations->list.prev);
}

struct generation *generations_serving(const struct generations *generations)
{
    CT_LIST_FOREACH (node, &generations->list)
        if (!generations_at(node)->is_ending)
            return generations_at(node);
    return generations_is_empty(generations) ? NULL : generations_newest(generations);
}

bool generations_is_full(const struct generations *generations)
{
    size_t ending = 0;

    CT_LIST_FOREACH (node, &generations->list)
        ending += generations_at(node)->is_ending;
    return ending >= GENERATIONS_ENDING_MAX;
}

bool generations_has(const struct generations *generations, int pid)
{
    CT_LIST_FOREACH (node, &generations->list)
        if (generation_has(generations_at(node), pid))
            return true;
    return false;
}

void generations_add(struct generations *generations, const struct slot_context *context,
                     struct worker_config *config)
{
    struct generation *serving = generations_serving(generations);
    struct generation *generation;

    if (serving && serving != generations_newest(generations))
        generation_retire(generations_newest(generations)); /* some of its runners may be at work */
    generation = generation_new(context, config);
    generation->number = ++generations->started;
    ct_list_push_back(&generations->list, &generation->link);
}

void generations_turn(struct generations *generations, bool is_stopping)
{
    struct generation *newest = generations_newest(generations);
    bool is_replaced = generation_is_ready(newest);

    CT_LIST_FOREACH_SAFE (node, following, &generations->list) {
        struct generation *generation = generations_at(node);

        if (is_stopping && (!generation->is_ending || generation->is_retiring))
            generation_drain(generation);
        else if (generation != newest && is_replaced && !generation->is_ending)
            generation_retire(generation);
        generation_turn(generation);
        if (generation->is_ending && generation_is_down(generation))
            generation_close(generation);
    }
}

void generations_watch(struct generations *generations)
{
    CT_LIST_FOREACH (node, &generations->list)
        generation_watch(generations_at(node));
}

void generations_look(struct generations *generations, uint64_t now_ms)
{
    CT_LIST_FOREACH (node, &generations->list)
        generation_look(generations_at(node), now_ms);
}

void generations_stop(struct generations *generations)
{
    CT_LIST_FOREACH (node, &generations->list)
        generation_stop(generations_at(node));
}
