/* Texts with variables, in the common part of Mustache: {{name}} (HTML-escaped where the template
 * is HTML), {{{name}}} and {{&name}} (as it is), {{#list}}...{{/list}} (for each, or when true),
 * {{^list}}...{{/list}} (when false, 0, empty or absent), {{.}}, {{a.b}}, {{! comment }}. A line
 * that holds a tag of a section or a comment and nothing else leaves no line behind. No partials,
 * no lambdas, no other delimiters: a template can read its variables and nothing else. */
#ifndef CARTRITA_SDK_TEMPLATE_H
#define CARTRITA_SDK_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>

#include "cartrita/sdk/error.h"
#include "cartrita/sdk/text.h"

#define SDK_TEMPLATE_DEPTH_MAX 32u       /* sections within sections */
#define SDK_TEMPLATE_STEPS_MAX 10000000u /* tags that one rendering goes through */

struct sdk_template;

/* Errors are permanent ("TemplateError") and name line and tag. Free with sdk_template_free. */
bool sdk_template_parse(const char *text, bool is_html, struct sdk_template **out,
                        struct sdk_error *error);
void sdk_template_free(struct sdk_template *template);

/* Appends to `out`, bounded by its max. A name that is nowhere is an error when `is_strict`, else
 * empty. Any thread, as often as wanted. */
bool sdk_template_render(const struct sdk_template *template, const json_t *variables,
                         bool is_strict, struct sdk_string *out, struct sdk_error *error);

#endif
