/* Reading values out of a loaded tree: by key, as a number, as JSON. Called by whoever owns the
 * settings; every refusal says where it is and what to write instead. */
#include "common/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nearest.h"

#define YAML_FILE_SHOWN_MAX 80 /* of a long path its end, so that the reason still fits */

const struct ct_yaml_node *ct_yaml_find(const struct ct_yaml_node *map, const char *key)
{
    if (!map || map->kind != CT_YAML_MAP)
        return NULL;
    for (const struct ct_yaml_node *node = map->first; node; node = node->next) {
        if (strcmp(node->key, key) == 0)
            return node;
    }
    return NULL;
}

static bool text_is_one_of(const char *text, const char *a, const char *b, const char *c)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

static bool is_plain(const struct ct_yaml_node *node)
{
    return node->kind == CT_YAML_SCALAR && !node->is_quoted;
}

bool ct_yaml_is_null(const struct ct_yaml_node *node)
{
    return !node || (is_plain(node) && (text_is_one_of(node->text, "", "~", "null") ||
                                        text_is_one_of(node->text, "null", "Null", "NULL")));
}

enum ct_code ct_yaml_error(const struct ct_yaml_node *node, struct ct_error *err,
                           const char *format, ...)
{
    size_t file_len = strlen(node->file);
    const char *file =
        file_len > YAML_FILE_SHOWN_MAX ? node->file + file_len - YAML_FILE_SHOWN_MAX : node->file;
    char text[CT_ERROR_DETAIL_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ct_error_set(err, CT_E_INVALID, "%s%s:%d:%d: %.60s%s%s", file == node->file ? "" : "...",
                        file, node->line, node->column, node->key ? node->key : "",
                        node->key ? ": " : "", text);
}

static const char *kind_text(const struct ct_yaml_node *node)
{
    if (ct_yaml_is_null(node))
        return "nothing";
    return node->kind == CT_YAML_MAP ? "a map" : node->kind == CT_YAML_LIST ? "a list" : "a value";
}

enum ct_code ct_yaml_need_map(const struct ct_yaml_node *node, struct ct_error *err)
{
    if (node->kind == CT_YAML_MAP)
        return CT_E_OK;
    return ct_yaml_error(node, err, "needs a map ('name: value' lines), not %s", kind_text(node));
}

enum ct_code ct_yaml_need_list(const struct ct_yaml_node *node, struct ct_error *err)
{
    if (node->kind == CT_YAML_LIST)
        return CT_E_OK;
    return ct_yaml_error(node, err, "needs a list ('- value' lines or [a, b]), not %s",
                         kind_text(node));
}

enum ct_code ct_yaml_text(const struct ct_yaml_node *node, const char **out, struct ct_error *err)
{
    if (node->kind != CT_YAML_SCALAR || ct_yaml_is_null(node))
        return ct_yaml_error(node, err, "needs a text, not %s", kind_text(node));
    *out = node->text;
    return CT_E_OK;
}

static bool text_is_digits_of(const char *text, const char *prefix, const char *digits)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 && text[len] != '\0' &&
           strspn(text + len, digits) == strlen(text + len);
}

/* Whether the core schema reads it as a whole number, in range or not. */
static bool text_is_whole(const char *text)
{
    return text_is_digits_of(text, "0x", "0123456789abcdefABCDEF") ||
           text_is_digits_of(text, "0o", "01234567") ||
           text_is_digits_of(text,
                             *text == '-'   ? "-"
                             : *text == '+' ? "+"
                                            : "",
                             "0123456789");
}

static bool text_to_int(const char *text, int64_t *out)
{
    int base = text[0] == '0' && text[1] == 'x' ? 16 : text[0] == '0' && text[1] == 'o' ? 8 : 10;

    if (!text_is_whole(text))
        return false;
    errno = 0;
    long long value = strtoll(base == 10 ? text : text + 2, NULL, base);
    if (errno == ERANGE)
        return false;
    *out = value;
    return true;
}

