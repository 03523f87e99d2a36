/* The result cache: a job that says it is pure (the same data gives the same result) and has run
 * before is completed with the result of then, without its plugin.
 *
 *   on a job thread   cache_answer: memory, then Redis through the daemon; else the job runs
 *   on the loop       cache_keep: the result of one that ran, for memory and for the daemon
 *
 * A job is pure when its data is an object with the member "cache": true, or
 * {"ttl": MS, "tags": ["TAG", ...]}. The key is what the result depends on: plugin, its version and
 * settings, the job's name, its data without "cache". Owned by the runner. It never fails a job:
 * whatever goes wrong is a miss. */
#ifndef WORKER_CACHE_H
#define WORKER_CACHE_H

#include "common/sha256.h"
#include "proto/codec.h"
#include "worker/runner/job.h"

#define CACHE_WAIT_MS 250u  /* for the daemon's answer; then the job runs */
#define CACHE_REST_MS 1000u /* after that, nothing is asked for so long */
#define CACHE_TAGGED_MS                                                      \
    2000u /* a result with tags is good so long in memory: it may be dropped \
           */
#define CACHE_RESULT_MAX    (256u << 10) /* bytes; larger ones are not kept */
#define CACHE_TAGS_TEXT_MAX 520u

struct cache;

struct cache_options {
    const struct cartrita_plugin *plugin; /* borrowed, as all */
    const char *config;
    size_t bytes_max;
    uint64_t ttl_ms; /* where the job does not say */
};

struct cache_counts {
    unsigned long memory, redis, missed; /* jobs */
};

struct cache *cache_new(const struct cache_options *options);
void cache_free(struct cache *cache);
struct cache_counts cache_counts(const struct cache *cache);

/* True: the job has ended with a result of before. Else, if it is pure, it remembers its key. */
bool cache_answer(struct cache *cache, struct cartrita_job *job);

/* A job that ran has completed: true, and *put is to be sent (it borrows from the job). */
bool cache_keep(struct cache *cache, const struct cartrita_job *job, struct proto_message *put);

/* What a pure job remembers; NULL is allowed. */
struct cache_place;
void cache_place_free(struct cache_place *place);

#endif
