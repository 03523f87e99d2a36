/* Who runs what with whom. See batch.h; putting tensors together and apart is rows.c.
 *
 * Waiting jobs stand in one list, in the order in which they came. The first one of those that fit
 * together leads: its thread takes the others along. Each has a condition of its own, so that only
 * those wake whose turn it is. */
#include "onnx/batch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cartrita/sdk/clock.h"

#include "onnx/rows.h"

#define BATCH_LOOK_MS 50 /* how soon a waiting job sees that it should stop */

enum place_state { PLACE_WAITS, PLACE_TAKEN, PLACE_DONE };

struct place {
    struct place *next;
    struct batch_item *item;
    pthread_cond_t moved;
    enum place_state state;
    int64_t since_ms;
    bool is_done_well;
};

/* A run under way. */
struct run {
    struct run *next;
    struct place *places[ROWS_ITEMS_MAX];
    size_t count;
    const struct onnx_api *api;
    struct onnx_run_options *options;
};

struct batches {
    pthread_mutex_t lock;
    pthread_condattr_t attributes;
    struct place *waiting; /* oldest first */
    struct run *running;
    size_t run_count, runs_max, batch_max;
    int64_t wait_ms;
    size_t tensor_max;
};

bool batches_open(const struct ai *ai, struct batches **out, struct sdk_error *error)
{
    struct batches *batches = calloc(1, sizeof *batches);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (!batches)
        return sdk_retry_later(error, "OutOfMemory", "no memory");
    pthread_mutex_init(&batches->lock, NULL);
    pthread_condattr_init(&batches->attributes);
    pthread_condattr_setclock(&batches->attributes, CLOCK_MONOTONIC);
    batches->runs_max = (size_t)ai->settings.runs_max;
    if (batches->runs_max == 0)
        batches->runs_max = processors > 0 ? (size_t)processors : 1;
    batches->batch_max = (size_t)ai->settings.batch_max;
    batches->wait_ms = ai->settings.batch_wait_ms;
    batches->tensor_max = (size_t)ai->settings.tensor_max;
    *out = batches;
    return true;
}

void batches_close(struct batches *batches)
{
    if (!batches)
        return;
    pthread_condattr_destroy(&batches->attributes);
    pthread_mutex_destroy(&batches->lock);
    free(batches);
}

/* --- under the lock -----------------------------------------------------------------------------
 */

static void batches_leave(struct batches *batches, struct place *place)
{
    struct place **at = &batches->waiting;

    while (*at != place)
        at = &(*at)->next;
    *at = place->next;
}

static void batches_join(struct batches *batches, struct place *place)
{
    struct place **at = &batches->waiting;

    while (*at)
        at = &(*at)->next;
    *at = place;
}

static bool places_fit(const struct place *a, const struct place *b)
{
    return a == b || rows_fit(a->item, b->item);
}

/* The oldest one that fits `place`: it leads. */
static struct place *batches_leader(struct batches *batches, struct place *place)
{
    struct place *first = batches->waiting;

    while (!places_fit(first, place))
        first = first->next;
    return first;
}

/* What `leader` may take along, itself first. */
static size_t batches_gather(struct batches *batches, struct place *leader,
                             struct place *places[ROWS_ITEMS_MAX])
{
    size_t bytes = rows_size(leader->item);
    size_t count = 0;

    places[count++] = leader;
    for (struct place *at = leader->next; at && count < batches->batch_max; at = at->next) {
        if (!places_fit(leader, at))
            continue;
        if (bytes + rows_size(at->item) > batches->tensor_max)
            break;
        bytes += rows_size(at->item);
        places[count++] = at;
    }
    return count;
}

/* A run has become free, or a batch full: the oldest leader that may go is told. */
static void batches_wake(struct batches *batches)
{
    for (struct place *at = batches->waiting; at; at = at->next)
        if (batches_leader(batches, at) == at)
            pthread_cond_signal(&at->moved);
}

static void place_wait(struct batches *batches, struct place *place, int64_t until_ms)
{
    struct timespec until = {until_ms / 1000, (long)(until_ms % 1000) * 1000000L};

    pthread_cond_timedwait(&place->moved, &batches->lock, &until);
}

/* --- a run --------------------------------------------------------------------------------------
 */

