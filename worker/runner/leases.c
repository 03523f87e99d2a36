/* Held jobs: the way of one job through a runner. See leases.h. */
#include "worker/runner/leases.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"

/* --- the table of leases -------------------------------------------------------------------------
 */

static struct cartrita_job **leases_bucket(struct leases *leases, uint64_t lease)
{
    return &leases->buckets[lease & (LEASES_BUCKETS - 1)];
}

_Static_assert((LEASES_BUCKETS & (LEASES_BUCKETS - 1)) == 0, "buckets are found by a mask");

void leases_give_lease(struct leases *leases, struct cartrita_job *job, uint64_t lease)
{
    struct cartrita_job **bucket = leases_bucket(leases, lease);

    job->lease = lease;
    job->bucket_next = *bucket;
    *bucket = job;
}

static struct cartrita_job *leases_find(struct leases *leases, uint64_t lease)
{
    struct cartrita_job *job = *leases_bucket(leases, lease);

    while (job && job->lease != lease)
        job = job->bucket_next;
    return job;
}

static void leases_drop_lease(struct leases *leases, struct cartrita_job *job)
{
    struct cartrita_job **at = leases_bucket(leases, job->lease);

    if (job->lease == 0)
        return;
    while (*at != job)
        at = &(*at)->bucket_next;
    *at = job->bucket_next;
    job->bucket_next = NULL;
    job->lease = 0;
}

size_t leases_held_count(const struct leases *leases)
{
    return leases->subs.held;
}

void leases_forget(struct leases *leases, struct cartrita_job *job)
{
    leases_drop_lease(leases, job);
    ct_list_remove(&job->link);
    subs_gave(&leases->subs, job->queue_index);
    while (!ct_list_is_empty(&job->kept))
        job_note_free(CT_CONTAINER(job->kept.next, struct job_note, link));
    job->kept_count = 0;
    job->is_lost = true; /* notes that are still on their way find it so */
    job_unref(job);
    leases->is_changed = true;
}

/* --- in ------------------------------------------------------------------------------------------
 */

static bool leases_is_fetching(const struct leases *leases)
{
    return !leases->is_draining && !leases->is_paused;
}

static void leases_refuse_job(struct leases *leases, uint64_t lease)
{
    struct proto_message message = {.type = PROTO_RELEASED};

    message.as.released.lease = lease;
    message.as.released.how = PROTO_RELEASE_UNSTARTED;
    (void)leases_send(leases, &message);
}

static void leases_take_job(struct leases *leases, const struct proto_job *sent)
{
    const struct job_limits *limits = leases->options.limits;
    struct job_spec spec;
    struct cartrita_job *job;
    size_t which;

    if (sent->sub >= leases->subs.count || !leases_is_fetching(leases) ||
        leases->subs.held >= LEASES_HELD_MAX) {
        leases_refuse_job(leases, sent->lease);
        return;
    }
    which = job_limits_find(limits, leases->options.limit_count, sent->name);
    spec = (struct job_spec){
        .id = sent->id,
        .name = sent->name,
        .queue = ct_str_of(leases->subs.list[sent->sub].queue),
        .data = sent->data,
        .opts = sent->opts,
        .token = sent->token,
        .telemetry = sent->has_telemetry ? sent->telemetry : CT_STR_NONE,
        .parent = sent->has_parent ? sent->parent : CT_STR_NONE,
        .prefix = ct_str_of(leases->options.prefix ? leases->options.prefix : "bull"),
        .timestamp_ms = sent->timestamp_ms,
        .attempts_made =
            sent->attempts_made > UINT32_MAX ? UINT32_MAX : (uint32_t)sent->attempts_made,
        .timeout_ms = sent->has_timeout_ms && sent->timeout_ms ? sent->timeout_ms
                                                               : (uint64_t)limits[which].timeout_ms,
        .limits = &limits[which],
        .limits_index = (uint32_t)which,
        .queue_index = (uint32_t)sent->sub,
    };
    job = job_new(leases->options.threads, &spec);
    job->arrived_ms = uv_now(leases->options.loop);
    ct_list_push_back(&leases->held, &job->link);
    ct_list_push_back(&leases->incoming, &job->ready);
    leases_give_lease(leases, job, sent->lease);
    subs_took(&leases->subs, job->queue_index);
    leases->is_changed = true;
}

