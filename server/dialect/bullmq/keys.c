/* Names only; what lies behind them is the scripts'. */
#include "dialect/bullmq/keys.h"

static const char *const texts[] = {
#define BULLMQ_KEY_TEXT(name, text) text,
    BULLMQ_KEY_LIST(BULLMQ_KEY_TEXT)
#undef BULLMQ_KEY_TEXT
};

/* `priority`, `delay` and `meta-paused` are of older versions, and `de` and `dn` begin other keys.
 */
static const char *const others[] = {
    "de",          "dn", "metrics", "metrics:completed", "metrics:failed", "priority", "delay",
    "meta-paused", "",   NULL};

const struct key_table bullmq_key_table = {texts, BULLMQ_KEY_COUNT, others};
