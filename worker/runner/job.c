/* Jobs in a runner: memory, references, outcomes. See job.h. */
#include "worker/runner/job.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/mem.h"
#include "proto/codec.h"
#include "worker/runner/cache.h"

#define JOB_ALIVE 0x4a4f4221u
#define JOB_DEAD  0x64656164u

static void job_put(char **at, struct ct_str text, struct ct_str *out)
{
    char *start = *at;

    if (text.len)
        memcpy(start, text.data, text.len);
    start[text.len] = '\0';
    *out = (struct ct_str){start, text.len};
    *at = start + text.len + 1;
}

/* What is absent stays absent. */
static void job_put_some(char **at, struct ct_str text, struct ct_str *out)
{
    if (text.data)
        job_put(at, text, out);
}

struct cartrita_job *job_new(struct threads *threads, const struct job_spec *spec)
{
    size_t size = sizeof(struct cartrita_job) + spec->id.len + spec->name.len + spec->queue.len +
                  spec->data.len + spec->opts.len + spec->token.len + spec->telemetry.len +
                  spec->parent.len + spec->prefix.len + 9;
    struct cartrita_job *job = ct_alloc(size);
    char *at = (char *)(job + 1);
    struct ct_str prefix;

    memset(job, 0, sizeof *job);
    job->magic = JOB_ALIVE;
    atomic_init(&job->refs, 1);
    atomic_init(&job->phase, JOB_WAITING);
    job->threads = threads;
    job->size = size;
    ct_list_init(&job->link);
    ct_list_init(&job->ready);
    ct_list_init(&job->kept);
    job->queue_index = spec->queue_index;
    job_put(&at, spec->id, &job->id);
    job_put(&at, spec->name, &job->name);
    job->queue_key = at;
    job_put(&at, spec->prefix, &prefix);
    at[-1] = ':';
    job_put(&at, spec->queue, &job->queue);
    job_put(&at, spec->data, &job->data);
    job_put(&at, spec->opts, &job->opts);
    job_put(&at, spec->token, &job->token);
    job_put_some(&at, spec->telemetry, &job->telemetry);
    job_put_some(&at, spec->parent, &job->parent);
    job->timestamp_ms = spec->timestamp_ms;
    job->attempts_made = spec->attempts_made;
    job->timeout_ms = spec->timeout_ms;
    job->limits = spec->limits;
    job->limits_index = spec->limits_index;
    job->end.kind = NOTE_ENDED;
    return job;
}

/* Ended jobs rest here a while before their memory goes, so that a plugin that uses one after its
 * end meets JOB_DEAD instead of a stranger's memory. */
static struct {
    pthread_mutex_t lock;
    struct cartrita_job *jobs[JOB_GRAVE_MAX];
    size_t next;
    size_t bytes;
} graves = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void job_bury(struct cartrita_job *job)
{
    struct cartrita_job *evicted = NULL;

    if (job->size > JOB_GRAVE_BYTES / JOB_GRAVE_MAX) {
        free(job);
        return;
    }
    pthread_mutex_lock(&graves.lock);
    evicted = graves.jobs[graves.next];
    graves.jobs[graves.next] = job;
    graves.next = (graves.next + 1) % JOB_GRAVE_MAX;
    pthread_mutex_unlock(&graves.lock);
    free(evicted);
}

void job_graves_free(void)
{
    for (size_t i = 0; i < JOB_GRAVE_MAX; i++) {
        free(graves.jobs[i]);
        graves.jobs[i] = NULL;
    }
}

void job_ref(struct cartrita_job *job)
{
    atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed);
}

void job_unref(struct cartrita_job *job)
{
    if (atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) != 1)
        return;
    ct_assert(ct_list_is_empty(&job->kept));
    cache_place_free(job->cache);
    free(job->outcome.text);
    free(job->outcome.stack);
    free(job->limit_reason);
    free(atomic_load(&job->cancel_reason));
    free(job->cancelled);
    job->outcome.text = job->outcome.stack = job->cancelled = NULL;
    atomic_store(&job->cancel_reason, NULL);
    job->magic = JOB_DEAD;
    job_bury(job);
}

