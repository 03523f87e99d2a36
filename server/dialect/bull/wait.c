/* Waiting for work as Bull's workers do: BRPOPLPUSH moves an id to active, unlocked; the engine
 * answers it with TAKE or UNTAKE. Also the channel that tells of delayed jobs. */
#include <math.h>

#include "dialect/bull/parts.h"

void bull_build_wait(struct dialect_queue *queue, struct redis_command *command)
{
    /* Whole seconds: before Redis 6 there is nothing else, and 0 would wait for ever. */
    int64_t seconds = (queue->settings.drain_delay_ms + 999) / 1000;

    redis_command_text(command, "BRPOPLPUSH");
    redis_command_text(command, queue->keys.key[BULL_KEY_WAIT]);
    redis_command_text(command, queue->keys.key[BULL_KEY_ACTIVE]);
    redis_command_int(command, seconds > 0 ? seconds : 1);
}

enum ct_code bull_parse_wait(struct dialect_queue *queue, const struct redis_reply *reply,
                             struct ct_str *id, bool *has_work, int64_t *due_ms,
                             struct ct_error *err)
{
    (void)queue;
    *due_ms = COMMIT_NEVER;
    enum ct_code rc = redis_reply_check(reply, err);
    if (rc != CT_E_OK)
        return rc;
    *id = redis_reply_str(reply);
    *has_work = id->data != NULL;
    return CT_E_OK;
}
