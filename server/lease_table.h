/* The numbers that leases have on one connection. A number is never used twice, so a late message
 * about an ended lease cannot hit another one. */
#ifndef CT_SERVER_LEASE_TABLE_H
#define CT_SERVER_LEASE_TABLE_H

#include <stdint.h>

struct lease;

/* Leases that one connection can hold. */
#define LEASE_TABLE_BITS 20
#define LEASE_TABLE_MAX  (1u << LEASE_TABLE_BITS)

struct lease_slot {
    struct lease *lease; /* borrowed; NULL: free */
    uint64_t number;     /* while free: the next free slot */
};

struct lease_table {
    struct lease_slot *slots; /* owned */
    uint32_t cap, count, free_first;
    uint64_t serial;
};

void lease_table_init(struct lease_table *table);
void lease_table_fini(struct lease_table *table);

/* The lease's number; 0 when the table is full. */
uint64_t lease_table_add(struct lease_table *table, struct lease *lease);
/* NULL: no such lease, or no more. */
struct lease *lease_table_find(const struct lease_table *table, uint64_t number);
void lease_table_remove(struct lease_table *table, uint64_t number);
/* Steps through the leases: begin with 0; NULL at the end. */
struct lease *lease_table_next(const struct lease_table *table, uint32_t *at);

#endif
