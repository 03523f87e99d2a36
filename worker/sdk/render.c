/* Rendering templates. See cartrita/sdk/template.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/template.h"
#include "pieces.h"

struct renderer {
    const struct sdk_template *template;
    const json_t *values[SDK_TEMPLATE_DEPTH_MAX + 1]; /* what names are looked up in, inmost last */
    size_t depth;
    unsigned steps;
    bool is_strict;
    struct sdk_string *out;
    struct sdk_error *error;
};

/* "a.b.c": the first part from the inside out, the others in what it is. NULL: nowhere. */
static const json_t *find(const struct renderer *renderer, const char *name, size_t len)
{
    const char *dot = memchr(name, '.', len);
    size_t first = dot ? (size_t)(dot - name) : len;
    const json_t *value = NULL;

    if (len == 1 && name[0] == '.')
        return renderer->values[renderer->depth - 1];
    for (size_t i = renderer->depth; i > 0 && !value; i--)
        value = json_object_getn(renderer->values[i - 1], name, first);
    while (value && dot) {
        len -= (size_t)(dot + 1 - name);
        name = dot + 1;
        dot = memchr(name, '.', len);
        value = json_object_getn(value, name, dot ? (size_t)(dot - name) : len);
    }
    return value;
}

static bool is_true(const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_NULL:
    case JSON_FALSE:
        return false;
    case JSON_ARRAY:
        return json_array_size(value) > 0;
    case JSON_STRING:
        return json_string_length(value) > 0;
    case JSON_INTEGER:
        return json_integer_value(value) != 0;
    case JSON_REAL:
        return json_real_value(value) != 0;
    default:
        return true;
    }
}

static void add_escaped(struct sdk_string *out, const char *text, size_t len)
{
    static const char special[] = "&<>\"'";
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

    while (len) {
        size_t plain = 0;

        while (plain < len && (!text[plain] || !strchr(special, text[plain])))
            plain++;
        sdk_string_add(out, text, plain);
        text += plain;
        len -= plain;
        if (len) {
            sdk_string_puts(out, names[strchr(special, *text) - special]);
            text++;
            len--;
        }
    }
}

/* As JavaScript shows numbers: 0.1 and not 0.10000000000000001. */
static void number_text(double number, char text[32])
{
    snprintf(text, 32, "%.15g", number);
    if (strtod(text, NULL) != number)
        snprintf(text, 32, "%.17g", number);
}

static void add_value(struct sdk_string *out, const json_t *value, bool is_escaped)
{
    char number[32], *owned = NULL;
    const char *text = number;
    size_t len;

    if (json_is_string(value))
        text = json_string_value(value);
    else if (json_is_real(value))
        number_text(json_real_value(value), number);
    else
        text = owned = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    len = json_is_string(value) ? json_string_length(value) : text ? strlen(text) : 0;
    if (!text)
        out->is_full = true;
    else if (is_escaped)
        add_escaped(out, text, len);
    else
        sdk_string_add(out, text, len);
    free(owned);
}

static bool render_variable(struct renderer *renderer, const struct piece *piece)
{
    const json_t *value = find(renderer, piece->at, piece->len);

    if (!value && renderer->is_strict)
        return sdk_refuse(renderer->error, sdk_template_error,
                          "template, line %u: there is no variable {{%.*s}}", piece->line,
                          piece->len < 60 ? (int)piece->len : 60, piece->at);
    if (value && !json_is_null(value))
        add_value(renderer->out, value,
                  renderer->template->is_html && piece->kind == PIECE_VARIABLE);
    return true;
}

static bool render(struct renderer *renderer, size_t from, size_t to);

static bool render_section(struct renderer *renderer, size_t at)
{
    const struct piece *piece = &renderer->template->pieces[at];
    const json_t *value = find(renderer, piece->at, piece->len);
    size_t count = json_is_array(value) ? json_array_size(value) : is_true(value);

    if (piece->kind == PIECE_INVERTED)
        return is_true(value) || render(renderer, at + 1, piece->behind);
    for (size_t i = 0; i < count; i++) {
        bool is_rendered;

        renderer->values[renderer->depth++] =
            json_is_array(value) ? json_array_get(value, i) : value;
        is_rendered = render(renderer, at + 1, piece->behind);
        renderer->depth--;
        if (!is_rendered)
            return false;
    }
    return true;
}

/* Lists in lists are many steps, also without a text in them. */
static bool count_step(struct renderer *renderer)
{
    return ++renderer->steps <= SDK_TEMPLATE_STEPS_MAX ||
           sdk_refuse(renderer->error, sdk_template_error,
                      "the template goes through more than %u tags", SDK_TEMPLATE_STEPS_MAX);
}

static bool render(struct renderer *renderer, size_t from, size_t to)
{
    const struct piece *pieces = renderer->template->pieces;
    bool is_rendered = count_step(renderer);

    for (size_t i = from; i < to && is_rendered;) {
        const struct piece *piece = &pieces[i];
        bool is_section = piece->kind == PIECE_SECTION || piece->kind == PIECE_INVERTED;

        if (piece->kind == PIECE_TEXT)
            sdk_string_add(renderer->out, piece->at, piece->len);
        else
            is_rendered = is_section ? render_section(renderer, i)
                                     : count_step(renderer) && render_variable(renderer, piece);
        if (is_rendered && renderer->out->is_full)
            is_rendered = sdk_refuse(renderer->error, sdk_template_error,
                                     "the text of the template is larger than %zu bytes",
                                     renderer->out->max ? renderer->out->max : SDK_TEXT_MAX);
        i = is_section ? piece->behind : i + 1;
    }
    return is_rendered;
}

bool sdk_template_render(const struct sdk_template *template, const json_t *variables,
                         bool is_strict, struct sdk_string *out, struct sdk_error *error)
{
    struct renderer renderer = {.template = template,
                                .values = {variables},
                                .depth = 1,
                                .is_strict = is_strict,
                                .out = out,
                                .error = error};

    return render(&renderer, 0, template->count);
}
