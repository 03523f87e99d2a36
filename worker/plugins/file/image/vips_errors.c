/* See vips_errors.h. */
#include "vips_errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <vips/vips.h>

#define VIPS_ERRORS_TEXT_MAX 300u

/* One line; what is said twice in a row is said once. */
static void vips_errors_flatten(char *text, char *out, size_t size)
{
    char *save = NULL;
    const char *before = "";
    size_t used = 0;

    out[0] = '\0';
    for (char *line = strtok_r(text, "\n", &save); line && used < size;
         line = strtok_r(NULL, "\n", &save)) {
        if (strcmp(line, before) != 0)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? "; " : "", line);
        before = line;
    }
}

bool vips_errors_fail(struct sdk_error *error, const char *format, ...)
{
    char context[SDK_ERROR_TEXT_MAX / 2], said[VIPS_ERRORS_TEXT_MAX];
    char *text = vips_error_buffer_copy(); /* and empties it */
    va_list args;

    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    vips_errors_flatten(text, said, sizeof said);
    g_free(text);
    if (strstr(said, "out of memory") || strstr(said, "No space left"))
        return sdk_retry_later(error, "ImageError", "%s: %s", context, said);
    return sdk_refuse(error, "ImageError", "%s: %s", context, said[0] ? said : "no reason given");
}
