/* Reading the job that is replayed. See job.h. */
#include "worker/replay/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "worker/replay/replay.h"

static char *job_text(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text || fallback ? ct_strdup(text ? text : fallback) : NULL;
}

static uint64_t job_number(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));

    return number > 0 ? (uint64_t)number : 0;
}

static enum ct_code job_check(const struct replay_job *job, struct ct_error *err)
{
    enum ct_code rc;

    if (!job->queue || !job->id)
        return ct_error_set(err, CT_E_USAGE, "the job has no queue or no id");
    rc = ct_json_check(ct_str_of(job->data), err);
    if (rc == CT_E_OK)
        rc = ct_json_check(ct_str_of(job->opts), err);
    if (rc != CT_E_OK)
        ct_error_wrap(err, "data or opts of the job");
    return rc;
}

enum ct_code replay_job_parse(struct ct_str text, struct replay_job *out, struct ct_error *err)
{
    json_t *object;
    enum ct_code rc = ct_json_object(text, &object, err);

    if (rc != CT_E_OK)
        return rc;
    *out = (struct replay_job){
        .queue = job_text(object, "queue", NULL),
        .id = job_text(object, "id", NULL),
        .name = job_text(object, "name", "__default__"),
        .data = job_text(object, "data", "{}"),
        .opts = job_text(object, "opts", "{}"),
        .attempts_made = job_number(object, "attemptsMade"),
        .timestamp_ms = (int64_t)job_number(object, "timestamp"),
        .timeout_ms = job_number(object, "timeoutMs"),
    };
    json_decref(object);
    rc = job_check(out, err);
    if (rc != CT_E_OK)
        replay_job_free(out);
    return rc;
}

static enum ct_code job_read_all(FILE *in, struct ct_buf *out, struct ct_error *err)
{
    size_t got;

    do {
        got = fread(ct_buf_reserve(out, 65536), 1, 65536, in);
        out->len += got;
        if (out->len > REPLAY_FILE_MAX)
            return ct_error_set(err, CT_E_TOO_LARGE, "it has more than %u bytes", REPLAY_FILE_MAX);
    } while (got > 0);
    return ferror(in) ? ct_error_set(err, CT_E_SYSTEM, "%s", strerror(errno)) : CT_E_OK;
}

enum ct_code replay_job_read(const char *file, struct replay_job *out, struct ct_error *err)
{
    FILE *in = fopen(file, "re");
    struct ct_buf text;
    enum ct_code rc;

    if (!in)
        return ct_error_set(err, CT_E_USAGE, "--replay %s: %s", file, strerror(errno));
    ct_buf_init(&text);
    rc = job_read_all(in, &text, err);
    if (rc == CT_E_OK)
        rc = replay_job_parse(ct_buf_str(&text), out, err);
    if (rc != CT_E_OK)
        ct_error_wrap(err, "--replay %s", file);
    ct_buf_free(&text);
    fclose(in);
    return rc;
}

void replay_job_free(struct replay_job *job)
{
    free(job->queue);
    free(job->id);
    free(job->name);
    free(job->data);
    free(job->opts);
    *job = (struct replay_job){0};
}
