/* What a lost and a new connection mean for the jobs a runner holds. Part of leases.h.
 *
 * Down: no lease is worth anything, jobs that have not started do not start, running ones run on,
 * outcomes wait. Up: attach each queue, name each job with its token; a job that is still ours gets
 * a new lease and goes on where it was, another is told to stop and forgotten. */
#include "worker/runner/leases.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

void leases_down(struct leases *leases)
{
    leases->is_up = false;
    leases->is_changed = true;
    subs_reset(&leases->subs);
    for (size_t i = 0; i < LEASES_BUCKETS; i++)
        leases->buckets[i] = NULL;
    CT_LIST_FOREACH (node, &leases->held) {
        struct cartrita_job *job = CT_CONTAINER(node, struct cartrita_job, link);

        job->lease = 0;
        job->bucket_next = NULL;
        job->is_sent = false;
    }
    /* Jobs that nobody has started stay with us, but off the threads: they may belong to another
     * worker by the time we are back. */
    {
        struct ct_list waiting;

        ct_list_init(&waiting);
        threads_take_back(leases->options.threads, UINT64_MAX, &waiting);
        ct_list_append(&waiting, &leases->incoming);
        CT_LIST_FOREACH_SAFE (node, following, &waiting)
            ct_list_remove(node);
    }
    if (leases->is_draining)
        leases_drop_parked(leases);
    adds_down(leases);
    asks_down(leases);
}

static void resume_ask(struct leases *leases, const struct cartrita_job *job)
{
    struct proto_message message = {.type = PROTO_RESUME};

    message.as.resume.sub = job->queue_index;
    message.as.resume.id = job->id;
    message.as.resume.token = job->token;
    (void)leases_send(leases, &message);
}

void resume_attach(struct leases *leases, size_t index)
{
    struct proto_message message = {.type = PROTO_ATTACH};
    struct proto_attach *attach = &message.as.attach;

    leases->subs.list[index].is_refused = false;
    attach->sub = index;
    attach->queue = ct_str_of(leases->subs.list[index].queue);
    attach->has_prefix = leases->options.prefix != NULL;
    attach->prefix = ct_str_of(leases->options.prefix);
    attach->has_dialect = leases->options.dialect != NULL;
    attach->dialect = ct_str_of(leases->options.dialect);
    attach->has_settings = leases->options.settings != NULL;
    attach->settings = ct_str_of(leases->options.settings);
    (void)leases_send(leases, &message);
}

void leases_up(struct leases *leases, struct proto_client *client,
               const struct proto_welcome *welcome)
{
    leases->client = client;
    leases->is_up = true;
    leases->is_changed = true;
    leases->frame_max = welcome->frame_max > UINT32_MAX ? UINT32_MAX : (uint32_t)welcome->frame_max;
    for (size_t i = 0; i < leases->subs.count; i++)
        resume_attach(leases, i);
    CT_LIST_FOREACH_SAFE (node, following, &leases->held) {
        struct cartrita_job *job = CT_CONTAINER(node, struct cartrita_job, link);

        if (!job->is_lost)
            resume_ask(leases, job);
        else if (atomic_load(&job->phase) == JOB_ENDED)
            leases_forget(leases, job);
    }
    adds_up(leases);
    leases_settle(leases);
}

/* --- answers -------------------------------------------------------------------------------------
 */

void resume_reattach_due(uv_timer_t *timer)
{
    struct leases *leases = timer->data;

    for (size_t i = 0; i < leases->subs.count; i++)
        if (leases->subs.list[i].is_refused)
            resume_attach(leases, i);
}

void resume_attached(struct leases *leases, const struct proto_attached *attached)
{
    struct sub *sub;

    if (attached->sub >= leases->subs.count)
        return;
    sub = &leases->subs.list[attached->sub];
    leases->is_changed = true;
    if (attached->code == CT_E_OK) {
        sub->is_attached = true;
        sub->refusals = 0;
        ct_log_info("serving queue", CT_STR("queue", sub->queue),
                    CT_BYTES("dialect", attached->has_dialect ? attached->dialect : CT_STR_NONE));
        return;
    }
    sub->is_attached = false;
    sub->is_refused = true;
    sub->told = 0;
    sub->refusals++;
    if ((sub->refusals & (sub->refusals - 1)) == 0) /* the 1st, 2nd, 4th, ... time */
        ct_log_error("queue refused, will be asked for again", CT_STR("queue", sub->queue),
                     CT_STR("code", ct_error_text((enum ct_code)attached->code)),
                     CT_BYTES("error", attached->has_detail ? attached->detail : CT_STR_NONE),
                     CT_INT("times", sub->refusals), CT_INT("again_ms", LEASES_REATTACH_MS));
    uv_timer_start(&leases->reattach, resume_reattach_due, LEASES_REATTACH_MS, 0);
}

