/* Replies as they are read: hiredis' parser writes them into an arena, so that a reply of thousands
 * of texts is a handful of allocations. Used by links and by redis_reply_parse. */
#ifndef CT_REDIS_REPLY_READER_H
#define CT_REDIS_REPLY_READER_H

#include "redis/reply.h"

/* What one reply may hold in memory. A link whose reply is larger is dropped. */
#define REDIS_REPLY_BYTES_MAX (1u << 30)
/* Elements of one array in it, checked before the room for them is taken. */
#define REDIS_REPLY_ELEMENTS_MAX (8u << 20)

struct reply_reader;

struct reply_reader *reply_reader_new(void);
void reply_reader_free(struct reply_reader *reader);

enum ct_code reply_reader_feed(struct reply_reader *reader, const char *bytes, size_t len,
                               struct ct_error *err) CT_MUST_CHECK;
/* The next whole reply, lent until the next call on this reader; *reply NULL: none yet. An error
 * means that the stream cannot go on. */
enum ct_code reply_reader_next(struct reply_reader *reader, const struct redis_reply **reply,
                               struct ct_error *err) CT_MUST_CHECK;
/* Makes the reply that was lent last the caller's, freed with redis_reply_free. */
struct redis_reply *reply_reader_take(struct reply_reader *reader);

bool redis_reply_is_error(const struct redis_reply *reply);

#endif
