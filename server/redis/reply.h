/* What Redis answered. Borrowed during the callback that hands it out. The accessors never fail:
 * what is not there reads as absent, so a reply of a shape nobody expected cannot crash. */
#ifndef CT_REDIS_REPLY_H
#define CT_REDIS_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/str.h"

struct redis_reply;

bool redis_reply_is_nil(const struct redis_reply *reply); /* also true for NULL */
bool redis_reply_is_array(const struct redis_reply *reply);
size_t redis_reply_count(const struct redis_reply *reply); /* elements; 0 when not an array */
const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index);

/* The bytes of a string or status; CT_STR_NONE otherwise. */
struct ct_str redis_reply_str(const struct redis_reply *reply);
/* An integer, or a string that is a whole number; `fallback` otherwise. */
int64_t redis_reply_int(const struct redis_reply *reply, int64_t fallback);

/* OK, or what an error reply means: the code from its first word (NOAUTH, WRONGPASS, NOPERM,
 * LOADING, READONLY, OOM, WRONGTYPE, NOSCRIPT, ...) and a detail that says what to do. */
enum ct_code redis_reply_check(const struct redis_reply *reply, struct ct_error *err) CT_MUST_CHECK;
/* The same for the bare text of an error, as scripts hand it on for one of several steps. */
enum ct_code redis_error_parse(struct ct_str text, struct ct_error *err);

/* A reply for tests, made from RESP text; the caller frees it with redis_reply_free. */
struct redis_reply *redis_reply_parse(const char *resp, size_t len);
void redis_reply_free(struct redis_reply *reply);

#endif