/* Without the lock. */
static void run_do(const struct batches *batches, struct run *run)
{
    struct batch_item *items[ROWS_ITEMS_MAX];
    struct sdk_error ignored;
    bool is_done = false;

    for (size_t i = 0; i < run->count; i++)
        items[i] = run->places[i]->item;
    if (run->count > 1)
        is_done = rows_run(items, run->count, batches->tensor_max, run->options, &ignored);
    for (size_t i = 0; i < run->count; i++) {
        struct batch_item *item = items[i];

        item->batch = is_done ? run->count : 1;
        run->places[i]->is_done_well =
            is_done || model_run(item->model, item->inputs, item->wanted, item->wanted_count,
                                 batches->tensor_max, run->options, item->outputs, &item->error);
    }
}

static void batches_run(struct batches *batches, struct run *run)
{
    struct run **at = &batches->running;

    run->api = run->places[0]->item->model->api;
    for (size_t i = 0; i < run->count; i++) {
        run->places[i]->state = PLACE_TAKEN;
        batches_leave(batches, run->places[i]);
    }
    run->next = batches->running;
    batches->running = run;
    batches->run_count++;
    batches_wake(batches);
    pthread_mutex_unlock(&batches->lock);
    run_do(batches, run);
    pthread_mutex_lock(&batches->lock);
    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    batches->run_count--;
    for (size_t i = 0; i < run->count; i++) {
        run->places[i]->state = PLACE_DONE;
        pthread_cond_signal(&run->places[i]->moved);
    }
    batches_wake(batches);
}

/* --- a job --------------------------------------------------------------------------------------
 */

/* One look: runs, or waits. */
static void place_turn(struct batches *batches, struct place *place, struct run *run)
{
    int64_t now_ms = sdk_now_ms();
    int64_t until_ms = now_ms + BATCH_LOOK_MS;

    if (place->state == PLACE_WAITS && batches_leader(batches, place) == place &&
        batches->run_count < batches->runs_max) {
        run->count = batches_gather(batches, place, run->places);
        if (run->count >= batches->batch_max || now_ms >= place->since_ms + batches->wait_ms ||
            !place->item->model->is_batchable) {
            batches_run(batches, run);
            return;
        }
        if (until_ms > place->since_ms + batches->wait_ms)
            until_ms = place->since_ms + batches->wait_ms;
    }
    place_wait(batches, place, until_ms);
}

bool batch_run(struct batches *batches, struct batch_item *item)
{
    struct place place = {.item = item, .since_ms = sdk_now_ms()};
    struct run *run = calloc(1, sizeof *run);
    bool is_started;

    if (!run)
        return sdk_retry_later(&item->error, "OutOfMemory", "no memory for a run");
    is_started = onnx_ok(item->model->api, item->model->api->create_run_options(&run->options),
                         &item->error);
    if (!is_started) {
        free(run);
        return false;
    }
    pthread_cond_init(&place.moved, &batches->attributes);
    pthread_mutex_lock(&batches->lock);
    batches_join(batches, &place);
    if (batches_leader(batches, &place) != &place)
        pthread_cond_signal(&batches_leader(batches, &place)->moved); /* it may be full now */
    while (place.state != PLACE_DONE) {
        if (place.state == PLACE_WAITS && !sdk_call_goes_on(item->call)) {
            batches_leave(batches, &place);
            batches_wake(batches);
            item->error = item->call->error;
            break;
        }
        place_turn(batches, &place, run);
    }
    pthread_mutex_unlock(&batches->lock);
    pthread_cond_destroy(&place.moved);
    item->model->api->release_run_options(run->options);
    free(run);
    return place.is_done_well;
}

static bool run_is_needed(const struct run *run, const struct cartrita_job *job)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct sdk_call *call = run->places[i]->item->call;

        if (call->job != job && !call->host->is_cancelled(call->job))
            return true;
    }
    return false;
}

static bool run_has(const struct run *run, const struct cartrita_job *job)
{
    for (size_t i = 0; i < run->count; i++)
        if (run->places[i]->item->call->job == job)
            return true;
    return false;
}

void batches_cancel(struct batches *batches, const struct cartrita_job *job)
{
    struct sdk_error ignored;

    pthread_mutex_lock(&batches->lock);
    for (struct run *run = batches->running; run; run = run->next)
        if (run_has(run, job) && !run_is_needed(run, job))
            (void)onnx_ok(run->api, run->api->terminate(run->options), &ignored);
    pthread_mutex_unlock(&batches->lock);
}
