/* Errors of plugins. See cartrita/sdk/error.h. */
#include "cartrita/sdk/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cartrita/sdk/secret.h"

static void error_fill(struct sdk_error *error, const char *name, bool is_permanent,
                       const char *format, va_list args)
{
    if (!error)
        return;
    vsnprintf(error->text, sizeof error->text, format, args);
    snprintf(error->name, sizeof error->name, "%s", name);
    error->is_permanent = is_permanent;
    error->delay_ms = -1;
}

bool sdk_refuse(struct sdk_error *error, const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_fill(error, name, true, format, args);
    va_end(args);
    return false;
}

bool sdk_retry_later(struct sdk_error *error, const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_fill(error, name, false, format, args);
    va_end(args);
    return false;
}

bool sdk_error_wrap(struct sdk_error *error, const char *format, ...)
{
    char context[SDK_ERROR_TEXT_MAX], text[SDK_ERROR_TEXT_MAX];
    va_list args;

    if (!error)
        return false;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s", error->text);
    snprintf(error->text, sizeof error->text, "%.300s: %.720s", context, text);
    return false;
}

void sdk_end_failed(const struct cartrita_host *host, struct cartrita_job *job,
                    const struct sdk_error *error)
{
    struct cartrita_failure failure = CARTRITA_FAILURE;
    char text[SDK_ERROR_TEXT_MAX];

    snprintf(text, sizeof text, "%s", error->text);
    sdk_redact(text);
    failure.reason = text;
    failure.name = error->name[0] ? error->name : NULL;
    failure.is_unrecoverable = error->is_permanent;
    failure.delay_ms = error->delay_ms;
    failure.has_delay = error->delay_ms >= 0;
    if (host->is_cancelled(job)) {
        failure.reason = host->cancel_reason(job);
        failure.name = NULL;
        failure.is_unrecoverable = 0;
        failure.has_delay = 0;
    }
    host->fail(job, &failure);
}
