/* Waiting for work as BullMQ's workers do: the marker tells of jobs, it names none. What it tells
 * is gone from Redis then: who cannot use it says so with an UNTAKE. */
#include <math.h>
#include <stdio.h>

#include "dialect/bullmq/parts.h"

/* A shorter wait may be none, or one for ever; a longer one would miss too much when a marker is
 * lost. */
#define WAIT_MS_MIN 2
#define WAIT_MS_MAX 10000

void bullmq_build_wait(struct dialect_queue *queue, struct redis_command *command)
{
    int64_t ms = queue->settings.drain_delay_ms;
    char seconds[32];

    if (ms < WAIT_MS_MIN)
        ms = WAIT_MS_MIN;
    if (ms > WAIT_MS_MAX)
        ms = WAIT_MS_MAX;
    snprintf(seconds, sizeof seconds, "%.3f", (double)ms / 1000);
    redis_command_text(command, "BZPOPMIN");
    redis_command_text(command, queue->keys.key[BULLMQ_KEY_MARKER]);
    redis_command_text(command, seconds);
}

/* Score 0: there is work; else the time of the first delayed job, perhaps with a fraction. */
enum ct_code bullmq_parse_wait(struct dialect_queue *queue, const struct redis_reply *reply,
                               struct ct_str *id, bool *has_work, int64_t *due_ms,
                               struct ct_error *err)
{
    double score;

    (void)queue;
    *id = CT_STR_NONE;
    *has_work = false;
    *due_ms = COMMIT_NEVER;
    enum ct_code rc = redis_reply_check(reply, err);
    if (rc != CT_E_OK || redis_reply_count(reply) == 0)
        return rc;
    if (!ct_str_to_double(redis_reply_str(redis_reply_at(reply, 2)), &score))
        return ct_error_set(err, CT_E_INTERNAL, "the marker answered what it should not");
    *has_work = !(score > 0);
    if (score > 0 && score < 0x1p53)
        *due_ms = (int64_t)floor(score);
    return CT_E_OK;
}
