/* A day of bursts with an autoscaler that follows the wanted number of workers: a quiet night, a
 * morning that fills up, batches every few minutes, a campaign each hour, a spike of a hundred
 * times the usual, slow jobs in the afternoon. The autoscaler looks every POLL_S and a new worker
 * takes START_S to come: together one scaling step.
 *
 * With SCALING_CSV=FILE it writes what happened, a line a minute, for scaling_chart.mjs. */
#include <stdio.h>
#include <stdlib.h>

#include "server/scaling.h"
#include "tests/lib/unit.h"

#define DAY_S          86400
#define LOOK_S         5 /* as the daemon samples */
#define POLL_S         15
#define START_S        20
#define STEP_S         (POLL_S + START_S)
#define TARGET_S       (SCALING_TARGET_MS / 1000)
#define BATCH_S        240
#define TURNS_HOUR_MAX 6 /* changes of direction in an hour */
#define SLOTS          4

struct day {
    double *arrived; /* jobs that came in each second and still wait */
    int head;        /* the oldest second with some */
    double waiting;
    double busy;
    uint32_t workers;         /* that run */
    uint32_t coming[START_S]; /* that will, by the second at which they come */
    int oldest_most;          /* of this minute */
    double waiting_most;
    int late_s, late_most_s; /* how long the backlog has been over the target */
    int turns[24], direction;
};

static double arrivals_at(int s)
{
    const int hour = s / 3600, in_hour = s % 3600;
    double rate = 0.2;

    if (hour >= 7 && hour < 20)
        rate = 2 + 6 * (hour < 12 ? (s - 7 * 3600) / (5 * 3600.0) : 1);
    if (hour >= 8 && hour < 19 && in_hour < 120)
        rate += 30; /* a campaign */
    if (hour >= 7 && hour < 20 && s % BATCH_S == 0)
        rate += 200; /* somebody's batch */
    if (s >= 15 * 3600 + 1800 && s < 15 * 3600 + 1860)
        rate *= 100; /* the spike */
    return rate;
}

static double run_at(int s)
{
    return s >= 13 * 3600 && s < 17 * 3600 ? 2.0 : 0.5;
}

/* One second: what comes, what is worked off from the oldest on. Returns how many ended. */
static double day_work(struct day *day, int s)
{
    double room = day->workers * SLOTS / run_at(s);
    double ended = 0;

    day->arrived[s] += arrivals_at(s);
    day->waiting += arrivals_at(s);
    while (room > 0 && day->head <= s) {
        const double part = day->arrived[day->head] < room ? day->arrived[day->head] : room;

        day->arrived[day->head] -= part;
        day->waiting -= part;
        room -= part;
        ended += part;
        if (day->arrived[day->head] > 1e-9)
            break;
        day->head++;
    }
    day->busy = ended * run_at(s);
    return ended;
}

static int day_oldest(const struct day *day, int s)
{
    return day->waiting >= 1 && day->head <= s ? s - day->head : 0;
}

static void day_scale(struct day *day, int s, uint32_t wanted)
{
    uint32_t sum = day->workers;

    for (int i = 0; i < START_S; i++)
        sum += day->coming[i];
    if (wanted == sum)
        return;
    const int direction = wanted > sum ? 1 : -1;
    if (day->direction != 0 && direction != day->direction)
        day->turns[s / 3600]++;
    day->direction = direction;
    if (wanted > sum)
        day->coming[s % START_S] += wanted - sum;
    else
        day->workers -= sum - wanted < day->workers ? sum - wanted : day->workers;
}

/* A line a minute: of ages and backlogs the largest in it. */
static void day_note(struct day *day, FILE *csv, int s, uint32_t wanted)
{
    const int oldest = day_oldest(day, s);

    day->oldest_most = oldest > day->oldest_most ? oldest : day->oldest_most;
    day->waiting_most = day->waiting > day->waiting_most ? day->waiting : day->waiting_most;
    if (s % 60 != 59)
        return;
    if (csv)
        fprintf(csv, "%d,%.2f,%.0f,%d,%u,%u\n", s, arrivals_at(s), day->waiting_most,
                day->oldest_most, wanted, day->workers);
    day->oldest_most = 0;
    day->waiting_most = 0;
}

START_TEST(test_a_day_of_bursts)
{
    const struct scaling_settings settings = {SCALING_TARGET_MS, SCALING_HOLD_MS, 1, 1000, SLOTS};
    struct day day = {.workers = 1};
    struct scaling scaling = {0};
    struct scaling_look look = {0};
    const char *path = getenv("SCALING_CSV");
    FILE *csv = path ? fopen(path, "w") : NULL;
    double ended = 0;

    day.arrived = calloc(DAY_S, sizeof *day.arrived);
    if (csv)
        fputs("second,rate,waiting,oldest,wanted,workers\n", csv);
    for (int s = 0; s < DAY_S; s++) {
        day.workers += day.coming[s % START_S];
        day.coming[s % START_S] = 0;
        ended += day_work(&day, s);
        if (s % LOOK_S == 0) {
            look = (struct scaling_look){
                .now_ms = (int64_t)(s + 1) * 1000,
                .waiting = (int64_t)day.waiting,
                .oldest_ms = (int64_t)day_oldest(&day, s) * 1000,
                .active = (int64_t)day.busy,
                .ended = (uint64_t)ended,
                .run_ms_sum = (double)(uint64_t)ended * run_at(s) * 1000,
                .run_count = (uint64_t)ended,
            };
            ended -= (double)look.ended;
            scaling_look(&scaling, &settings, &look);
        }
        if (s % POLL_S == 0)
            day_scale(&day, s, scaling.wanted);
        day.late_s = day_oldest(&day, s) > TARGET_S ? day.late_s + 1 : 0;
        day.late_most_s = day.late_s > day.late_most_s ? day.late_s : day.late_most_s;
        day_note(&day, csv, s, scaling.wanted);
    }
    if (csv)
        fclose(csv);
    free(day.arrived);
    ck_assert_msg(day.late_most_s <= STEP_S,
                  "the backlog was over the target for %d s, a step is %d s", day.late_most_s,
                  STEP_S);
    for (int hour = 0; hour < 24; hour++)
        ck_assert_msg(day.turns[hour] <= TURNS_HOUR_MAX, "%d changes of direction in hour %d",
                      day.turns[hour], hour);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_a_day_of_bursts);
}

int main(void)
{
    return unit_run("scaling_day", add_tests);
}
