/* JSON as text whose numbers read as they were given. See json_text.h. Called for what other
 * systems store as digits: jsonb keeps all of them, and the library writes 0.1 as
 * 0.10000000000000001. */
#include "json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fewest digits that are the same number, where that is shorter and still no integer. */
static size_t number_shorten(const char *number, size_t len, char *out)
{
    double value = strtod(number, NULL);

    for (int digits = 15; digits < 17; digits++) {
        char text[32];
        size_t text_len = (size_t)snprintf(text, sizeof text, "%.*g", digits, value);

        if (text_len < len && strpbrk(text, ".e") && strtod(text, NULL) == value) {
            memcpy(out, text, text_len);
            return text_len;
        }
    }
    memmove(out, number, len);
    return len;
}

/* Behind the text that begins at `at`. */
static const char *string_end(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return *at ? at + 1 : at;
}

char *analytics_json_text(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    char *out = text;

    for (const char *at = text; at && *at;) {
        size_t len = *at == '"' ? (size_t)(string_end(at) - at) : strspn(at, "+-.0123456789eE");

        if (*at != '"' && len > 0 && *at != 'e') { /* an e alone is of true or false */
            out += number_shorten(at, len, out);
        } else {
            len = len ? len : 1;
            memmove(out, at, len);
            out += len;
        }
        at += len;
    }
    if (out)
        *out = '\0';
    return text;
}
