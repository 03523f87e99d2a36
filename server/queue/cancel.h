/* The message that cancels an active job: said on a channel of Redis by anybody who may publish
 * there (a Node producer, cartrita-q, another daemon), heard by every daemon that serves the queue.
 * It is Cartrita's own and the same in every dialect. A channel is no key: nothing is left behind,
 * and Bull does not mind.
 *
 *   PUBLISH <prefix>:<queue>:cancel  {"id":"7","reason":"the user has left"}
 *
 * `reason` may be missing. A payload that does not begin with { is an id as it is. Used by the
 * daemon and by cartrita-q. */
#ifndef CT_QUEUE_CANCEL_H
#define CT_QUEUE_CANCEL_H

#include "common/error.h"
#include "redis/command.h"

#define CANCEL_ID_MAX     65536 /* bytes of the id of a job that can be cancelled */
#define CANCEL_REASON_MAX 200   /* bytes of a reason; in a message more of them are cut off */

struct cancel {
    struct ct_str id, reason; /* NUL-terminated, in `texts`; reason may be absent */
    char *texts;              /* owned */
};

/* The name of a queue's channel as fresh memory. */
char *cancel_channel(const char *prefix, const char *queue);

/* The call that publishes it; its answer is how many daemons have heard. INVALID: this id and
 * reason cannot be said together, for the id is not UTF-8. */
enum ct_code cancel_build(const char *channel, struct ct_str id, struct ct_str reason,
                          struct redis_command *command, struct ct_error *err) CT_MUST_CHECK;

/* What a message says; the caller frees *out with cancel_fini. */
enum ct_code cancel_parse(struct ct_str payload, struct cancel *out,
                          struct ct_error *err) CT_MUST_CHECK;
void cancel_fini(struct cancel *cancel);

/* As much of a reason as is kept: up to CANCEL_REASON_MAX bytes and whole characters. */
struct ct_str cancel_cut_reason(struct ct_str reason);

#endif
