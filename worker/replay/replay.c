/* The process of a replay. See replay.h.
 *
 * One slot with one runner, as any supervisor has it: same settings, same sandbox, same watch over
 * its limits, same flight recorder. It is not started again.
 *
 *   runner asks for work -> the job is given -> it ends, or its runner dies -> the runner drains
 *   -> last words, all is closed, exit */
#include "worker/replay/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/mem.h"
#include "common/random.h"
#include "worker/replay/job.h"
#include "worker/replay/peer.h"
#include "worker/supervisor/slot.h"
#include "worker/supervisor/undertaker.h"
#include "worker/watch/limits.h"

#define EXIT_UNUSABLE      2
#define REPLAY_DEBUG_MS    (INT64_C(365) * 24 * 3600 * 1000) /* nobody hurries with a debugger */
#define REPLAY_OBITUARY_MS 2000u /* from the runner's death to its report */

struct replay {
    uv_loop_t loop;
    struct worker_config *config; /* owned */
    struct pool_config *pool;     /* in config */
    struct replay_job job;        /* owned */
    struct peer peer;
    struct undertaker undertaker;
    struct temp_root temp_root;
    struct slot_context context;
    struct slot slot;
    uv_timer_t watch;
    uv_timer_t patience; /* for the obituary */
    char program[4096];
    char worker[CT_UUID_LEN + 1];
    uint64_t started_ms;
    bool is_over;
    int exit_status;
};

/* --- what is told --------------------------------------------------------------------------------
 */

static void replay_on_note(void *ctx, const char *what, struct ct_str text)
{
    fprintf(stderr, "%-9s %.*s\n", what, (int)text.len, text.data);
}

static void replay_leave(struct replay *replay);

static void replay_on_end(void *ctx, enum peer_end end, struct ct_str text, struct ct_str stack)
{
    struct replay *replay = ctx;
    uint64_t took_ms = uv_now(&replay->loop) - replay->started_ms;

    replay->exit_status = end == PEER_COMPLETED ? EXIT_SUCCESS : EXIT_FAILURE;
    if (end == PEER_COMPLETED) {
        fprintf(stderr, "completed in %" PRIu64 " ms\n", took_ms);
        printf("%.*s\n", (int)text.len, text.data);
        fflush(stdout);
    } else {
        fprintf(stderr, "%s after %" PRIu64 " ms: %.*s\n",
                end == PEER_FAILED ? "failed" : "given up", took_ms, (int)text.len, text.data);
        if (stack.len > 0)
            fprintf(stderr, "%.*s\n", (int)stack.len, stack.data);
    }
    replay->is_over = true;
    slot_drain(&replay->slot);
    replay_leave(replay);
}

static void replay_on_obituary(void *ctx, struct ct_str reason)
{
    struct replay *replay = ctx;

    if (!replay->is_over)
        replay_on_end(ctx, PEER_FAILED, reason, CT_STR_NONE);
}

static const struct peer_events replay_peer_events = {
    .on_note = replay_on_note,
    .on_end = replay_on_end,
    .on_obituary = replay_on_obituary,
};

/* --- the end -------------------------------------------------------------------------------------
 */

static void replay_peer_closed(void *ctx)
{
    (void)ctx;
}

static void replay_temp_removed(void *ctx)
{
    struct replay *replay = ctx;

    peer_close(&replay->peer, replay_peer_closed);
}

static void replay_undertaker_closed(void *ctx)
{
    struct replay *replay = ctx;

    temp_root_close(&replay->temp_root, replay_temp_removed, replay);
}

static void replay_slot_closed(void *ctx)
{
    struct replay *replay = ctx;

    uv_close((uv_handle_t *)&replay->watch, NULL);
    uv_close((uv_handle_t *)&replay->patience, NULL);
    undertaker_close(&replay->undertaker, replay_undertaker_closed, replay);
}

/* Once the job is over and the runner is gone. */
static void replay_leave(struct replay *replay)
{
    if (!replay->is_over || replay->slot.state != SLOT_DOWN || replay->slot.closed)
        return;
    slot_close(&replay->slot, replay_slot_closed, replay);
}

static void replay_no_obituary(uv_timer_t *timer)
{
    struct replay *replay = timer->data;

    if (replay->is_over)
        return;
    fprintf(stderr, "the runner ended without the job: %s\n",
            replay->slot.complaint[0] ? replay->slot.complaint : "it said no reason");
    replay->exit_status = replay->slot.complaint[0] ? EXIT_UNUSABLE : EXIT_FAILURE;
    replay->is_over = true;
    replay_leave(replay);
}