/* A job that has no lease and waits for an answer to resume. */
static struct cartrita_job *resume_find(struct leases *leases, const struct proto_resumed *resumed)
{
    CT_LIST_FOREACH (node, &leases->held) {
        struct cartrita_job *job = CT_CONTAINER(node, struct cartrita_job, link);

        if (job->lease == 0 && job->queue_index == resumed->sub &&
            ct_str_equal(job->id, resumed->id) && ct_str_equal(job->token, resumed->token))
            return job;
    }
    return NULL;
}

static void resume_kept(struct leases *leases, struct cartrita_job *job)
{
    CT_LIST_FOREACH_SAFE (node, following, &job->kept) {
        ct_list_remove(node);
        resume_note(leases, CT_CONTAINER(node, struct job_note, link));
    }
    job->kept_count = 0;
}

static void resume_refused(struct leases *leases, struct cartrita_job *job, const char *why)
{
    ct_log_warn("job lost while the daemon was away", CT_BYTES("queue", job->queue),
                CT_BYTES("job", job->id), CT_STR("error", why));
    job->is_lost = true;
    if (atomic_load(&job->phase) == JOB_RUNNING) {
        leases_cancel(leases, job, why);
        return; /* it keeps its place until its run is over */
    }
    if (atomic_load(&job->phase) == JOB_ENDED && !job->has_outcome)
        return; /* its end is on its way to the loop, which will forget it */
    if (!job_claim(job, JOB_WAITING))
        leases_tell_finished(leases, job, "lost", why);
    leases_forget(leases, job);
}

void resume_resumed(struct leases *leases, const struct proto_resumed *resumed)
{
    struct cartrita_job *job = resume_find(leases, resumed);

    if (!job)
        return;
    leases->is_changed = true;
    if (resumed->code != CT_E_OK || !resumed->has_lease) {
        resume_refused(leases, job, ct_error_text((enum ct_code)resumed->code));
        return;
    }
    leases_give_lease(leases, job, resumed->lease);
    resume_kept(leases, job);
    switch (atomic_load(&job->phase)) {
    case JOB_ENDED:
        if (job->has_outcome) /* else its end is on its way to the loop, which will send it */
            leases_send_outcome(leases, job);
        break;
    case JOB_WAITING:
        if (leases->is_draining) {
            leases_hand_back(leases, job);
        } else {
            job->arrived_ms = uv_now(leases->options.loop);
            ct_list_push_back(&leases->incoming, &job->ready);
        }
        break;
    default:
        break;
    }
}

/* --- progress, log lines, data -------------------------------------------------------------------
 */

static void resume_send_note(struct leases *leases, const struct job_note *note)
{
    struct proto_message message = {.type = PROTO_LOG};
    struct ct_str text = {note->text, note->len};

    switch (note->note.kind) {
    case NOTE_PROGRESS:
        message.type = PROTO_PROGRESS;
        message.as.progress.lease = note->job->lease;
        message.as.progress.value = text;
        break;
    case NOTE_UPDATE:
        message.type = PROTO_UPDATE;
        message.as.update.lease = note->job->lease;
        message.as.update.data = text;
        break;
    default:
        message.as.log.lease = note->job->lease;
        message.as.log.line = text;
        break;
    }
    (void)leases_send(leases, &message);
}

void resume_note(struct leases *leases, struct job_note *note)
{
    struct cartrita_job *job = note->job;

    if (job->is_lost || job->is_sent) {
        job_note_free(note);
    } else if (job->lease != 0) {
        resume_send_note(leases, note);
        job_note_free(note);
    } else if (job->kept_count < LEASES_KEPT_MAX) {
        ct_list_push_back(&job->kept, &note->link);
        job->kept_count++;
    } else {
        if (job->kept_count++ == LEASES_KEPT_MAX)
            ct_log_warn("progress and log lines dropped while the daemon is away",
                        CT_BYTES("queue", job->queue), CT_BYTES("job", job->id),
                        CT_INT("kept", LEASES_KEPT_MAX));
        job_note_free(note);
    }
}
