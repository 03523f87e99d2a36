/* Top at work: what is shown, where, and what keys do to it. Shared by cmd_top.c (the loop) and
 * top_keys.c. */
#ifndef Q_TOP_KEYS_H
#define Q_TOP_KEYS_H

#include "q/top.h"

struct live {
    struct top top;
    struct screen screen;
    const char *const *args;
    size_t arg_count;
    uv_timer_t timer;
    uv_poll_t input;
    bool is_over, is_due, is_drawn; /* is_drawn: nothing has changed since */
    size_t open;                    /* handles */
};

void live_key(struct live *live, int key);

#endif