static void replay_slot_changed(void *ctx)
{
    struct replay *replay = ctx;

    if (replay->slot.state == SLOT_READY) {
        replay->started_ms = uv_now(&replay->loop);
    } else if (replay->slot.state == SLOT_DOWN) {
        slot_drain(&replay->slot); /* not again */
        /* One that could not start has nothing to report; the others' report is on its way. */
        uv_timer_start(&replay->patience, replay_no_obituary,
                       replay->slot.ready_ms ? REPLAY_OBITUARY_MS : 0, 0);
        replay_leave(replay);
    }
}

static void replay_watch(uv_timer_t *timer)
{
    struct replay *replay = timer->data;

    limits_check(&replay->slot, uv_hrtime() / 1000000u);
}

/* --- the beginning -------------------------------------------------------------------------------
 */

static enum ct_code replay_find_pool(struct replay *replay, struct ct_error *err)
{
    for (size_t p = 0; p < replay->config->pool_count; p++)
        for (size_t q = 0; q < replay->config->pools[p].queue_count; q++)
            if (strcmp(replay->config->pools[p].queues[q], replay->job.queue) == 0) {
                replay->pool = &replay->config->pools[p];
                return CT_E_OK;
            }
    return ct_error_set(err, CT_E_USAGE, "the job is of queue %.100s, which no pool here serves",
                        replay->job.queue);
}

static enum ct_code replay_open(struct replay *replay, struct ct_error *err)
{
    const char *debugger = replay->config->debugger;
    size_t size = sizeof replay->program;
    enum ct_code rc;

    uv_loop_init(&replay->loop);
    ct_uuid(&ct_random_system, replay->worker);
    if (uv_exepath(replay->program, &size) != 0)
        return ct_error_set(err, CT_E_SYSTEM,
                            "the path of this program is not known: is /proc "
                            "mounted?");
    replay->peer = (struct peer){
        .loop = &replay->loop,
        .job = &replay->job,
        .events = &replay_peer_events,
        .ctx = replay,
    };
    rc = peer_open(&replay->peer, err);
    if (rc == CT_E_OK)
        rc = undertaker_open(&replay->undertaker, &replay->loop, replay->peer.address,
                             replay->worker, err);
    if (rc == CT_E_OK)
        rc = temp_root_open(&replay->temp_root, &replay->loop, NULL, err);
    if (rc != CT_E_OK)
        return rc;
    replay->pool->options.concurrency = 1;
    if (debugger) {
        replay->pool->options.timeout_ms = REPLAY_DEBUG_MS;
        replay->job.timeout_ms = 0;
    }
    replay->context = (struct slot_context){
        .loop = &replay->loop,
        .program = replay->program,
        .debugger = debugger,
        .shares_output = true,
        .address = replay->peer.address,
        .worker = replay->worker,
        .log_level = replay->config->log_level,
        .grace_ms = replay->config->grace_ms,
        .cancel_grace_ms = replay->config->cancel_grace_ms,
        .undertaker = &replay->undertaker,
        .temp_root = &replay->temp_root,
        .random = &ct_random_system,
        .on_change = replay_slot_changed,
        .ctx = replay,
    };
    uv_timer_init(&replay->loop, &replay->watch);
    replay->watch.data = replay;
    uv_timer_start(&replay->watch, replay_watch, LIMITS_CHECK_MS, LIMITS_CHECK_MS);
    uv_timer_init(&replay->loop, &replay->patience);
    replay->patience.data = replay;
    return CT_E_OK;
}

static void replay_run(struct replay *replay)
{
    slot_init(&replay->slot, &replay->context, replay->pool, 0);
    slot_start(&replay->slot);
    uv_run(&replay->loop, UV_RUN_DEFAULT);
    ct_assert(uv_loop_close(&replay->loop) == 0);
}

int replay_main(struct worker_config *config)
{
    static struct replay replay = {.exit_status = EXIT_UNUSABLE}; /* one a process */
    struct ct_error err;
    enum ct_code rc;

    replay.config = config;
    rc = replay_job_read(config->replay, &replay.job, &err);
    if (rc == CT_E_OK)
        rc = replay_find_pool(&replay, &err);
    if (rc == CT_E_OK)
        rc = replay_open(&replay, &err);
    if (rc == CT_E_OK)
        replay_run(&replay);
    else
        fprintf(stderr, "cartrita-worker: %s\n", err.detail);
    replay_job_free(&replay.job);
    config_free(config);
    return replay.exit_status;
}
