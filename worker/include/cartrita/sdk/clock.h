/* The two clocks that plugins ask. */
#ifndef CARTRITA_SDK_CLOCK_H
#define CARTRITA_SDK_CLOCK_H

#include <stdint.h>

/* Milliseconds of a clock that nobody sets: for how long something has taken, and until when to
 * wait. Never compare it with a time of day. */
int64_t sdk_now_ms(void);
/* Milliseconds since 1970: for times that are stored or shown. */
int64_t sdk_wall_ms(void);

#endif
