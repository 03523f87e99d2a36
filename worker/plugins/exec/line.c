/* Lines of the exec contract. See line.h. */
#include "line.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading -------------------------------------------------------------------------------------
 */

struct scanner {
    const char *at, *end;
};

static void scan_blanks(struct scanner *scanner)
{
    while (scanner->at < scanner->end && strchr(" \t\r\n", *scanner->at) && *scanner->at)
        scanner->at++;
}

static bool scan_char(struct scanner *scanner, char c)
{
    scan_blanks(scanner);
    if (scanner->at == scanner->end || *scanner->at != c)
        return false;
    scanner->at++;
    return true;
}

/* A string; its inside is in *out. */
static bool scan_string(struct scanner *scanner, struct span *out)
{
    if (!scan_char(scanner, '"'))
        return false;
    out->at = scanner->at;
    for (; scanner->at < scanner->end; scanner->at++) {
        if (*scanner->at == '"') {
            out->len = (size_t)(scanner->at++ - out->at);
            return true;
        }
        if (*scanner->at == '\\' && ++scanner->at == scanner->end)
            break;
    }
    return false;
}

static bool scan_nested(struct scanner *scanner)
{
    struct span ignored;
    int depth = 0;

    while (scanner->at < scanner->end) {
        char c = *scanner->at;

        if (c == '"') {
            if (!scan_string(scanner, &ignored))
                return false;
            continue;
        }
        if ((c == '{' || c == '[') && ++depth > LINE_DEPTH_MAX)
            return false;
        scanner->at++;
        if ((c == '}' || c == ']') && --depth == 0)
            return true;
    }
    return false;
}

static bool scan_value(struct scanner *scanner, struct span *out)
{
    struct span ignored;
    bool is_whole = true;

    scan_blanks(scanner);
    out->at = scanner->at;
    if (scanner->at == scanner->end)
        return false;
    if (*scanner->at == '"') {
        is_whole = scan_string(scanner, &ignored);
    } else if (*scanner->at == '{' || *scanner->at == '[') {
        is_whole = scan_nested(scanner);
    } else {
        while (scanner->at < scanner->end && !memchr(",}] \t\r\n", *scanner->at, 7))
            scanner->at++;
        is_whole = scanner->at < scanner->end && scanner->at > out->at;
    }
    out->len = (size_t)(scanner->at - out->at);
    return is_whole;
}

static bool scan_member(struct scanner *scanner, struct line *out)
{
    struct span key, value;

    if (!scan_string(scanner, &key) || !scan_char(scanner, ':') || !scan_value(scanner, &value))
        return false;
    if (out->count < LINE_MEMBERS_MAX) {
        out->members[out->count].key = key;
        out->members[out->count++].value = value;
    }
    return true;
}

bool line_scan(const char *text, size_t len, struct line *out)
{
    struct scanner scanner = {text, text + len};

    out->count = 0;
    if (!scan_char(&scanner, '{'))
        return false;
    if (!scan_char(&scanner, '}')) {
        do {
            if (!scan_member(&scanner, out))
                return false;
        } while (scan_char(&scanner, ','));
        if (!scan_char(&scanner, '}'))
            return false;
    }
    scan_blanks(&scanner);
    return scanner.at == scanner.end;
}

struct span line_get(const struct line *line, const char *key)
{
    size_t len = strlen(key);

    for (size_t i = 0; i < line->count; i++)
        if (line->members[i].key.len == len && memcmp(line->members[i].key.at, key, len) == 0)
            return line->members[i].value;
    return (struct span){NULL, 0};
}

json_t *line_value(const struct line *line, const char *key)
{
    struct span value = line_get(line, key);

    return value.at ? json_loadb(value.at, value.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                    : NULL;
}

char *line_text(const struct line *line, const char *key)
{
    struct span value = line_get(line, key);
    json_t *json;
    char *text;

    if (!value.at)
        return NULL;
    json = line_value(line, key);
    if (json_is_string(json))
        text = strdup(json_string_value(json));
    else
        text = strndup(value.at, value.len); /* also a string that jansson does not take */
    json_decref(json);
    return text;
}

bool line_is_true(const struct line *line, const char *key)
{
    struct span value = line_get(line, key);

    return value.len == 4 && memcmp(value.at, "true", 4) == 0;
}

bool line_number(const struct line *line, const char *key, double *out)
{
    json_t *json = line_value(line, key);
    bool is_number = json_is_number(json);

    if (is_number)
        *out = json_number_value(json);
    json_decref(json);
    return is_number;
}

/* --- building ------------------------------------------------------------------------------------
 */

static bool text_reserve(struct text *text, size_t more)
{
    size_t cap = text->cap ? text->cap : 256;
    char *data;

    if (text->has_failed)
        return false;
    while (cap - text->len < more) {
        if (cap > SIZE_MAX / 2) {
            text->has_failed = true;
            return false;
        }
        cap *= 2;
    }
    if (cap == text->cap)
        return true;
    data = realloc(text->data, cap);
    if (!data) {
        text->has_failed = true;
        return false;
    }
    text->data = data;
    text->cap = cap;
    return true;
}

void text_add(struct text *text, const char *bytes, size_t len)
{
    if (!text_reserve(text, len + 1))
        return;
    memcpy(text->data + text->len, bytes, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void text_printf(struct text *text, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !text_reserve(text, (size_t)len + 1))
        return;
    va_start(args, format);
    vsnprintf(text->data + text->len, (size_t)len + 1, format, args);
    va_end(args);
    text->len += (size_t)len;
}

void text_add_string(struct text *text, const char *string)
{
    text_add(text, "\"", 1);
    for (const char *at = string; *at; at++) {
        unsigned char c = (unsigned char)*at;

        if (c == '"' || c == '\\')
            text_printf(text, "\\%c", c);
        else if (c < ' ')
            text_printf(text, "\\u%04x", c);
        else
            text_add(text, at, 1);
    }
    text_add(text, "\"", 1);
}

void text_add_json(struct text *text, const char *json, size_t len)
{
    if (!text_reserve(text, len + 1))
        return;
    /* Line breaks stand only between tokens: within a string JSON must escape them. */
    for (size_t i = 0; i < len; i++)
        text->data[text->len++] = json[i] == '\n' || json[i] == '\r' ? ' ' : json[i];
    text->data[text->len] = '\0';
}

void text_consume(struct text *text, size_t len)
{
    memmove(text->data, text->data + len, text->len - len);
    text->len -= len;
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}
