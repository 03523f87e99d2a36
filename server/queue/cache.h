/* Results of pure jobs in Redis: the commands, for the daemon and for cartrita-q. The keys begin
 * with {cartrita:cache}, which is no queue's: no client of Bull or BullMQ meets them.
 *
 *   {cartrita:cache}:job:KEY   stamp, line end, result; goes by itself
 *   {cartrita:cache}:tag:TAG   a random number, new each time the tag is dropped
 *
 * The stamp holds the numbers of the job's tags when it was looked for. A result is there as long
 * as they are the same, so that dropping a tag is one SET, whatever it is on. A tag's number is
 * kept longer than any result. */
#ifndef CT_QUEUE_CACHE_H
#define CT_QUEUE_CACHE_H

#include "common/error.h"
#include "common/random.h"
#include "redis/command.h"
#include "redis/reply.h"

#define CACHE_KEY_LEN    64 /* a SHA-256 in hexadecimal digits */
#define CACHE_TAGS_MAX   8  /* of one job */
#define CACHE_TAG_MAX    64 /* bytes */
#define CACHE_STAMP_MAX  (CACHE_TAGS_MAX * 17)
#define CACHE_VALUE_MAX  (256u << 10) /* bytes of a result */
#define CACHE_TTL_MAX_MS (INT64_C(30) * 24 * 3600 * 1000)

/* `tags`: a line each; may be empty. */
enum ct_code cache_build_get(struct ct_str key, struct ct_str tags, struct redis_command *command,
                             struct ct_error *err) CT_MUST_CHECK;
/* Appends the stamp of now to `stamp`, and lends the result; absent: there is none. */
void cache_parse_get(const struct redis_reply *reply, struct ct_buf *stamp, struct ct_str *value);

enum ct_code cache_build_put(struct ct_str key, struct ct_str stamp, struct ct_str value,
                             uint64_t ttl_ms, struct redis_command *command,
                             struct ct_error *err) CT_MUST_CHECK;

enum ct_code cache_build_drop(struct ct_str tag, const struct ct_random *random,
                              struct redis_command *command, struct ct_error *err) CT_MUST_CHECK;

#endif
