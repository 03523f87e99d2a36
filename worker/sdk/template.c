/* Reading templates: text into pieces. Rendering is in render.c; see cartrita/sdk/template.h. */
#include "cartrita/sdk/template.h"

#include <stdlib.h>
#include <string.h>

#include "pieces.h"

struct parser {
    struct sdk_template *template;
    const char *at; /* still to read */
    size_t capacity;
    unsigned line;
    size_t open[SDK_TEMPLATE_DEPTH_MAX]; /* pieces that begin sections */
    size_t depth;
    struct sdk_error *error;
};

static bool parser_refuse(struct parser *parser, const char *tag, size_t len, const char *why)
{
    return sdk_refuse(parser->error, sdk_template_error, "template, line %u: {{%.*s}} %s",
                      parser->line, len < 60 ? (int)len : 60, tag, why);
}

static bool parser_add(struct parser *parser, enum piece_kind kind, const char *at, size_t len)
{
    struct sdk_template *template = parser->template;

    if (kind == PIECE_TEXT && len == 0)
        return true;
    if (template->count == parser->capacity) {
        size_t capacity = parser->capacity ? parser->capacity * 2 : 16;
        struct piece *pieces = realloc(template->pieces, capacity * sizeof *pieces);

        if (!pieces)
            return sdk_retry_later(parser->error, sdk_template_error, "out of memory");
        template->pieces = pieces;
        parser->capacity = capacity;
    }
    template->pieces[template->count++] =
        (struct piece){.kind = kind, .at = at, .len = len, .line = parser->line};
    return true;
}

static bool parser_open(struct parser *parser, enum piece_kind kind, const char *name, size_t len)
{
    if (parser->depth == SDK_TEMPLATE_DEPTH_MAX)
        return parser_refuse(parser, name, len, "is nested too deeply");
    parser->open[parser->depth++] = parser->template->count;
    return parser_add(parser, kind, name, len);
}

static bool parser_close(struct parser *parser, const char *name, size_t len)
{
    struct piece *begin;

    if (parser->depth == 0)
        return parser_refuse(parser, name, len, "ends a section that was not begun");
    begin = &parser->template->pieces[parser->open[--parser->depth]];
    if (begin->len != len || memcmp(begin->at, name, len) != 0)
        return sdk_refuse(parser->error, sdk_template_error,
                          "template, line %u: {{/%.*s}} where {{/%.*s}} (of line %u) must come",
                          parser->line, len < 60 ? (int)len : 60, name,
                          begin->len < 60 ? (int)begin->len : 60, begin->at, begin->line);
    begin->behind = parser->template->count;
    return true;
}

/* What stands between the braces, and what kind of tag it makes. */
static bool parser_tag(struct parser *parser, bool is_triple, const char *tag, size_t len)
{
    char sign = is_triple ? '&' : len ? tag[0] : '\0';
    bool is_signed = !is_triple && sign && strchr("#^/&!>=", sign);
    const char *name = is_signed ? tag + 1 : tag, *end = tag + len;

    while (name < end && strchr(" \t\r\n", *name))
        name++;
    while (name < end && strchr(" \t\r\n", end[-1]))
        end--;
    if (sign == '!')
        return true;
    if (sign == '>' || sign == '=')
        return parser_refuse(parser, tag, len, "is not supported (no partials, no delimiters)");
    if (name == end)
        return parser_refuse(parser, tag, len, "has no name");
    switch (sign) {
    case '#':
        return parser_open(parser, PIECE_SECTION, name, (size_t)(end - name));
    case '^':
        return parser_open(parser, PIECE_INVERTED, name, (size_t)(end - name));
    case '/':
        return parser_close(parser, name, (size_t)(end - name));
    case '&':
        return parser_add(parser, PIECE_RAW, name, (size_t)(end - name));
    default:
        return parser_add(parser, PIECE_VARIABLE, name, (size_t)(end - name));
    }
}

/* Whether the tag from `open` to `close` has a line of its own: then that line's beginning and end
 * are given. */
static bool stands_alone(const struct parser *parser, const char *open, const char *close,
                         const char **begin, const char **end)
{
    while (open > parser->template->text && (open[-1] == ' ' || open[-1] == '\t'))
        open--;
    close += strspn(close, " \t");
    if ((open > parser->template->text && open[-1] != '\n') ||
        (*close && *close != '\n' && strncmp(close, "\r\n", 2) != 0))
        return false;
    *begin = open;
    *end = *close == '\r' ? close + 2 : *close ? close + 1 : close;
    return true;
}

/* Text up to the next tag, and the tag. */
static bool parser_step(struct parser *parser)
{
    const char *open = strstr(parser->at, "{{"), *text_end = open, *tag, *close, *behind;
    bool is_triple, is_added;

    if (!open) {
        bool is_last = parser_add(parser, PIECE_TEXT, parser->at, strlen(parser->at));

        parser->at += strlen(parser->at);
        return is_last;
    }
    is_triple = open[2] == '{';
    tag = open + (is_triple ? 3 : 2);
    close = strstr(tag, is_triple ? "}}}" : "}}");
    for (const char *c = parser->at; c < open; c++)
        parser->line += *c == '\n';
    if (!close)
        return sdk_refuse(parser->error, sdk_template_error,
                          "template, line %u: {{%.20s is never closed", parser->line, tag);
    behind = close + (is_triple ? 3 : 2);
    if (*tag && strchr("#^/!", *tag) && !is_triple)
        stands_alone(parser, open, behind, &text_end, &behind);
    is_added = parser_add(parser, PIECE_TEXT, parser->at, (size_t)(text_end - parser->at)) &&
               parser_tag(parser, is_triple, tag, (size_t)(close - tag));
    for (const char *c = open; c < behind; c++)
        parser->line += *c == '\n';
    parser->at = behind;
    return is_added;
}

bool sdk_template_parse(const char *text, bool is_html, struct sdk_template **out,
                        struct sdk_error *error)
{
    struct sdk_template *template = calloc(1, sizeof *template);
    struct parser parser = {.template = template, .line = 1, .error = error};
    bool is_parsed = true;

    if (!template || !(template->text = strdup(text))) {
        free(template);
        return sdk_retry_later(error, sdk_template_error, "out of memory");
    }
    template->is_html = is_html;
    parser.at = template->text;
    while (is_parsed && *parser.at)
        is_parsed = parser_step(&parser);
    if (is_parsed && parser.depth) {
        const struct piece *begin = &template->pieces[parser.open[parser.depth - 1]];

        parser.line = begin->line;
        is_parsed =
            parser_refuse(&parser, begin->at, begin->len, "begins a section without an end");
    }
    if (is_parsed)
        *out = template;
    else
        sdk_template_free(template);
    return is_parsed;
}

void sdk_template_free(struct sdk_template *template)
{
    if (template) {
        free(template->pieces);
        free(template->text);
    }
    free(template);
}
