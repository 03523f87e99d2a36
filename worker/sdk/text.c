/* Texts that grow up to a bound. See cartrita/sdk/text.h. */
#include "cartrita/sdk/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRING_FIRST 256u

/* Room for `more` bytes and a NUL behind them. */
static bool string_reserve(struct sdk_string *string, size_t more)
{
    size_t max = string->max ? string->max : SDK_TEXT_MAX;
    size_t needed, capacity;
    char *bytes;

    if (string->is_full || more > max || string->len > max - more) {
        string->is_full = true;
        return false;
    }
    needed = string->len + more + 1;
    if (needed <= string->capacity)
        return true;
    capacity = string->capacity ? string->capacity : STRING_FIRST;
    while (capacity < needed)
        capacity = capacity > max / 2 ? max + 1 : capacity * 2;
    bytes = realloc(string->bytes, capacity);
    if (!bytes) {
        string->is_full = true;
        return false;
    }
    string->bytes = bytes;
    string->capacity = capacity;
    return true;
}

void sdk_string_add(struct sdk_string *string, const void *bytes, size_t len)
{
    if (!string_reserve(string, len))
        return;
    if (len)
        memcpy(string->bytes + string->len, bytes, len);
    string->len += len;
    string->bytes[string->len] = '\0';
}

void sdk_string_puts(struct sdk_string *string, const char *text)
{
    sdk_string_add(string, text, strlen(text));
}

void sdk_string_printf(struct sdk_string *string, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    if (len < 0)
        string->is_full = true;
    else if (string_reserve(string, (size_t)len)) {
        vsnprintf(string->bytes + string->len, (size_t)len + 1, format, again);
        string->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void sdk_string_free(struct sdk_string *string)
{
    free(string->bytes);
    *string = (struct sdk_string){.max = string->max};
}

char *sdk_string_take(struct sdk_string *string, size_t *len)
{
    char *bytes;

    sdk_string_add(string, "", 0); /* so that an empty one is a text, too */
    if (string->is_full) {
        sdk_string_free(string);
        return NULL;
    }
    bytes = string->bytes;
    if (len)
        *len = string->len;
    string->bytes = NULL;
    sdk_string_free(string);
    return bytes;
}
