/* Time, passed in so that a simulation can be it. Wall time goes into Redis (Bull's clocks are the
 * clients'); deadlines and intervals use monotonic time only. Both in milliseconds. */
#ifndef CT_COMMON_CLOCK_H
#define CT_COMMON_CLOCK_H

#include <stdint.h>

struct ct_clock {
    int64_t (*wall_ms)(void *ctx);
    int64_t (*monotonic_ms)(void *ctx);
    void *ctx;
};

extern const struct ct_clock ct_clock_system;

static inline int64_t ct_wall_ms(const struct ct_clock *clock)
{
    return clock->wall_ms(clock->ctx);
}

static inline int64_t ct_monotonic_ms(const struct ct_clock *clock)
{
    return clock->monotonic_ms(clock->ctx);
}

#endif
