/* See cartrita/sdk/clock.h. */
#include "cartrita/sdk/clock.h"

#include <time.h>

static int64_t clock_ms(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t sdk_now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t sdk_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}
