/* Dead letters as cartrita-q sees them: reading them, which is the same for all dialects, and
 * taking them out of their queue again. Called by cartrita-q, for dialects that have a dead_keeper.
 */
#ifndef DIALECT_SHARED_LETTER_H
#define DIALECT_SHARED_LETTER_H

#include "queue/dead.h"

/* False when the data of a job is no dead letter. On success the caller calls dead_letter_fini. */
bool letter_read(struct ct_str data, struct dead_letter *out);

/* Moves what can be moved, each letter atomically. Letters whose job cannot be added get their
 * result at build; the command is empty when none is left. */
void letter_build_move(const struct dialect *dialect, const struct dead_call *call, int64_t now_ms,
                       const struct ct_random *random, struct redis_command *command);
enum ct_code letter_parse_move(const struct dead_call *call, const struct redis_reply *reply,
                               struct ct_error *err) CT_MUST_CHECK;

#endif
