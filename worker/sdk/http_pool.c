/* libcurl's handles: each has one connection of its own and is used by one thread at a time; names
 * and TLS sessions are shared by all. Connections are not: what libcurl calls sharing of them is
 * not safe across threads in the versions we meet. See http_parts.h. */
#include "http_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void share_lock(CURL *easy, curl_lock_data data, curl_lock_access access, void *ctx)
{
    struct http_pool *pool = ctx;

    pthread_mutex_lock(&pool->share_locks[data]);
}

static void share_unlock(CURL *easy, curl_lock_data data, void *ctx)
{
    struct http_pool *pool = ctx;

    pthread_mutex_unlock(&pool->share_locks[data]);
}

bool http_pool_init(struct http_pool *pool, size_t slot_max)
{
    pthread_condattr_t attributes;

    memset(pool, 0, sizeof *pool);
    pool->share = curl_share_init();
    pool->slots = calloc(slot_max, sizeof *pool->slots);
    if (!pool->share || !pool->slots) {
        curl_share_cleanup(pool->share);
        free(pool->slots);
        memset(pool, 0, sizeof *pool);
        return false;
    }
    pool->slot_max = slot_max;
    pthread_mutex_init(&pool->lock, NULL);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&pool->share_locks[i], NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    curl_share_setopt(pool->share, CURLSHOPT_LOCKFUNC, share_lock);
    curl_share_setopt(pool->share, CURLSHOPT_UNLOCKFUNC, share_unlock);
    curl_share_setopt(pool->share, CURLSHOPT_USERDATA, pool);
    curl_share_setopt(pool->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(pool->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    return true;
}

void http_pool_fini(struct http_pool *pool)
{
    if (!pool->slots)
        return;
    for (size_t i = 0; i < pool->slot_count; i++) {
        curl_easy_cleanup(pool->slots[i].easy);
        curl_multi_cleanup(pool->slots[i].multi);
    }
    free(pool->slots);
    curl_share_cleanup(pool->share);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_destroy(&pool->share_locks[i]);
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    memset(pool, 0, sizeof *pool);
}

static bool slot_open(struct http_slot *slot, CURLSH *share)
{
    slot->easy = curl_easy_init();
    slot->multi = curl_multi_init();
    if (!slot->easy || !slot->multi) {
        curl_easy_cleanup(slot->easy);
        curl_multi_cleanup(slot->multi);
        memset(slot, 0, sizeof *slot);
        return false;
    }
    curl_multi_setopt(slot->multi, CURLMOPT_MAXCONNECTS, 1L);
    curl_easy_setopt(slot->easy, CURLOPT_SHARE, share);
    return true;
}

/* One that is free and leads there; a new one; any free one, which gives up its connection. */
static struct http_slot *pool_find(struct http_pool *pool, const char *endpoint)
{
    struct http_slot *any = NULL;

    for (size_t i = 0; i < pool->slot_count; i++) {
        struct http_slot *slot = &pool->slots[i];

        if (slot->is_used)
            continue;
        if (strcmp(slot->endpoint, endpoint) == 0)
            return slot;
        any = slot;
    }
    if (pool->slot_count < pool->slot_max && slot_open(&pool->slots[pool->slot_count], pool->share))
        return &pool->slots[pool->slot_count++];
    return any;
}

struct http_slot *http_pool_take(struct http_pool *pool, const char *endpoint, int64_t wait_ms)
{
    struct http_slot *slot;
    struct timespec until;
    int late = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += (time_t)(wait_ms / 1000) + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&pool->lock);
    while (!(slot = pool_find(pool, endpoint)) && late == 0)
        late = pthread_cond_timedwait(&pool->freed, &pool->lock, &until);
    if (slot) {
        slot->is_used = true;
        snprintf(slot->endpoint, sizeof slot->endpoint, "%s", endpoint);
    }
    pthread_mutex_unlock(&pool->lock);
    return slot;
}

void http_pool_give(struct http_pool *pool, struct http_slot *slot)
{
    pthread_mutex_lock(&pool->lock);
    slot->is_used = false;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}
