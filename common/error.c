/* Error codes, their texts and the writing of details. Called by everybody; never allocates, never
 * logs. */
#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ct_error_text(enum ct_code code)
{
    switch (code) {
#define CT_ERROR_CASE(name, number, text) \
    case CT_E_##name:                     \
        return text;
        CT_ERROR_LIST(CT_ERROR_CASE)
#undef CT_ERROR_CASE
    }
    return "unknown error";
}

enum ct_code ct_error_set(struct ct_error *err, enum ct_code code, const char *format, ...)
{
    va_list args;

    if (!err)
        return code;
    /* Arguments may point into err->detail itself, so the text is made aside. */
    char detail[CT_ERROR_DETAIL_MAX];
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    memcpy(err->detail, detail, sizeof detail);
    err->code = code;
    return code;
}

void ct_error_wrap(struct ct_error *err, const char *format, ...)
{
    char cause[CT_ERROR_DETAIL_MAX];
    va_list args;

    if (!err)
        return;
    snprintf(cause, sizeof cause, "%s", err->detail[0] ? err->detail : ct_error_text(err->code));
    va_start(args, format);
    vsnprintf(err->detail, sizeof err->detail, format, args);
    va_end(args);
    size_t len = strlen(err->detail);
    size_t room = sizeof err->detail - 1 - len;
    size_t cause_len = strlen(cause);
    if (room < 2)
        return;
    memcpy(err->detail + len, ": ", 2);
    if (cause_len > room - 2)
        cause_len = room - 2;
    memcpy(err->detail + len + 2, cause, cause_len);
    err->detail[len + 2 + cause_len] = '\0';
}