bool job_is_alive(const struct cartrita_job *job)
{
    return job && job->magic == JOB_ALIVE;
}

bool job_claim(struct cartrita_job *job, enum job_phase phase)
{
    int expected = phase;

    return atomic_compare_exchange_strong(&job->phase, &expected, JOB_ENDED);
}

void job_outcome_complete(struct cartrita_job *job, const char *json, size_t len)
{
    job->outcome.kind = JOB_COMPLETED;
    job->outcome.text = json ? ct_strndup(json, len) : NULL;
    job->outcome.text_len = json ? len : 0;
}

static char *job_copy_bounded(const char *text, size_t max)
{
    return ct_strndup(text, strnlen(text, max));
}

void job_outcome_fail(struct cartrita_job *job, const struct cartrita_failure *failure)
{
    const char *reason = failure->reason ? failure->reason : "Unknown reason";
    const char *name = failure->name && failure->name[0] ? failure->name : "Error";
    struct job_outcome *outcome = &job->outcome;
    size_t name_len = strnlen(name, JOB_REASON_MAX);

    outcome->kind = JOB_FAILED;
    outcome->text = job_copy_bounded(reason, JOB_REASON_MAX);
    outcome->text_len = strlen(outcome->text);
    outcome->is_unrecoverable = failure->is_unrecoverable != 0;
    outcome->has_delay = failure->has_delay != 0;
    outcome->delay_ms = failure->delay_ms;
    /* As Node prints an error: "Name: reason" and then the lines. Many stacks come with that first
     * line already. */
    if (failure->stack && strncmp(failure->stack, name, name_len) == 0)
        outcome->stack = job_copy_bounded(failure->stack, JOB_STACK_MAX);
    else
        outcome->stack = ct_asprintf("%.*s: %s%s%.*s", (int)name_len, name, outcome->text,
                                     failure->stack ? "\n" : "", (int)JOB_STACK_MAX,
                                     failure->stack ? failure->stack : "");
}

void job_outcome_fail_reason(struct cartrita_job *job, const char *reason)
{
    struct cartrita_failure failure = CARTRITA_FAILURE;

    failure.reason = reason;
    job_outcome_fail(job, &failure);
}

void job_outcome_release(struct cartrita_job *job, uint64_t how, uint64_t duration_ms)
{
    job->outcome.kind = JOB_RELEASED;
    job->outcome.release = how;
    job->outcome.duration_ms = duration_ms;
}

char *job_timeout_reason(const struct cartrita_job *job)
{
    return ct_asprintf("Promise timed out after %" PRIu64 " milliseconds", job->timeout_ms);
}

bool job_was_stopped(const struct cartrita_job *job)
{
    if (job->outcome.kind != JOB_RELEASED)
        return job->limit_reason || job->cancelled;
    return job->cancelled && job->outcome.release != PROTO_RELEASE_MOVED;
}

void job_outcome_stopped(struct cartrita_job *job)
{
    struct cartrita_failure failure = CARTRITA_FAILURE;

    free(job->outcome.text);
    free(job->outcome.stack);
    job->outcome = (struct job_outcome){0};
    failure.reason = job->cancelled ? job->cancelled : job->limit_reason;
    failure.is_unrecoverable = job->cancelled != NULL;
    job_outcome_fail(job, &failure);
}

struct job_note *job_note_new(struct cartrita_job *job, enum note_kind kind, const char *text,
                              size_t len)
{
    struct job_note *note = ct_alloc(sizeof *note + len + 1);

    note->note = (struct note){.next = NULL, .kind = kind};
    ct_list_init(&note->link);
    note->job = job;
    job_ref(job);
    note->len = len;
    if (len)
        memcpy(note->text, text, len);
    note->text[len] = '\0';
    return note;
}

void job_note_free(struct job_note *note)
{
    struct cartrita_job *job = note->job;

    ct_list_remove(&note->link);
    free(note);
    job_unref(job);
}
