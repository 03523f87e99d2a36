/* Relaxed forms. See relax.h. */
#include "mail/relax.h"

#include <ctype.h>
#include <string.h>

/* Adds text with its runs of white space as one space, none at its end. */
static void relax_spaces(struct sdk_string *out, const char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t word = at;

        while (word < len && !strchr(" \t\r\n", text[word]))
            word++;
        sdk_string_add(out, text + at, word - at);
        at = word;
        while (at < len && strchr(" \t\r\n", text[at]))
            at++;
        if (at > word && at < len)
            sdk_string_add(out, " ", 1);
    }
}

void relax_header(struct sdk_string *out, const char *header, size_t len)
{
    const char *colon = memchr(header, ':', len);
    size_t name_len = colon ? (size_t)(colon - header) : 0;
    size_t at = name_len + 1;

    for (size_t i = 0; i < name_len; i++) {
        char c = (char)tolower((unsigned char)header[i]);

        if (c != ' ' && c != '\t')
            sdk_string_add(out, &c, 1);
    }
    sdk_string_add(out, ":", 1);
    while (at < len && strchr(" \t\r\n", header[at]))
        at++;
    if (at < len)
        relax_spaces(out, header + at, len - at);
}

/* Empty lines are kept back until a line follows them: at the end they do not count. */
void relax_body(struct sdk_string *out, const char *body, size_t len)
{
    size_t empty = 0;

    while (len > 0) {
        const char *end = memchr(body, '\n', len);
        size_t line = end ? (size_t)(end - body) + 1 : len;
        size_t text = line;

        while (text > 0 && strchr(" \t\r\n", body[text - 1]))
            text--;
        if (text == 0) {
            empty++;
        } else {
            for (; empty > 0; empty--)
                sdk_string_add(out, "\r\n", 2);
            relax_spaces(out, body, text);
            sdk_string_add(out, "\r\n", 2);
        }
        body += line;
        len -= line;
    }
}