/* The decimal numbers of the core schema. */
static bool text_is_number(const char *text)
{
    size_t at = *text == '-' || *text == '+' ? 1 : 0;
    size_t whole = strspn(text + at, "0123456789");
    size_t part = 0;

    at += whole;
    if (text[at] == '.') {
        part = strspn(text + at + 1, "0123456789");
        at += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (text[at] == 'e' || text[at] == 'E') {
        at++;
        if (text[at] == '-' || text[at] == '+')
            at++;
        size_t exponent = strspn(text + at, "0123456789");
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return text[at] == '\0';
}

/* .inf, -.INF, .nan and the like. */
static bool text_is_no_finite(const char *text)
{
    const char *word = *text == '-' || *text == '+' ? text + 1 : text;

    return text_is_one_of(word, ".inf", ".Inf", ".INF") ||
           text_is_one_of(text, ".nan", ".NaN", ".NAN");
}

static bool text_to_bool(const char *text, bool *out)
{
    *out = text_is_one_of(text, "true", "True", "TRUE");
    return *out || text_is_one_of(text, "false", "False", "FALSE");
}

enum ct_code ct_yaml_check_keys(const struct ct_yaml_node *map, const char *const *known,
                                struct ct_error *err)
{
    for (const struct ct_yaml_node *node = map->first; node; node = node->next) {
        struct ct_nearest nearest;
        bool is_known = false;

        ct_nearest_init(&nearest, node->key);
        for (size_t i = 0; known[i] && !is_known; i++) {
            is_known = strcmp(node->key, known[i]) == 0;
            ct_nearest_offer(&nearest, known[i]);
        }
        if (is_known)
            continue;
        struct ct_yaml_node place = {
            .file = node->file, .line = node->key_line, .column = node->key_column};
        if (nearest.best)
            return ct_yaml_error(&place, err, "unknown setting '%.60s': did you mean '%s'?",
                                 node->key, nearest.best);
        return ct_yaml_error(&place, err,
                             "unknown setting '%.60s': remove it or check its spelling", node->key);
    }
    return CT_E_OK;
}

static enum ct_code scalar_to_json(const struct ct_yaml_node *node, json_t **out,
                                   struct ct_error *err)
{
    int64_t number;
    bool is_true;

    if (node->is_quoted) {
        *out = json_string(node->text);
    } else if (ct_yaml_is_null(node)) {
        *out = json_null();
    } else if (text_to_bool(node->text, &is_true)) {
        *out = json_boolean(is_true);
    } else if (text_to_int(node->text, &number)) {
        *out = json_integer(number);
    } else if (text_is_no_finite(node->text)) {
        return ct_yaml_error(node, err, "%s has no form in JSON: use a finite number", node->text);
    } else if (text_is_whole(node->text)) {
        return ct_yaml_error(node, err, "%.40s is too large a number: quote it if it is text",
                             node->text);
    } else if (text_is_number(node->text)) {
        double value = strtod(node->text, NULL);
        if (!isfinite(value))
            return ct_yaml_error(node, err, "%.40s is too large a number: quote it if it is text",
                                 node->text);
        *out = json_real(value);
    } else {
        *out = json_string(node->text);
    }
    return *out ? CT_E_OK : ct_yaml_error(node, err, "this text cannot be written as JSON");
}

enum ct_code ct_yaml_to_json(const struct ct_yaml_node *node, json_t **out, struct ct_error *err)
{
    if (node->kind == CT_YAML_SCALAR)
        return scalar_to_json(node, out, err);

    json_t *whole = node->kind == CT_YAML_MAP ? json_object() : json_array();
    for (const struct ct_yaml_node *child = node->first; child; child = child->next) {
        json_t *value;
        enum ct_code rc = ct_yaml_to_json(child, &value, err); /* CT_YAML_DEPTH_MAX deep at most */

        if (rc == CT_E_OK &&
            (node->kind == CT_YAML_MAP ? json_object_set_new(whole, child->key, value)
                                       : json_array_append_new(whole, value)) != 0)
            rc = ct_yaml_error(child, err, "this cannot be written as JSON");
        if (rc != CT_E_OK) {
            json_decref(whole);
            return rc;
        }
    }
    *out = whole;
    return CT_E_OK;
}
