/* Named backoff strategies as part of a queue's settings. Called by settings.c; what dialects use
 * of them is in queue/settings.h. */
#ifndef QUEUE_STRATEGY_H
#define QUEUE_STRATEGY_H

#include <jansson.h>

#include "queue/settings.h"

/* Replaces the strategies of `settings` (null: by none). On failure some may have been read. */
enum ct_code strategies_read(json_t *object, struct queue_settings *settings,
                             struct ct_error *err) CT_MUST_CHECK;
void strategies_free(struct queue_settings *settings);
bool strategy_equal(const struct strategy *a, const struct strategy *b);

#endif