static const char *leases_state_name(const struct proto_ack *ack)
{
    if (ack->has_state) {
        switch ((enum proto_state)ack->state) {
        case PROTO_STATE_COMPLETED:
            return "completed";
        case PROTO_STATE_FAILED:
            return "failed";
        case PROTO_STATE_DELAYED:
            return "delayed";
        case PROTO_STATE_WAITING:
            return "waiting";
        case PROTO_STATE_LOST:
            return "lost";
        case PROTO_STATE_WAITING_CHILDREN:
            return "waiting-children";
        }
    }
    return ack->code == CT_E_OK ? "completed" : "lost";
}

static void leases_acked(struct leases *leases, const struct proto_ack *ack)
{
    struct cartrita_job *job = leases_find(leases, ack->lease);
    const char *text = ct_error_text((enum ct_code)ack->code);
    const bool has_detail = ack->has_detail && ack->detail.len > 0;
    char *detail;

    if (!job)
        return; /* one that was refused on arrival */
    detail = has_detail ? ct_strndup(ack->detail.data, ack->detail.len) : NULL;
    if (ack->code == CT_E_OK) {
        leases_tell_finished(leases, job, leases_state_name(ack), detail);
        leases_forget(leases, job);
        free(detail);
        return;
    }
    if (!detail)
        detail = ct_strdup(text);
    leases->refused_count++;
    ct_log_warn("outcome refused", CT_BYTES("queue", job->queue), CT_BYTES("job", job->id),
                CT_STR("error", detail));
    leases_tell_finished(leases, job, leases_state_name(ack), detail);
    free(detail);
    if (job->has_outcome) {
        leases_forget(leases, job);
        return;
    }
    /* Refused before it ended: it is lost, and has its place until its run is over. */
    leases_drop_lease(leases, job);
    job->is_lost = true;
    leases_cancel(leases, job, text);
}

static void leases_cancelled(struct leases *leases, const struct proto_cancel *cancel)
{
    struct cartrita_job *job = leases_find(leases, cancel->lease);

    if (job)
        cancels_told(leases, job, cancel);
}

static void leases_error(const struct proto_error *error)
{
    ct_log_warn("daemon reports an error", CT_STR("code", ct_error_text((enum ct_code)error->code)),
                CT_BYTES("error", error->detail));
}

void leases_message(struct leases *leases, const struct proto_message *message)
{
    switch (message->type) {
    case PROTO_JOB:
        leases_take_job(leases, &message->as.job);
        break;
    case PROTO_ACK:
        leases_acked(leases, &message->as.ack);
        break;
    case PROTO_CANCEL:
        leases_cancelled(leases, &message->as.cancel);
        break;
    case PROTO_ATTACHED:
        resume_attached(leases, &message->as.attached);
        break;
    case PROTO_RESUMED:
        resume_resumed(leases, &message->as.resumed);
        break;
    case PROTO_ADDED:
        adds_answered(leases, &message->as.added);
        break;
    case PROTO_CHILD:
        asks_child(leases, &message->as.child);
        break;
    case PROTO_CACHED:
        asks_cached(leases, &message->as.cached);
        break;
    case PROTO_CHILDREN_END:
        asks_end(leases, &message->as.children_end);
        break;
    case PROTO_ERROR:
        leases_error(&message->as.error);
        break;
    default: /* bye: the daemon closes when it is done, and the client finds the next one */
        break;
    }
}

/* --- what job threads say ------------------------------------------------------------------------
 */

static void leases_ended(struct leases *leases, struct cartrita_job *job)
{
    struct proto_message put;

    prefetch_ended(&leases->prefetch, job->ended_ns - job->started_ns);
    leases->is_changed = true;
    if (++leases->ended_count == leases->options.recycle_jobs)
        leases->options.on_enough(leases->options.ctx);
    if (job_was_stopped(job))
        job_outcome_stopped(job);
    else if (leases->options.cache && cache_keep(leases->options.cache, job, &put))
        (void)leases_send(leases, &put);
    if (job->is_lost && job->lease == 0)
        leases_forget(leases, job);
    else
        leases_send_outcome(leases, job);
}

