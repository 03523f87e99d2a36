/* The host table. See host.h and cartrita/plugin.h for what each function promises. */
#include "worker/runner/host.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "proto/codec.h"
#include "worker/runner/host_parts.h"
#include "worker/runner/job.h"
#include "worker/runner/job_temp.h"
#include "worker/runner/threads.h"

/* Misuse of a job that may already be freed cannot be told to its runner through the job. It is
 * counted and logged at powers of two, so that a loop of it does not fill the log. */
static void host_refuse(const char *what)
{
    static atomic_ulong count;
    unsigned long seen = atomic_fetch_add(&count, 1) + 1;

    if ((seen & (seen - 1)) == 0)
        ct_log_warn("plugin misused a job", CT_STR("what", what), CT_INT("times", seen));
}

bool host_is_running(const struct cartrita_job *job, const char *what)
{
    if (job_is_alive(job) && atomic_load_explicit(&job->phase, memory_order_acquire) == JOB_RUNNING)
        return true;
    /* The loop may have ended it for being late or lost: then this is no fault. */
    if (!job_is_alive(job) || !atomic_load(&job->cancel_reason))
        host_refuse(what);
    return false;
}

bool host_is_known(const struct cartrita_job *job)
{
    if (job_is_alive(job))
        return true;
    host_refuse("read a job after its run");
    return false;
}

/* --- what the job is --- */

static const char *host_text(struct ct_str text, size_t *len)
{
    if (len)
        *len = text.len;
    return text.data;
}

static const char *host_job_id(const struct cartrita_job *job)
{
    return host_is_known(job) ? job->id.data : "";
}

static const char *host_job_name(const struct cartrita_job *job)
{
    return host_is_known(job) ? job->name.data : "";
}

static const char *host_job_queue(const struct cartrita_job *job)
{
    return host_is_known(job) ? job->queue.data : "";
}

static const char *host_job_data(const struct cartrita_job *job, size_t *len)
{
    return host_text(host_is_known(job) ? job->data : CT_STR_LIT("null"), len);
}

static const char *host_job_opts(const struct cartrita_job *job, size_t *len)
{
    return host_text(host_is_known(job) ? job->opts : CT_STR_LIT("{}"), len);
}

static const char *host_job_token(const struct cartrita_job *job)
{
    return host_is_known(job) ? job->token.data : "";
}

static const char *host_telemetry(const struct cartrita_job *job)
{
    return host_is_known(job) ? job->telemetry.data : NULL;
}

static const char *host_job_parent(const struct cartrita_job *job)
{
    return host_is_known(job) ? job->parent.data : NULL;
}

static const char *host_job_queue_key(const struct cartrita_job *job)
{
    return host_is_known(job) ? job->queue_key : "";
}

static int64_t host_job_timestamp_ms(const struct cartrita_job *job)
{
    return host_is_known(job) ? job->timestamp_ms : 0;
}

static uint32_t host_job_attempts_made(const struct cartrita_job *job)
{
    return host_is_known(job) ? job->attempts_made : 0;
}

static int64_t host_job_time_left_ms(const struct cartrita_job *job)
{
    uint64_t deadline_ms, now_ms;

    if (!host_is_known(job))
        return 0;
    deadline_ms = atomic_load_explicit(&job->deadline_ms, memory_order_relaxed);
    if (deadline_ms == 0)
        return -1;
    now_ms = job_now_ms();
    return deadline_ms > now_ms ? (int64_t)(deadline_ms - now_ms) : 0;
}

/* --- while it runs --- */

static int32_t host_is_cancelled(const struct cartrita_job *job)
{
    if (!job_is_alive(job))
        return 1; /* whatever it is that still runs there, it should stop */
    return atomic_load_explicit(&job->cancel_reason, memory_order_acquire) != NULL ||
           atomic_load_explicit(&job->phase, memory_order_relaxed) == JOB_ENDED;
}

static const char *host_cancel_reason(const struct cartrita_job *job)
{
    return host_is_known(job) ? atomic_load_explicit(&job->cancel_reason, memory_order_acquire)
                              : NULL;
}

