/* How many workers a queue wants: Little's law on what Redis and finished jobs tell, held up while
 * bursts pass so that it does not flap. Pure: the daemon brings figures and time, the metrics page
 * shows the answer, the simulation (tests/sim/test_scaling_day.c) drives it over a day. */
#ifndef CT_SERVER_SCALING_H
#define CT_SERVER_SCALING_H

#include <stdint.h>

/* Of a queue that says nothing else in the configuration file (scaling:). */
#define SCALING_TARGET_MS 30000
#define SCALING_HOLD_MS   300000
#define SCALING_MIN       0
#define SCALING_MAX       100
#define SCALING_SLOTS     1
#define SCALING_MOST      100000 /* of min, max and slots */

struct scaling_settings {
    int64_t target_ms; /* no job should wait longer */
    int64_t hold_ms;   /* it wants fewer only after having wanted them for so long */
    uint32_t min, max; /* workers */
    uint32_t slots;    /* jobs that one worker runs at once */
};

#define SCALING_HOLD_STEPS 60 /* the time of hold_ms is remembered in so many parts */

struct scaling {
    double run_ms;                      /* moving average of a job's run; 0: nothing is known yet */
    double rate;                        /* jobs added a millisecond, moving average */
    int64_t waiting, active, seen_ms;   /* at the last look; seen_ms 0: there was none */
    uint32_t peaks[SCALING_HOLD_STEPS]; /* largest wish in each part */
    int64_t part;                       /* the last one, as time divided by its length */
    uint32_t wanted;
};

struct scaling_look {
    int64_t now_ms;    /* monotonic */
    int64_t waiting;   /* ready to run */
    int64_t oldest_ms; /* age of the oldest of them */
    int64_t active;    /* running anywhere */
    uint64_t ended;    /* jobs ended since the last look, as far as is known */
    double run_ms_sum; /* of those whose run time is known */
    uint64_t run_count;
};

/* Takes a look into account; the wish is in `wanted` and returned. A zeroed struct is a new one. */
uint32_t scaling_look(struct scaling *scaling, const struct scaling_settings *settings,
                      const struct scaling_look *look);

#endif
