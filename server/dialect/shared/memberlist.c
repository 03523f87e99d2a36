/* Building JSON objects member by member. Called by add.c and repeat.c; pure. */
#include "dialect/shared/memberlist.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/assert.h"
#include "common/json.h"
#include "common/mem.h"

#define JS_EXACT_MAX    0x1p53 /* whole numbers up to here are printed by all their digits */
#define JS_DIGITS_MAX   17     /* that any number needs */
#define JS_PLAIN_MAX    21     /* digits before the point; more: with an exponent */
#define JS_FRACTION_MIN (-6)   /* zeros behind the point; more: with an exponent */

bool js_is_falsy(struct ct_str json)
{
    double number;

    return !json.data || ct_str_is(json, "false") || ct_str_is(json, "null") ||
           ct_str_is(json, "\"\"") || (ct_str_to_double(json, &number) && number == 0);
}

/* The fewest digits that mean `number`, without a point; returns where the point would stand. */
static int js_digits(double number, char digits[JS_DIGITS_MAX + 1])
{
    char text[JS_DIGITS_MAX + 16];
    int last = 0;

    snprintf(text, sizeof text, "%.*e", last, number);
    while (strtod(text, NULL) != number && last + 1 < JS_DIGITS_MAX)
        snprintf(text, sizeof text, "%.*e", ++last, number);
    digits[0] = text[0];
    for (int i = 1; i <= last; i++)
        digits[i] = text[i + 1];
    digits[last + 1] = '\0';
    return atoi(strchr(text, 'e') + 1) + 1;
}

void js_append_number(struct ct_buf *out, double number)
{
    char digits[JS_DIGITS_MAX + 1];

    if (number == trunc(number) && fabs(number) <= JS_EXACT_MAX) {
        ct_buf_printf(out, "%.0f", number == 0 ? 0.0 : number);
        return;
    }
    if (number < 0)
        ct_buf_append_char(out, '-');
    int point = js_digits(fabs(number), digits);
    int len = (int)strlen(digits);
    if (point > JS_PLAIN_MAX || point <= JS_FRACTION_MIN)
        ct_buf_printf(out, "%c%s%se%+d", digits[0], len > 1 ? "." : "", digits + 1, point - 1);
    else if (point <= 0)
        ct_buf_printf(out, "0.%.*s%s", -point, "000000", digits);
    else if (point < len)
        ct_buf_printf(out, "%.*s.%s", point, digits, digits + point);
    else
        ct_buf_printf(out, "%s%.*s", digits, point - len, "00000000000000000000");
}

void js_append_compact(struct ct_buf *out, struct ct_str json)
{
    bool in_string = false;

    for (size_t i = 0; i < json.len; i++) {
        char c = json.data[i];

        if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
            continue;
        ct_buf_append_char(out, c);
        if (c == '"')
            in_string = !in_string;
        else if (c == '\\' && in_string && i + 1 < json.len)
            ct_buf_append_char(out, json.data[++i]);
    }
}

bool js_append_text(struct ct_buf *out, struct ct_str json)
{
    double number;

    if (!json.data || json.len == 0 || json.data[0] == '{' || json.data[0] == '[')
        return false;
    if (json.data[0] == '"') {
        char *text = members_string(json);
        if (!text)
            return false;
        ct_buf_append_str(out, ct_str_of(text));
        free(text);
    } else if (ct_str_to_double(json, &number)) {
        js_append_number(out, number);
    } else {
        ct_buf_append_str(out, json);
    }
    return true;
}

static uint32_t memberlist_place(const struct memberlist *list, const char *name)
{
    uint32_t i = 0;

    while (i < list->count && strcmp(list->member[i].name, name) != 0)
        i++;
    return i;
}

void memberlist_set(struct memberlist *list, const char *name, struct ct_str value)
{
    uint32_t place = memberlist_place(list, name);

    if (place == list->count) {
        ct_assert(list->count < MEMBERLIST_MAX);
        list->member[list->count++].name = ct_strdup(name);
    } else {
        free(list->member[place].value);
    }
    list->member[place].value = ct_strndup(value.data, value.len);
}

void memberlist_set_number(struct memberlist *list, const char *name, double value)
{
    struct ct_buf text;

    ct_buf_init(&text);
    js_append_number(&text, value);
    memberlist_set(list, name, ct_buf_str(&text));
    ct_buf_free(&text);
}

void memberlist_set_string(struct memberlist *list, const char *name, struct ct_str value)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_json_append_string(&text, value);
    memberlist_set(list, name, ct_buf_str(&text));
    ct_buf_free(&text);
}

static enum ct_code too_many(const char *what, struct ct_error *err)
{
    return ct_error_set(err, CT_E_TOO_LARGE, "%s: more than %d members (MEMBERLIST_READ_MAX)", what,
                        MEMBERLIST_READ_MAX);
}

enum ct_code memberlist_check(const struct memberlist *list, const char *what, struct ct_error *err)
{
    return list->count > MEMBERLIST_READ_MAX ? too_many(what, err) : CT_E_OK;
}

enum ct_code memberlist_init(struct memberlist *list, struct ct_str text, const char *what,
                             struct ct_error *err)
{
    struct members members;
    struct ct_buf value;

    list->count = 0;
    if (!text.data)
        return CT_E_OK;
    enum ct_code rc = ct_json_check(text, err);
    if (rc != CT_E_OK) {
        ct_error_wrap(err, "%s", what);
        return rc;
    }
    if (!members_begin_object(&members, text))
        return ct_error_set(err, CT_E_INVALID, "%s must be a JSON object", what);
    ct_buf_init(&value);
    while (rc == CT_E_OK && members_next(&members)) {
        ct_buf_clear(&value);
        js_append_compact(&value, members.value);
        if (members.name[0] == '\0')
            rc = ct_error_set(err, CT_E_INVALID, "%s: a name is empty or over %d bytes", what,
                              MEMBER_NAME_MAX);
        else if (list->count >= MEMBERLIST_READ_MAX)
            rc = too_many(what, err);
        else
            memberlist_set(list, members.name, ct_buf_str(&value));
    }
    ct_buf_free(&value);
    return rc;
}

void memberlist_fini(struct memberlist *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        free(list->member[i].name);
        free(list->member[i].value);
    }
    list->count = 0;
}

struct ct_str memberlist_find(const struct memberlist *list, const char *name)
{
    uint32_t place = memberlist_place(list, name);

    return place < list->count ? ct_str_of(list->member[place].value) : CT_STR_NONE;
}

void memberlist_remove(struct memberlist *list, const char *name)
{
    uint32_t place = memberlist_place(list, name);

    if (place == list->count)
        return;
    free(list->member[place].name);
    free(list->member[place].value);
    list->count--;
    memmove(&list->member[place], &list->member[place + 1],
            (list->count - place) * sizeof list->member[0]);
}

void memberlist_append(const struct memberlist *list, struct ct_buf *out)
{
    ct_buf_append_char(out, '{');
    for (uint32_t i = 0; i < list->count; i++) {
        if (i > 0)
            ct_buf_append_char(out, ',');
        ct_json_append_string(out, ct_str_of(list->member[i].name));
        ct_buf_append_char(out, ':');
        ct_buf_append_str(out, ct_str_of(list->member[i].value));
    }
    ct_buf_append_char(out, '}');
}