static void host_push(struct cartrita_job *job, enum note_kind kind, const char *text, size_t len)
{
    struct job_note *note = job_note_new(job, kind, text, len);

    outbox_push(threads_outbox(job->threads), &note->note, false);
}

static bool host_is_json(const char *json, size_t len)
{
    return json && ct_json_check((struct ct_str){json, len}, NULL) == CT_E_OK;
}

/* Counts what a job writes beside its result. Beyond its limit nothing is written but, once, a line
 * that says so. */
static bool host_may_write(struct cartrita_job *job, size_t len)
{
    uint64_t max = job->limits ? (uint64_t)job->limits->output_max_kib << 10 : 0;
    uint64_t before = atomic_fetch_add_explicit(&job->output_bytes, len, memory_order_relaxed);

    if (max == 0 || before + len <= max)
        return true;
    if (before <= max) {
        char *line = ct_asprintf("further log lines and progress of this job are dropped: it has "
                                 "written its limit of %" PRIi64 " KiB (output-max)",
                                 job->limits->output_max_kib);

        host_push(job, NOTE_LOG, line, strlen(line));
        free(line);
    }
    return false;
}

static int32_t host_progress(struct cartrita_job *job, const char *json, size_t len)
{
    if (!host_is_running(job, "reported progress of a job that has ended") ||
        !host_is_json(json, len))
        return -1;
    if (!host_may_write(job, len))
        return 0;
    recorder_progress(threads_recorder(job->threads), job->entry, (struct ct_str){json, len});
    host_push(job, NOTE_PROGRESS, json, len);
    return 0;
}

static void host_log(struct cartrita_job *job, const char *line, size_t len)
{
    if (!line || !host_is_running(job, "logged for a job that has ended") ||
        !host_may_write(job, len))
        return;
    recorder_line(threads_recorder(job->threads), job->entry, (struct ct_str){line, len});
    host_push(job, NOTE_LOG, line, len < JOB_LOG_LINE_MAX ? len : JOB_LOG_LINE_MAX);
}

static void host_phase(struct cartrita_job *job, const char *text)
{
    if (!host_is_running(job, "named a phase of a job that has ended"))
        return;
    recorder_phase(threads_recorder(job->threads), job->entry,
                   (struct ct_str){text ? text : "", text ? strnlen(text, RECORDER_PHASE_MAX) : 0});
}

static const char *host_job_temp_dir(struct cartrita_job *job)
{
    struct ct_error err;
    const char *path;

    if (!host_is_running(job, "asked for a temporary directory of a job that has ended"))
        return NULL;
    path = job_temp_make(job, threads_temp_dir(job->threads), &err);
    if (!path)
        ct_log_error("a job gets no temporary directory", CT_BYTES("queue", job->queue),
                     CT_BYTES("job", job->id), CT_ERR(&err));
    return path;
}

static int32_t host_update_data(struct cartrita_job *job, const char *json, size_t len)
{
    if (!host_is_running(job, "updated the data of a job that has ended") ||
        !host_is_json(json, len) || !host_may_write(job, len))
        return -1;
    host_push(job, NOTE_UPDATE, json, len);
    return 0;
}

static int32_t host_extend(struct cartrita_job *job, int64_t ms)
{
    uint64_t deadline_ms;

    if (!host_is_running(job, "extended a job that has ended") || host_is_cancelled(job))
        return -1;
    deadline_ms = job_now_ms() + (ms > 0 ? (uint64_t)ms : 0);
    atomic_store_explicit(&job->deadline_ms, deadline_ms, memory_order_relaxed);
    recorder_deadline(threads_recorder(job->threads), job->entry, deadline_ms);
    host_push(job, NOTE_EXTEND, NULL, 0);
    return 0;
}

/* --- how it ends --- */

