/* The result cache of a runner. See cache.h. */
#include "worker/runner/cache.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "worker/runner/ask.h"
#include "worker/runner/cache_memory.h"
#include "worker/runner/threads.h"

#define CACHE_TTL_MAX_MS (UINT64_C(30) * 24 * 3600 * 1000)

struct cache {
    struct cache_options options;
    struct cache_memory *memory;
    _Atomic uint64_t rest_until_ms;
    atomic_ulong memory_hits, redis_hits, misses;
};

struct cache_place {
    char key[CT_SHA256_HEX + 1];
    char *tags; /* owned: a line each; NULL: none */
    uint64_t ttl_ms;
    char *stamp; /* owned; NULL: Redis takes nothing now */
};

struct cache *cache_new(const struct cache_options *options)
{
    struct cache *cache = ct_zalloc(sizeof *cache);

    cache->options = *options;
    cache->memory = cache_memory_new(options->bytes_max);
    return cache;
}

void cache_free(struct cache *cache)
{
    if (cache)
        cache_memory_free(cache->memory);
    free(cache);
}

struct cache_counts cache_counts(const struct cache *cache)
{
    return (struct cache_counts){atomic_load(&cache->memory_hits), atomic_load(&cache->redis_hits),
                                 atomic_load(&cache->misses)};
}

void cache_place_free(struct cache_place *place)
{
    if (place) {
        free(place->tags);
        free(place->stamp);
    }
    free(place);
}

/* --- whether, and under which key ----------------------------------------------------------------
 */

/* False: there is something among them that is no tag. What the daemon refuses is a miss. */
static bool cache_read_tags(const json_t *tags, struct cache_place *place)
{
    char text[CACHE_TAGS_TEXT_MAX] = "";
    size_t len = 0, i;
    const json_t *tag;

    if (tags && !json_is_array(tags))
        return false;
    json_array_foreach(tags, i, tag)
    {
        const char *name = json_string_value(tag);
        size_t name_len = name ? strlen(name) : 0;

        if (name_len == 0 || strchr(name, '\n') || len + name_len + 2 > sizeof text)
            return false;
        if (len > 0)
            text[len++] = '\n';
        memcpy(text + len, name, name_len + 1);
        len += name_len;
    }
    place->tags = len ? ct_strdup(text) : NULL;
    return true;
}

static bool cache_read_wish(const struct cache *cache, const json_t *wish,
                            struct cache_place *place)
{
    const json_t *ttl = json_object_get(wish, "ttl");

    place->ttl_ms = cache->options.ttl_ms;
    if (json_is_true(wish))
        return true;
    if (!json_is_object(wish) || (ttl && (!json_is_integer(ttl) || json_integer_value(ttl) <= 0)))
        return false;
    if (ttl)
        place->ttl_ms = (uint64_t)json_integer_value(ttl);
    if (place->ttl_ms > CACHE_TTL_MAX_MS)
        place->ttl_ms = CACHE_TTL_MAX_MS;
    return cache_read_tags(json_object_get(wish, "tags"), place);
}

static void cache_make_key(const struct cache *cache, const struct cartrita_job *job,
                           const char *data, char key[CT_SHA256_HEX + 1])
{
    const struct cartrita_plugin *plugin = cache->options.plugin;
    const char *const parts[] = {plugin->name, plugin->version ? plugin->version : "",
                                 cache->options.config ? cache->options.config : "", job->name.data,
                                 data};
    struct ct_sha256 sha;

    ct_sha256_init(&sha);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ct_sha256_add(&sha, (struct ct_str){parts[i], strlen(parts[i]) + 1}); /* with the NUL */
    ct_sha256_hex(&sha, key);
}

/* NULL: the job is not pure. */
static struct cache_place *cache_place_of(const struct cache *cache, const struct cartrita_job *job)
{
    struct cache_place *place = NULL;
    json_t *data;
    char *text;

