/* The frame of a plugin's jobs. See cartrita/sdk/call.h. */
#include "cartrita/sdk/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/secret.h"
#include "cartrita/sdk/text.h"
#include "near.h"

#define CALL_LOG_MAX (16u * 1024) /* of one line */

/* The member "cache" of a pure job is the runtime's, and no handler need know it. A plugin may have
 * one of its own, of another shape. */
static void call_drop_cache(json_t *data)
{
    const json_t *cache = json_object_get(data, "cache");
    size_t known =
        (json_object_get(cache, "ttl") != NULL) + (json_object_get(cache, "tags") != NULL);

    if (json_is_boolean(cache) || (json_is_object(cache) && json_object_size(cache) == known))
        json_object_del(data, "cache");
}

bool sdk_call_begin(struct sdk_call *call, const struct cartrita_host *host, void *self,
                    struct cartrita_job *job)
{
    size_t len;
    const char *data = host->job_data(job, &len);
    json_error_t error;

    *call = (struct sdk_call){
        .host = host, .job = job, .self = self, .name = host->job_name(job), .error.delay_ms = -1};
    call->data = json_loadb(data, len, JSON_DECODE_ANY, &error);
    /* JavaScript writes 1e20 as a whole number: those over 2^63 are doubles, as they are there. */
    if (!call->data && json_error_code(&error) == json_error_numeric_overflow)
        call->data = json_loadb(data, len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
    if (call->data) {
        call_drop_cache(call->data);
        return true;
    }
    sdk_refuse(&call->error, "ValidationError", "data: cannot be read as JSON: %s", error.text);
    sdk_call_end(call, false);
    return false;
}

static void call_complete(struct sdk_call *call)
{
    char *text = call->result ? json_dumps(call->result, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    if (text || !call->result)
        call->host->complete(call->job, text, text ? strlen(text) : 0);
    else {
        sdk_retry_later(&call->error, "ResultError", "the result cannot be written as JSON");
        sdk_end_failed(call->host, call->job, &call->error);
    }
    free(text);
}

void sdk_call_end(struct sdk_call *call, bool is_done)
{
    if (!call->is_ended && is_done)
        call_complete(call);
    else if (!call->is_ended) {
        if (!call->error.text[0])
            sdk_retry_later(&call->error, "Error", "%s failed without a reason", call->name);
        sdk_end_failed(call->host, call->job, &call->error);
    }
    call->is_ended = true;
    json_decref(call->data);
    json_decref(call->result);
    call->data = call->result = NULL;
}

static bool call_unknown(struct sdk_call *call, const struct sdk_handler *handlers, size_t count)
{
    struct sdk_near near = {.given = call->name};
    struct sdk_string names = {.max = SDK_ERROR_TEXT_MAX / 2};
    char hint[SDK_NEAR_HINT_MAX];

    for (size_t i = 0; i < count; i++) {
        sdk_near_try(&near, handlers[i].name);
        sdk_string_printf(&names, "%s%s", i ? ", " : "", handlers[i].name);
    }
    sdk_refuse(&call->error, "UnknownJobError", "no job is called \"%.100s\" here%s; there are: %s",
               call->name, sdk_near_hint(&near, hint), names.bytes ? names.bytes : "none");
    sdk_string_free(&names);
    return false;
}

void sdk_run_job(const struct cartrita_host *host, void *self, struct cartrita_job *job,
                 const struct sdk_handler *handlers, size_t handler_count)
{
    struct sdk_call call;
    size_t i = 0;

    if (!sdk_call_begin(&call, host, self, job))
        return;
    while (i < handler_count && handlers[i].name && strcmp(handlers[i].name, call.name) != 0)
        i++;
    sdk_call_end(&call, i < handler_count ? handlers[i].run(&call)
                                          : call_unknown(&call, handlers, handler_count));
}

bool sdk_call_goes_on(struct sdk_call *call)
{
    if (!call->host->is_cancelled(call->job))
        return true;
    return sdk_retry_later(&call->error, "Error", "%s", call->host->cancel_reason(call->job));
}

void sdk_call_log(struct sdk_call *call, const char *format, ...)
{
    char *line = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&line, format, args) < 0)
        line = NULL;
    va_end(args);
    if (!line)
        return;
    sdk_redact(line); /* before the cut, which could leave half of a secret */
    call->host->log(call->job, line, strnlen(line, CALL_LOG_MAX));
    free(line);
}

void sdk_call_progress(struct sdk_call *call, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    if (text)
        call->host->progress(call->job, text, strlen(text));
    free(text);
    json_decref(value);
}