static bool host_claim(struct cartrita_job *job)
{
    if (job_is_alive(job) && job_claim(job, JOB_RUNNING))
        return true;
    if (!job_is_alive(job) || !atomic_load(&job->cancel_reason))
        host_refuse("ended a job twice, or after its run");
    return false;
}

static void host_end(struct cartrita_job *job)
{
    job->ended_ns = uv_hrtime();
    outbox_push(threads_outbox(job->threads), &job->end, threads_ready_count(job->threads) == 0);
}

static void host_complete(struct cartrita_job *job, const char *json, size_t len)
{
    struct ct_error err = {.code = CT_E_OK};

    if (!host_claim(job))
        return;
    if (json && job->limits && job->limits->result_max_kib &&
        len > (size_t)job->limits->result_max_kib << 10) {
        char *reason =
            ct_asprintf("the result has %zu bytes, over the limit of %" PRIi64 " KiB (result-max)",
                        len, job->limits->result_max_kib);

        job_outcome_fail_reason(job, reason);
        free(reason);
    } else if (json && ct_json_check((struct ct_str){json, len}, &err) != CT_E_OK) {
        char *reason = ct_asprintf("plugin %s completed the job with a result that is not JSON: %s",
                                   threads_plugin(job->threads)->name, err.detail);

        job_outcome_fail_reason(job, reason);
        free(reason);
    } else {
        job_outcome_complete(job, json, len);
    }
    host_end(job);
}

static void host_fail(struct cartrita_job *job, const struct cartrita_failure *failure)
{
    struct cartrita_failure known = CARTRITA_FAILURE;

    if (!host_claim(job))
        return;
    if (failure)
        memcpy(&known, failure, failure->size < sizeof known ? failure->size : sizeof known);
    job_outcome_fail(job, &known);
    host_end(job);
}

static void host_give_back(struct cartrita_job *job, uint64_t how, int64_t duration_ms)
{
    if (!host_claim(job))
        return;
    job_outcome_release(job, how, duration_ms > 0 ? (uint64_t)duration_ms : 0);
    host_end(job);
}

static void host_release(struct cartrita_job *job)
{
    host_give_back(job, PROTO_RELEASE_MOVED, 0);
}

static void host_rate_limit(struct cartrita_job *job, int64_t duration_ms)
{
    host_give_back(job, PROTO_RELEASE_WAITING, duration_ms);
}

static void host_delay(struct cartrita_job *job, int64_t ms)
{
    host_give_back(job, PROTO_RELEASE_POSTPONED, ms);
}

static void host_wait(struct cartrita_job *job)
{
    host_give_back(job, PROTO_RELEASE_WAITING, 0);
}

static void host_wait_for_children(struct cartrita_job *job)
{
    host_give_back(job, PROTO_RELEASE_AWAITING, 0);
}

const struct cartrita_host host_table = {
    .size = sizeof(struct cartrita_host),
    .abi_major = CARTRITA_ABI_MAJOR,
    .abi_minor = CARTRITA_ABI_MINOR,
    .job_id = host_job_id,
    .job_name = host_job_name,
    .job_queue = host_job_queue,
    .job_data = host_job_data,
    .job_opts = host_job_opts,
    .job_token = host_job_token,
    .job_timestamp_ms = host_job_timestamp_ms,
    .job_attempts_made = host_job_attempts_made,
    .job_time_left_ms = host_job_time_left_ms,
    .is_cancelled = host_is_cancelled,
    .cancel_reason = host_cancel_reason,
    .progress = host_progress,
    .log = host_log,
    .update_data = host_update_data,
    .extend = host_extend,
    .complete = host_complete,
    .fail = host_fail,
    .release = host_release,
    .rate_limit = host_rate_limit,
    .enqueue = host_enqueue,
    .log_process = host_log_process,
    .phase = host_phase,
    .job_temp_dir = host_job_temp_dir,
    .telemetry = host_telemetry,
    .job_parent = host_job_parent,
    .job_queue_key = host_job_queue_key,
    .delay = host_delay,
    .wait = host_wait,
    .wait_for_children = host_wait_for_children,
    .children = host_children,
};
