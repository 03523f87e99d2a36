/* Errors of plugins. See cartrita/sdk/error.h. */
#include "cartrita/sdk/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/secret.h"

/* One line without secrets, cut between characters. Secrets go first: a cut could leave half of
 * one, which nobody would recognise. */
static void error_set_text(struct sdk_error *error, char *text)
{
    size_t len;

    sdk_redact(text);
    len = strlen(text);
    if (len >= sizeof error->text) {
        len = sizeof error->text - 1;
        while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    for (size_t i = 0; i < len; i++)
        error->text[i] = (unsigned char)text[i] < ' ' || text[i] == 127 ? ' ' : text[i];
    error->text[len] = '\0';
}

static void error_fill(struct sdk_error *error, const char *name, bool is_permanent,
                       const char *format, va_list args)
{
    char *text = NULL;

    if (!error)
        return;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    if (text)
        error_set_text(error, text);
    else
        snprintf(error->text, sizeof error->text, "out of memory");
    free(text);
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
    char *context = NULL, *text = NULL;
    va_list args;

    if (!error)
        return false;
    va_start(args, format);
    if (vasprintf(&context, format, args) < 0)
        context = NULL;
    va_end(args);
    if (context && asprintf(&text, "%s: %s", context, error->text) >= 0) {
        error_set_text(error, text);
        free(text);
    }
    free(context);
    return false;
}

void sdk_end_failed(const struct cartrita_host *host, struct cartrita_job *job,
                    const struct sdk_error *error)
{
    struct cartrita_failure failure = CARTRITA_FAILURE;
    char text[SDK_ERROR_TEXT_MAX];

    snprintf(text, sizeof text, "%s", error->text);
    sdk_redact(text); /* a plugin may have written it itself */
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
