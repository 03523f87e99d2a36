/* The number of workers that a queue wants. See scaling.h.
 *
 * Work comes in at `rate` and each job takes `run`: rate * run places are busy all the time. What
 * waits already must be gone within half of the target, as new workers take their time to come:
 * waiting * run / (target / 2) more. Jobs that run keep their places. */
#include "server/scaling.h"

#include <math.h>
#include <string.h>

#define SCALING_RUN_GUESS_MS 1000 /* while no job has ended */
/* Weight of a look: of the run time, of a rising and of a falling rate. */
#define SCALING_RUN_WEIGHT  0.3
#define SCALING_RISE_WEIGHT 0.5
#define SCALING_FALL_WEIGHT 0.1
/* A backlog that is too old already asks for up to so many times the places. */
#define SCALING_URGENCY_MAX 2.0

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static void scaling_learn(struct scaling *scaling, const struct scaling_look *look)
{
    const int64_t elapsed_ms = look->now_ms - scaling->seen_ms;

    if (look->run_count > 0) {
        const double mean = look->run_ms_sum / (double)look->run_count;

        scaling->run_ms +=
            (mean - scaling->run_ms) * (scaling->run_ms > 0 ? SCALING_RUN_WEIGHT : 1);
    }
    if (scaling->seen_ms != 0 && elapsed_ms > 0) {
        const double begun = (double)look->ended + (double)(look->active - scaling->active);
        const double added = larger((double)(look->waiting - scaling->waiting) + begun, 0);
        const double rate = added / (double)elapsed_ms;

        scaling->rate += (rate - scaling->rate) *
                         (rate > scaling->rate ? SCALING_RISE_WEIGHT : SCALING_FALL_WEIGHT);
    }
    scaling->seen_ms = look->now_ms;
    scaling->waiting = look->waiting;
    scaling->active = look->active;
}

static uint32_t scaling_wish(const struct scaling *scaling, const struct scaling_settings *settings,
                             const struct scaling_look *look)
{
    const double run_ms = scaling->run_ms > 0 ? scaling->run_ms : SCALING_RUN_GUESS_MS;
    const double age = (double)look->oldest_ms / (double)settings->target_ms;
    double places = scaling->rate * run_ms;

    places += (double)look->waiting * run_ms * 2 / (double)settings->target_ms;
    if (age > 1)
        places *= age < SCALING_URGENCY_MAX ? age : SCALING_URGENCY_MAX;
    places = larger(places, (double)look->active);
    /* What is left of a rate that has ended is no reason for a worker. */
    if (look->waiting == 0 && look->active == 0 && places < 0.01)
        places = 0;
    const double workers = larger(ceil(places / settings->slots), look->waiting > 0);
    return workers < settings->max ? (uint32_t)workers : settings->max;
}

/* The largest wish within the hold time. */
static uint32_t scaling_hold(struct scaling *scaling, const struct scaling_settings *settings,
                             uint32_t wish, int64_t now_ms)
{
    const int64_t length_ms = settings->hold_ms / SCALING_HOLD_STEPS + 1;
    const int64_t part = now_ms / length_ms;
    uint32_t peak = 0;

    if (part - scaling->part >= SCALING_HOLD_STEPS || part < scaling->part)
        memset(scaling->peaks, 0, sizeof scaling->peaks);
    else
        for (int64_t i = scaling->part + 1; i <= part; i++)
            scaling->peaks[i % SCALING_HOLD_STEPS] = 0;
    scaling->part = part;
    uint32_t *here = &scaling->peaks[part % SCALING_HOLD_STEPS];
    *here = wish > *here ? wish : *here;
    for (int i = 0; i < SCALING_HOLD_STEPS; i++)
        peak = scaling->peaks[i] > peak ? scaling->peaks[i] : peak;
    return peak;
}

uint32_t scaling_look(struct scaling *scaling, const struct scaling_settings *settings,
                      const struct scaling_look *look)
{
    scaling_learn(scaling, look);
    const uint32_t wish = scaling_wish(scaling, settings, look);
    const uint32_t held = scaling_hold(scaling, settings, wish, look->now_ms);

    scaling->wanted = held > settings->min ? held : settings->min;
    return scaling->wanted;
}