/* More would be useful: all that we may hold is here, and yet a thread has nothing to do. */
static void leases_check_starved(struct leases *leases)
{
    if (leases->is_up && leases_is_fetching(leases) &&
        leases->subs.held >= prefetch_window(&leases->prefetch) &&
        threads_ready_count(leases->options.threads) == 0 && ct_list_is_empty(&leases->incoming))
        prefetch_starved(&leases->prefetch);
}

void leases_notes(struct leases *leases, struct note *notes)
{
    bool has_ended = false;

    while (notes) {
        struct note *note = notes;

        notes = note->next;
        switch (note->kind) {
        case NOTE_ENDED:
            has_ended = true;
            leases_ended(leases, CT_CONTAINER(note, struct cartrita_job, end));
            break;
        case NOTE_PROGRESS:
        case NOTE_LOG:
        case NOTE_UPDATE:
            resume_note(leases, CT_CONTAINER(note, struct job_note, note));
            break;
        case NOTE_EXTEND:
            deadlines_expect(
                leases, atomic_load(&CT_CONTAINER(note, struct job_note, note)->job->deadline_ms));
            job_note_free(CT_CONTAINER(note, struct job_note, note));
            break;
        case NOTE_ASK:
            asks_take(leases, CT_CONTAINER(note, struct ask, note));
            break;
        case NOTE_ENQUEUE:
            adds_take(leases, CT_CONTAINER(note, struct add_note, note));
            break;
        }
    }
    if (has_ended)
        leases_check_starved(leases);
    leases_settle(leases);
}

/* --- once a turn ---------------------------------------------------------------------------------
 */

static void leases_start_incoming(struct leases *leases)
{
    uint64_t now_ms = uv_now(leases->options.loop);
    uint64_t first_ms = 0;

    if (ct_list_is_empty(&leases->incoming))
        return;
    CT_LIST_FOREACH (node, &leases->incoming) {
        const struct cartrita_job *job = CT_CONTAINER(node, struct cartrita_job, ready);

        if (job->timeout_ms && (first_ms == 0 || now_ms + job->timeout_ms < first_ms))
            first_ms = now_ms + job->timeout_ms;
    }
    if (first_ms)
        deadlines_expect(leases, first_ms);
    cpu_expect(leases);
    threads_push(leases->options.threads, &leases->incoming);
}

static void leases_tell_windows(struct leases *leases)
{
    uint64_t now_ms = uv_now(leases->options.loop);

    subs_share(&leases->subs, leases_is_fetching(leases) ? prefetch_window(&leases->prefetch) : 0,
               leases->prefetch.ahead > 0, now_ms);
    for (size_t i = 0; i < leases->subs.count; i++) {
        struct sub *sub = &leases->subs.list[i];
        struct proto_message message = {.type = PROTO_WINDOW};

        if (!sub->is_attached || !prefetch_is_news(sub->told, sub->wanted, sub->held))
            continue;
        message.as.window.sub = i;
        message.as.window.count = sub->wanted;
        if (leases_send(leases, &message)) {
            if (sub->told <= sub->held && sub->wanted > sub->held)
                leases->subs.turn = i + 1;
            subs_told(sub, now_ms);
        }
    }
}

static void leases_ticked(uv_timer_t *timer);

void leases_settle(struct leases *leases)
{
    if (!leases->is_changed)
        return;
    leases->is_changed = false;
    leases_start_incoming(leases);
    if (leases->is_up)
        leases_tell_windows(leases);
    if (!uv_is_active((uv_handle_t *)&leases->tick) &&
        (threads_ready_count(leases->options.threads) > 0 || subs_is_waiting(&leases->subs)))
        uv_timer_start(&leases->tick, leases_ticked, LEASES_TICK_MS, LEASES_TICK_MS);
    if (leases->is_draining && leases->subs.held == 0 && (leases->add_count == 0 || !leases->is_up))
        leases->options.on_drained(leases->options.ctx);
}

static void leases_turn(uv_check_t *check)
{
    leases_settle(check->data);
}