    if (!strstr(job->data.data, "\"cache\"")) /* most jobs need no closer look */
        return NULL;
    data = json_loadb(job->data.data, job->data.len, JSON_ALLOW_NUL, NULL);
    if (json_object_get(data, "cache")) {
        place = ct_zalloc(sizeof *place);
        if (!cache_read_wish(cache, json_object_get(data, "cache"), place)) {
            cache_place_free(place);
            place = NULL;
        }
    }
    if (place) {
        json_object_del(data, "cache");
        text = json_dumps(data, JSON_SORT_KEYS | JSON_COMPACT);
        cache_make_key(cache, job, text ? text : "", place->key);
        free(text);
    }
    json_decref(data);
    return place;
}

/* --- answers -------------------------------------------------------------------------------------
 */

static uint64_t cache_until(const struct cache_place *place)
{
    bool is_short = place->tags && place->ttl_ms > CACHE_TAGGED_MS;

    return job_now_ms() + (is_short ? CACHE_TAGGED_MS : place->ttl_ms);
}

/* Asks the daemon: a fresh copy of the result, or NULL; the place learns the stamp. */
static char *cache_ask(struct cache *cache, struct cartrita_job *job, struct cache_place *place,
                       size_t *len)
{
    struct ask_child found;
    struct ask *ask;
    char *value = NULL;
    size_t at = 0;

    if (job_now_ms() < atomic_load(&cache->rest_until_ms))
        return NULL;
    ask = ask_new(job, 0, 0, ct_str_of(place->key));
    ask->is_cache = true;
    ask->tags = place->tags ? ct_strdup(place->tags) : NULL;
    outbox_push(threads_outbox(job->threads), &ask->note, true);
    if (!ask_wait(ask, CACHE_WAIT_MS))
        atomic_store(&cache->rest_until_ms, job_now_ms() + CACHE_REST_MS);
    else if (!ask->error && ask_next(ask, &at, &found)) {
        place->stamp = ct_strndup(found.key.data, found.key.len);
        value = found.value.data ? ct_strndup(found.value.data, found.value.len) : NULL;
        *len = found.value.len;
    }
    ask_unref(ask);
    return value;
}

bool cache_answer(struct cache *cache, struct cartrita_job *job)
{
    struct cache_place *place = cache_place_of(cache, job);
    bool is_near = true;
    size_t len = 0;
    char *value;

    if (!place)
        return false;
    value = cache_memory_get(cache->memory, place->key, job_now_ms(), &len);
    if (!value) {
        is_near = false;
        value = cache_ask(cache, job, place, &len);
        if (value)
            cache_memory_put(cache->memory, place->key, (struct ct_str){value, len},
                             cache_until(place));
    }
    if (!value || !job_claim(job, JOB_RUNNING)) {
        atomic_fetch_add(&cache->misses, 1);
        free(value);
        job->cache = place;
        return false;
    }
    atomic_fetch_add(is_near ? &cache->memory_hits : &cache->redis_hits, 1);
    job->is_cached = true;
    job_outcome_complete(job, value, len);
    job->ended_ns = uv_hrtime();
    outbox_push(threads_outbox(job->threads), &job->end, true);
    free(value);
    cache_place_free(place);
    return true;
}

bool cache_keep(struct cache *cache, const struct cartrita_job *job, struct proto_message *put)
{
    const struct cache_place *place = job->cache;
    struct ct_str value = {job->outcome.text, job->outcome.text_len};

    if (!place || job->outcome.kind != JOB_COMPLETED || value.len > CACHE_RESULT_MAX)
        return false;
    if (!value.data)
        value = CT_STR_LIT("null");
    /* Without a stamp nobody could tell whether a tag was dropped meanwhile. */
    if (place->stamp || !place->tags)
        cache_memory_put(cache->memory, place->key, value, cache_until(place));
    if (!place->stamp)
        return false;
    *put = (struct proto_message){
        .type = PROTO_CACHE_PUT,
        .as.cache_put = {.key = ct_str_of(place->key),
                         .stamp = ct_str_of(place->stamp),
                         .value = value,
                         .ttl_ms = place->ttl_ms},
    };
    return true;
}
