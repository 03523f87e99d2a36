/* Intrusive doubly linked list. A node that is in no list points at itself, so that unlinking
 * twice is harmless. */
#ifndef CT_COMMON_LIST_H
#define CT_COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ct_list {
    struct ct_list *next, *prev;
};

static inline void ct_list_init(struct ct_list *node)
{
    node->next = node->prev = node;
}

static inline bool ct_list_is_empty(const struct ct_list *head)
{
    return head->next == head;
}

static inline void ct_list_insert_after(struct ct_list *place, struct ct_list *node)
{
    node->next = place->next;
    node->prev = place;
    place->next->prev = node;
    place->next = node;
}

static inline void ct_list_push_back(struct ct_list *head, struct ct_list *node)
{
    ct_list_insert_after(head->prev, node);
}

static inline void ct_list_push_front(struct ct_list *head, struct ct_list *node)
{
    ct_list_insert_after(head, node);
}

static inline void ct_list_remove(struct ct_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    ct_list_init(node);
}

/* Moves all of `from` behind the last of `to`; `from` is empty afterwards. */
static inline void ct_list_append(struct ct_list *to, struct ct_list *from)
{
    if (ct_list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    ct_list_init(from);
}

#define CT_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define CT_LIST_FOREACH(node, head) \
    for (struct ct_list *node = (head)->next; node != (head); node = node->next)

/* The body may remove `node`. */
#define CT_LIST_FOREACH_SAFE(node, following, head)                                    \
    for (struct ct_list *node = (head)->next, *following = node->next; node != (head); \
         node = following, following = node->next)

#endif
