/* What a plugin may call that is not about how its job goes: jobs to enqueue, lines of the process
 * log. Part of host.h. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/runner/host.h"
#include "worker/runner/host_parts.h"
#include "worker/runner/threads.h"
#include "worker/shared/budget.h"

void add_note_free(struct add_note *note)
{
    free(note->queue);
    free(note->name);
    free(note->data);
    free(note->opts);
    free(note->error);
    job_unref(note->job);
    free(note);
}

static char *host_add_problem(const struct add_note *note)
{
    struct ct_error err;

    if (!note->queue || !note->queue[0])
        return ct_strdup("enqueue: the queue's name is missing");
    if (strlen(note->data) + (note->opts ? strlen(note->opts) : 0) > HOST_ADD_TEXT_MAX)
        return ct_asprintf("enqueue: data and options are over the limit of %u bytes",
                           HOST_ADD_TEXT_MAX);
    if (ct_json_check(ct_str_of(note->data), &err) != CT_E_OK)
        return ct_asprintf("enqueue: data: %s", err.detail);
    if (note->opts && ct_json_check(ct_str_of(note->opts), &err) != CT_E_OK)
        return ct_asprintf("enqueue: opts: %s", err.detail);
    return NULL;
}

static char *host_copy(const char *text)
{
    return text ? ct_strdup(text) : NULL;
}

void host_enqueue(const struct cartrita_job *job, const char *queue, const char *name,
                  const char *data, const char *opts, cartrita_enqueued_fn done, void *ctx)
{
    struct add_note *note;

    if (!host_is_known(job)) {
        if (done)
            done(ctx, NULL, "enqueue: the job it was called for has ended");
        return;
    }
    note = ct_zalloc(sizeof *note);
    note->note.kind = NOTE_ENQUEUE;
    note->job = (struct cartrita_job *)(uintptr_t)job; /* the loop's to count, not the plugin's */
    job_ref(note->job);
    note->queue = host_copy(queue);
    note->name = host_copy(name);
    note->data = ct_strdup(data ? data : "{}");
    note->opts = host_copy(opts);
    note->error = host_add_problem(note);
    note->done = done;
    note->ctx = ctx;
    outbox_push(threads_outbox(job->threads), &note->note, true);
}

/* Lines of the process log, from any thread. */
static struct {
    pthread_mutex_t lock;
    struct budget budget;
    uint64_t dropped;
} host_lines = {.lock = PTHREAD_MUTEX_INITIALIZER};

void host_limit_log(uint64_t rate)
{
    budget_init(&host_lines.budget, rate, job_now_ms());
}

/* Whether one of so many bytes may be written; *dropped is how many could not be before it. */
static bool host_may_log(size_t len, uint64_t *dropped)
{
    bool may;

    pthread_mutex_lock(&host_lines.lock);
    may = budget_take(&host_lines.budget, len, job_now_ms());
    *dropped = may ? host_lines.dropped : 0;
    host_lines.dropped = may ? 0 : host_lines.dropped + 1;
    pthread_mutex_unlock(&host_lines.lock);
    return may;
}

void host_log_process(int32_t level, const char *message)
{
    uint64_t dropped;
    static const enum ct_log_level levels[] = {CT_LOG_DEBUG, CT_LOG_INFO, CT_LOG_WARN,
                                               CT_LOG_ERROR};

    if (level < CARTRITA_LOG_DEBUG || level > CARTRITA_LOG_ERROR)
        level = CARTRITA_LOG_INFO;
    if (!ct_log_is_on(levels[level]) || !host_may_log(strnlen(message, CT_LOG_VALUE_MAX), &dropped))
        return;
    if (dropped)
        ct_log_warn("lines of the plugin dropped", CT_INT("lines", dropped));
    CT_LOG(levels[level], "plugin", CT_STR("text", message));
}
