/* See cache_memory.h. */
#include "worker/runner/cache_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/list.h"
#include "common/mem.h"

#define CACHE_BUCKETS 4096u /* power of two */

struct entry {
    struct ct_list age; /* in memory->ages */
    struct entry *next; /* in its bucket */
    uint64_t until_ms;
    char *key; /* behind the value, in the same block */
    size_t len, size;
    char value[];
};

struct cache_memory {
    pthread_mutex_t lock;
    size_t bytes, bytes_max;
    struct ct_list ages; /* used last comes last */
    struct entry *buckets[CACHE_BUCKETS];
};

struct cache_memory *cache_memory_new(size_t bytes_max)
{
    struct cache_memory *memory = ct_zalloc(sizeof *memory);

    memory->bytes_max = bytes_max;
    pthread_mutex_init(&memory->lock, NULL);
    ct_list_init(&memory->ages);
    return memory;
}

/* Where the entry of this key hangs, or would. Keys are digests: any part of them is a hash. */
static struct entry **cache_find(struct cache_memory *memory, const char *key)
{
    uint32_t hash = 0;
    struct entry **at;

    for (size_t i = 0; i < 8 && key[i]; i++)
        hash = hash * 31 + (unsigned char)key[i];
    at = &memory->buckets[hash & (CACHE_BUCKETS - 1)];
    while (*at && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    return at;
}

static void cache_remove(struct cache_memory *memory, struct entry **at)
{
    struct entry *entry = *at;

    *at = entry->next;
    ct_list_remove(&entry->age);
    memory->bytes -= entry->size;
    free(entry);
}

void cache_memory_free(struct cache_memory *memory)
{
    while (!ct_list_is_empty(&memory->ages))
        cache_remove(memory,
                     cache_find(memory, CT_CONTAINER(memory->ages.next, struct entry, age)->key));
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

char *cache_memory_get(struct cache_memory *memory, const char *key, uint64_t now_ms, size_t *len)
{
    char *copy = NULL;
    struct entry **at;

    pthread_mutex_lock(&memory->lock);
    at = cache_find(memory, key);
    if (*at && (*at)->until_ms <= now_ms)
        cache_remove(memory, at);
    else if (*at) {
        copy = ct_strndup((*at)->value, (*at)->len);
        *len = (*at)->len;
        ct_list_remove(&(*at)->age);
        ct_list_push_back(&memory->ages, &(*at)->age);
    }
    pthread_mutex_unlock(&memory->lock);
    return copy;
}

void cache_memory_put(struct cache_memory *memory, const char *key, struct ct_str value,
                      uint64_t until_ms)
{
    const size_t key_size = strlen(key) + 1;
    const size_t size = sizeof(struct entry) + value.len + key_size;
    struct entry **at, *entry;

    pthread_mutex_lock(&memory->lock);
    at = cache_find(memory, key);
    if (*at)
        cache_remove(memory, at);
    while (size <= memory->bytes_max && memory->bytes > memory->bytes_max - size)
        cache_remove(memory,
                     cache_find(memory, CT_CONTAINER(memory->ages.next, struct entry, age)->key));
    if (size <= memory->bytes_max) {
        entry = ct_zalloc(size);
        memcpy(entry->value, value.data, value.len);
        entry->key = entry->value + value.len;
        memcpy(entry->key, key, key_size);
        entry->len = value.len;
        entry->size = size;
        entry->until_ms = until_ms;
        at = cache_find(memory, key);
        *at = entry;
        ct_list_push_back(&memory->ages, &entry->age);
        memory->bytes += size;
    }
    pthread_mutex_unlock(&memory->lock);
}

size_t cache_memory_bytes(struct cache_memory *memory)
{
    size_t bytes;

    pthread_mutex_lock(&memory->lock);
    bytes = memory->bytes;
    pthread_mutex_unlock(&memory->lock);
    return bytes;
}
