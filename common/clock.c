/* The system's clocks behind struct ct_clock. */
#include "common/clock.h"

#include <time.h>

#include "common/assert.h"

static int64_t clock_read_ms(clockid_t id)
{
    struct timespec now;
    int rc = clock_gettime(id, &now);

    ct_assert(rc == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t clock_wall_ms(void *ctx)
{
    (void)ctx;
    return clock_read_ms(CLOCK_REALTIME);
}

static int64_t clock_monotonic_ms(void *ctx)
{
    (void)ctx;
    return clock_read_ms(CLOCK_MONOTONIC);
}

const struct ct_clock ct_clock_system = {clock_wall_ms, clock_monotonic_ms, NULL};
