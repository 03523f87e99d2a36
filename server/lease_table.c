/* Numbers of leases: the low bits say where the lease stands, the high ones count up. Called by
 * connections; pure. */
#include "server/lease_table.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"

#define LEASE_TABLE_MIN 16

void lease_table_init(struct lease_table *table)
{
    *table = (struct lease_table){.serial = 1};
}

void lease_table_fini(struct lease_table *table)
{
    free(table->slots);
    lease_table_init(table);
}

static void table_grow(struct lease_table *table)
{
    uint32_t cap = table->cap ? table->cap * 2 : LEASE_TABLE_MIN;

    table->slots = ct_realloc(table->slots, cap * sizeof *table->slots);
    for (uint32_t i = table->cap; i < cap; i++)
        table->slots[i] = (struct lease_slot){NULL, i + 1};
    table->free_first = table->cap;
    table->cap = cap;
}

uint64_t lease_table_add(struct lease_table *table, struct lease *lease)
{
    ct_assert(lease);
    if (table->count == LEASE_TABLE_MAX)
        return 0;
    if (table->count == table->cap)
        table_grow(table);

    uint32_t at = table->free_first;
    struct lease_slot *slot = &table->slots[at];
    table->free_first = (uint32_t)slot->number;
    slot->lease = lease;
    slot->number = table->serial++ << LEASE_TABLE_BITS | at;
    table->count++;
    return slot->number;
}

static struct lease_slot *table_slot(const struct lease_table *table, uint64_t number)
{
    uint32_t at = (uint32_t)(number & (LEASE_TABLE_MAX - 1));

    if (at >= table->cap || !table->slots[at].lease || table->slots[at].number != number)
        return NULL;
    return &table->slots[at];
}

struct lease *lease_table_find(const struct lease_table *table, uint64_t number)
{
    struct lease_slot *slot = table_slot(table, number);

    return slot ? slot->lease : NULL;
}

void lease_table_remove(struct lease_table *table, uint64_t number)
{
    struct lease_slot *slot = table_slot(table, number);

    ct_assert(slot);
    *slot = (struct lease_slot){NULL, table->free_first};
    table->free_first = (uint32_t)(slot - table->slots);
    table->count--;
}

struct lease *lease_table_next(const struct lease_table *table, uint32_t *at)
{
    while (*at < table->cap) {
        struct lease *lease = table->slots[(*at)++].lease;
        if (lease)
            return lease;
    }
    return NULL;
}
