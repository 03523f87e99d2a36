/* Names only; what lies behind them is the scripts'. */
#include "dialect/bull/keys.h"

static const char *const texts[] = {
#define BULL_KEY_TEXT(name, text) text,
    BULL_KEY_LIST(BULL_KEY_TEXT)
#undef BULL_KEY_TEXT
};

static const char *const others[] = {
    "meta", "limiter", "limiter:index", "limiter:limited", "metrics:failed", "metrics:completed",
    NULL};

const struct key_table bull_key_table = {texts, BULL_KEY_COUNT, others};
