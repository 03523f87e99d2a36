/* Steps over JSON text that is known to be valid. Called by the readers of options and by judge;
 * pure. */
#include "dialect/shared/members.h"

#include <math.h>
#include <stdio.h>

#include "common/json.h"
#include "common/mem.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct ct_str members_trim(struct ct_str text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

static void skip_blanks(struct members *members)
{
    while (members->at < members->text.len && is_blank(members->text.data[members->at]))
        members->at++;
}

static size_t string_end(struct ct_str text, size_t at)
{
    for (at++; at < text.len && text.data[at] != '"'; at++) {
        if (text.data[at] == '\\')
            at++;
    }
    return at < text.len ? at + 1 : text.len;
}

/* Behind the value that begins at `at`. */
static size_t value_end(struct ct_str text, size_t at)
{
    size_t depth = 0;

    while (at < text.len) {
        char c = text.data[at];

        if (c == '"') {
            at = string_end(text, at);
            if (depth == 0)
                return at;
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth-- <= 1)
            return depth == 0 ? at + 1 : at;
        else if (depth == 0 && (c == ',' || is_blank(c)))
            return at;
        at++;
    }
    return at;
}

static bool members_begin(struct members *members, struct ct_str text, char open)
{
    *members = (struct members){.text = members_trim(text), .at = 1};
    return members->text.len >= 2 && members->text.data[0] == open;
}

bool members_begin_object(struct members *members, struct ct_str text)
{
    return members_begin(members, text, '{');
}

bool members_begin_array(struct members *members, struct ct_str text)
{
    return members_begin(members, text, '[');
}

char *members_string(struct ct_str json)
{
    json = members_trim(json);
    if (json.len < 2 || json.data[0] != '"')
        return NULL;
    if (!memchr(json.data, '\\', json.len))
        return ct_strndup(json.data + 1, json.len - 2);

    json_t *value = json_loadb(json.data, json.len, JSON_DECODE_ANY, NULL);
    char *text = json_is_string(value) ? ct_strdup(json_string_value(value)) : NULL;
    json_decref(value);
    return text;
}

static void take_name(struct members *members)
{
    size_t begin = members->at;

    members->at = string_end(members->text, begin);
    struct ct_str name = {members->text.data + begin, members->at - begin};
    members->name[0] = '\0';
    if (memchr(name.data, '\\', name.len)) {
        char *text = members_string(name);
        if (text && strlen(text) <= MEMBER_NAME_MAX)
            memcpy(members->name, text, strlen(text) + 1);
        free(text);
    } else if (name.len - 2 <= MEMBER_NAME_MAX) {
        memcpy(members->name, name.data + 1, name.len - 2);
        members->name[name.len - 2] = '\0';
    }
}

bool members_next(struct members *members)
{
    const struct ct_str text = members->text;

    skip_blanks(members);
    if (members->at < text.len && text.data[members->at] == ',') {
        members->at++;
        skip_blanks(members);
    }
    if (members->at + 1 >= text.len)
        return false;
    if (text.data[0] == '{') {
        take_name(members);
        skip_blanks(members);
        members->at++; /* the colon */
        skip_blanks(members);
    }
    size_t end = value_end(text, members->at);
    members->value = (struct ct_str){text.data + members->at, end - members->at};
    members->at = end;
    return true;
}

struct ct_str members_find(struct ct_str text, const char *name)
{
    struct ct_str found = CT_STR_NONE;
    struct members members;

    if (!members_begin_object(&members, text))
        return found;
    while (members_next(&members)) {
        if (strcmp(members.name, name) == 0)
            found = members.value;
    }
    return found;
}

double members_number(struct ct_str json)
{
    double number;

    if (json.len >= 2 && json.data[0] == '"')
        json = members_trim((struct ct_str){json.data + 1, json.len - 2});
    return json.data && ct_str_to_double(json, &number) ? number : NAN;
}