static void leases_ticked(uv_timer_t *timer)
{
    struct leases *leases = timer->data;
    uint64_t now_ms = uv_now(leases->options.loop);
    struct ct_list late;

    ct_list_init(&late);
    if (now_ms > PREFETCH_WAIT_MS &&
        threads_take_back(leases->options.threads, now_ms - PREFETCH_WAIT_MS, &late) > 0) {
        prefetch_stuck(&leases->prefetch);
        if (leases->is_up)
            leases_tell_windows(leases); /* first: or the same jobs come straight back */
        leases_hand_back_all(leases, &late);
    }
    leases->is_changed = true;
    if (threads_ready_count(leases->options.threads) == 0 && !subs_is_waiting(&leases->subs))
        uv_timer_stop(timer);
    leases_settle(leases);
}

/* --- life ----------------------------------------------------------------------------------------
 */

static void leases_handle_closed(uv_handle_t *handle)
{
    struct leases *leases = handle->data;

    ct_assert(leases->handles_open > 0);
    leases->handles_open--;
}

static void leases_timer_init(struct leases *leases, uv_timer_t *timer)
{
    uv_timer_init(leases->options.loop, timer);
    timer->data = leases;
    leases->handles_open++;
}

void leases_open(struct leases *leases, const struct leases_options *options)
{
    *leases = (struct leases){.options = *options, .frame_max = PROTO_FRAME_MAX, .add_next = 1};
    leases->ask_next = 1;
    subs_init(&leases->subs, options->queues, options->queue_count);
    prefetch_init(&leases->prefetch, threads_at_once(options->threads));
    ct_list_init(&leases->held);
    ct_list_init(&leases->incoming);
    ct_list_init(&leases->adds);
    ct_list_init(&leases->asks);
    uv_check_init(options->loop, &leases->turn);
    leases->turn.data = leases;
    leases->handles_open++;
    uv_check_start(&leases->turn, leases_turn);
    leases_timer_init(leases, &leases->tick);
    leases_timer_init(leases, &leases->deadline);
    leases_timer_init(leases, &leases->reattach);
    leases_timer_init(leases, &leases->cpu);
}

void leases_close(struct leases *leases)
{
    CT_LIST_FOREACH_SAFE (node, following, &leases->held)
        leases_forget(leases, CT_CONTAINER(node, struct cartrita_job, link));
    adds_close(leases);
    asks_down(leases);
    subs_fini(&leases->subs);
    uv_close((uv_handle_t *)&leases->turn, leases_handle_closed);
    uv_close((uv_handle_t *)&leases->tick, leases_handle_closed);
    uv_close((uv_handle_t *)&leases->deadline, leases_handle_closed);
    uv_close((uv_handle_t *)&leases->reattach, leases_handle_closed);
    uv_close((uv_handle_t *)&leases->cpu, leases_handle_closed);
}

/* The daemon is told first: or the same jobs come straight back. */
static void leases_stop_fetching(struct leases *leases)
{
    struct ct_list waiting;

    if (leases->is_up)
        leases_tell_windows(leases);
    ct_list_init(&waiting);
    threads_take_back(leases->options.threads, UINT64_MAX, &waiting);
    ct_list_append(&waiting, &leases->incoming);
    leases_hand_back_all(leases, &waiting);
    if (!leases->is_up)
        leases_drop_parked(leases);
}

void leases_drain(struct leases *leases)
{
    if (leases->is_draining)
        return;
    leases->is_draining = true;
    leases->is_changed = true;
    leases_stop_fetching(leases);
}

void leases_pause(struct leases *leases, bool is_paused)
{
    if (leases->is_paused == is_paused)
        return;
    leases->is_paused = is_paused;
    leases->is_changed = true;
    if (is_paused)
        leases_stop_fetching(leases);
    leases_settle(leases);
}

void leases_give_up(struct leases *leases)
{
    CT_LIST_FOREACH_SAFE (node, following, &leases->held) {
        struct cartrita_job *job = CT_CONTAINER(node, struct cartrita_job, link);

        if (!job_claim(job, JOB_RUNNING))
            continue;
        leases_cancel(leases, job, "the worker is stopping");
        if (job->cancelled)
            job_outcome_stopped(job);
        else
            job_outcome_release(job, PROTO_RELEASE_UNSTARTED, 0);
        leases_send_outcome(leases, job);
    }
}
