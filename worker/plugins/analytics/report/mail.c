/* See mail.h. The runner answers on its main thread while we wait on ours; should the job stop
 * first, whichever of the two comes last frees the note they share. */
#include "report/mail.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MAX_S   30
#define NAP_NS       50000000L
#define JOB_ID_MAX   300u
#define MAIL_OPTIONS "\"attempts\":5,\"backoff\":{\"type\":\"exponential\",\"delay\":5000}"

bool mail_read(struct sdk_reader *data, const char *queue, struct mail_wish *wish)
{
    static const char *const members[] = {"to",   "cc",   "bcc",     "from", "replyTo",
                                          "text", "html", "subject", NULL};
    struct sdk_reader in = sdk_reader_in(data, "mail");

    if (!sdk_has(data, "mail"))
        return sdk_reader_ok(data);
    sdk_reader_only(&in, members);
    if (!sdk_has(&in, "to"))
        return sdk_reader_refuse(&in, "to", "must be given");
    if (!queue)
        return sdk_reader_refuse(data, "mail", "setting mailQueue names no queue to mail by");
    if (!sdk_has(data, "file"))
        return sdk_reader_refuse(data, "mail", "needs \"file\": what is mailed is a stored report");
    wish->mail = in.object;
    wish->queue = queue;
    return sdk_reader_ok(&in);
}

struct note {
    pthread_mutex_t lock;
    pthread_cond_t told;
    int holders;
    bool is_told;
    char *id, *error; /* owned */
};

static void note_drop(struct note *note)
{
    bool is_last;

    pthread_mutex_lock(&note->lock);
    is_last = --note->holders == 0;
    pthread_mutex_unlock(&note->lock);
    if (!is_last)
        return;
    pthread_mutex_destroy(&note->lock);
    pthread_cond_destroy(&note->told);
    free(note->id);
    free(note->error);
    free(note);
}

static void on_enqueued(void *ctx, const char *id, const char *error)
{
    struct note *note = ctx;

    pthread_mutex_lock(&note->lock);
    note->id = id ? strdup(id) : NULL;
    note->error = id ? NULL : strdup(error ? error : "refused");
    note->is_told = true;
    pthread_cond_signal(&note->told);
    pthread_mutex_unlock(&note->lock);
    note_drop(note);
}

static bool note_wait(struct note *note, struct sdk_call *call)
{
    struct timespec end, until;
    bool goes_on = true;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += WAIT_MAX_S;
    pthread_mutex_lock(&note->lock);
    while (!note->is_told && goes_on) {
        clock_gettime(CLOCK_REALTIME, &until);
        goes_on = until.tv_sec < end.tv_sec && !call->host->is_cancelled(call->job);
        until.tv_nsec += NAP_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&note->told, &note->lock, &until);
    }
    goes_on = note->is_told;
    pthread_mutex_unlock(&note->lock);
    return goes_on;
}

static json_t *mail_data(const struct mail_wish *wish, const char *path)
{
    json_t *data = json_deep_copy(wish->mail);

    if (!json_object_get(data, "subject"))
        json_object_set_new(data, "subject", json_string("Report"));
    if (!json_object_get(data, "text") && !json_object_get(data, "html"))
        json_object_set_new(data, "text", json_string("The report is attached."));
    json_object_set_new(data, "attachments", json_pack("[{s:s}]", "path", path));
    return data;
}

static char *mail_options(const struct sdk_call *call)
{
    char id[JOB_ID_MAX];
    json_t *text;
    char *quoted, *options = NULL;

    snprintf(id, sizeof id, "report-%s-%s", call->host->job_queue(call->job),
             call->host->job_id(call->job));
    for (char *c = id; *c; c++) {
        if (*c == ':') /* BullMQ has its own use for it */
            *c = '-';
    }
    text = json_string(id);
    quoted = json_dumps(text, JSON_ENCODE_ANY);
    if (!quoted || asprintf(&options, "{\"jobId\":%s," MAIL_OPTIONS "}", quoted) < 0)
        abort();
    free(quoted);
    json_decref(text);
    return options;
}

bool mail_enqueue(struct sdk_call *call, const struct mail_wish *wish, const char *path, char **id)
{
    struct note *note = calloc(1, sizeof *note);
    json_t *object = mail_data(wish, path);
    char *data = json_dumps(object, JSON_COMPACT), *options = mail_options(call);
    bool is_added = false;

    if (!note || !data)
        abort();
    pthread_mutex_init(&note->lock, NULL);
    pthread_cond_init(&note->told, NULL);
    note->holders = 2;
    call->host->phase(call->job, "enqueue the mail");
    call->host->enqueue(call->job, wish->queue, "send", data, options, on_enqueued, note);
    if (!note_wait(note, call))
        sdk_retry_later(&call->error, "MailError", "queue %s did not take the mail in time",
                        wish->queue);
    else if (note->error)
        sdk_retry_later(&call->error, "MailError", "queue %s did not take the mail: %s",
                        wish->queue, note->error);
    else {
        *id = strdup(note->id);
        is_added = true;
    }
    note_drop(note);
    free(options);
    free(data);
    json_decref(object);
    return is_added;
}
