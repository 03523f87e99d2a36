/* Results of pure jobs in a runner's memory: bounded in bytes, what was not used longest goes
 * first. Any thread. Owned by cache.c. */
#ifndef WORKER_CACHE_MEMORY_H
#define WORKER_CACHE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

struct cache_memory;

struct cache_memory *cache_memory_new(size_t bytes_max);
void cache_memory_free(struct cache_memory *memory);

/* A copy for the caller to free; NULL: it is not there, or was good until before `now_ms`. */
char *cache_memory_get(struct cache_memory *memory, const char *key, uint64_t now_ms, size_t *len);
/* Copies. What alone is larger than the bound is not kept. */
void cache_memory_put(struct cache_memory *memory, const char *key, struct ct_str value,
                      uint64_t until_ms);
size_t cache_memory_bytes(struct cache_memory *memory);

#endif
