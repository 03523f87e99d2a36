/* Turns the text of one option into its field: number, duration, choice, list. Called by option.c
 * alone, wherever the text came from. */
#include "common/option_value.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nearest.h"

void option_list_clear(struct ct_option_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free((char *)list->items[i]);
    free(list->items);
    *list = (struct ct_option_list){NULL, 0};
}

void option_list_copy(struct ct_option_list *list, const struct ct_option_list *from)
{
    option_list_clear(list);
    if (from->count == 0)
        return;
    list->items = ct_alloc(from->count * sizeof *list->items);
    while (list->count < from->count) {
        list->items[list->count] = ct_strdup(from->items[list->count]);
        list->count++;
    }
}

bool ct_option_duration_ms(struct ct_str text, int64_t *out)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1}};
    size_t digits = 0;
    int64_t number;

    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    if (!ct_str_to_int((struct ct_str){text.data, digits}, &number))
        return false;
    struct ct_str unit = {text.data + digits, text.len - digits};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!ct_str_is(unit, units[i].name))
            continue;
        if (number > INT64_MAX / units[i].ms)
            return false;
        *out = number * units[i].ms;
        return true;
    }
    return false;
}

static enum ct_code put_number(const struct option_input *input, struct ct_str text, int64_t *field,
                               struct ct_error *err)
{
    const struct ct_option *option = input->option;
    bool is_duration = option->kind == CT_OPTION_DURATION_MS;
    int64_t value;

    if (is_duration ? !ct_option_duration_ms(text, &value) : !ct_str_to_int(text, &value))
        return ct_error_set(err, CT_E_USAGE, "%s: '%.*s' is not %s", input->where,
                            text.len > 40 ? 40 : (int)text.len, text.data,
                            is_duration ? "a duration: write 500ms, 5s or 2m" : "a whole number");
    bool has_range = option->min != 0 || option->max != 0;
    if (has_range && (value < option->min || value > option->max))
        return ct_error_set(err, CT_E_USAGE, "%s: %.*s is out of range: use %lld to %lld%s",
                            input->where, (int)text.len, text.data, (long long)option->min,
                            (long long)option->max, is_duration ? " (milliseconds)" : "");
    *field = value;
    return CT_E_OK;
}

static enum ct_code put_bool(const struct option_input *input, struct ct_str text, bool *field,
                             struct ct_error *err)
{
    bool is_true = ct_str_is(text, "true") || ct_str_is(text, "1");

    if (!is_true && !ct_str_is(text, "false") && !ct_str_is(text, "0"))
        return ct_error_set(err, CT_E_USAGE, "%s: '%.*s' is neither true nor false", input->where,
                            text.len > 40 ? 40 : (int)text.len, text.data);
    *field = is_true;
    return CT_E_OK;
}

static enum ct_code put_choice(const struct option_input *input, struct ct_str text, int *field,
                               struct ct_error *err)
{
    const char *const *choices = input->option->choices;
    char names[160] = "", word[CT_NEAREST_LEN_MAX + 1];
    struct ct_nearest nearest;

    snprintf(word, sizeof word, "%.*s", (int)(text.len < sizeof word ? text.len : 0), text.data);
    ct_nearest_init(&nearest, word);

    for (int i = 0; choices[i]; i++) {
        if (ct_str_is(text, choices[i])) {
            *field = i;
            return CT_E_OK;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", choices[i]);
        ct_nearest_offer(&nearest, choices[i]);
    }
    return ct_error_set(err, CT_E_USAGE, "%s: '%.*s' is not one of %s%s%s%s", input->where,
                        text.len > 40 ? 40 : (int)text.len, text.data, names,
                        nearest.best ? ": did you mean '" : "", nearest.best ? nearest.best : "",
                        nearest.best ? "'?" : "");
}

static enum ct_code put_item(const struct option_input *input, struct ct_str text,
                             struct ct_option_list *list, struct ct_error *err)
{
    if (list->count == CT_OPTION_LIST_MAX)
        return ct_error_set(err, CT_E_USAGE, "%s: more than %d values (CT_OPTION_LIST_MAX)",
                            input->where, CT_OPTION_LIST_MAX);
    list->items = ct_realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = ct_strndup(text.data, text.len);
    return CT_E_OK;
}

enum ct_code option_put(struct ct_option_set *set, const struct option_input *input,
                        struct ct_str text, struct ct_error *err)
{
    enum ct_option_source *source = &set->sources[input->option - set->program->options];
    void *field = (char *)set->settings + input->option->offset;
    enum ct_code rc = CT_E_OK;

    if (input->source < *source)
        return CT_E_OK;
    switch (input->option->kind) {
    case CT_OPTION_STRING:
        free(*(char **)field);
        *(char **)field = ct_strndup(text.data, text.len);
        break;
    case CT_OPTION_INT:
    case CT_OPTION_DURATION_MS:
        rc = put_number(input, text, field, err);
        break;
    case CT_OPTION_BOOL:
        rc = put_bool(input, text, field, err);
        break;
    case CT_OPTION_ENUM:
        rc = put_choice(input, text, field, err);
        break;
    case CT_OPTION_LIST:
        if (*source != input->source)
            option_list_clear(field); /* a stronger source replaces the whole list */
        rc = put_item(input, text, field, err);
        break;
    }
    if (rc == CT_E_OK)
        *source = input->source;
    return rc;
}

enum ct_code option_put_split(struct ct_option_set *set, const struct option_input *input,
                              const char *text, struct ct_error *err)
{
    if (input->option->kind != CT_OPTION_LIST)
        return option_put(set, input, ct_str_of(text), err);
    for (;;) {
        size_t len = strcspn(text, ",");
        enum ct_code rc = option_put(set, input, (struct ct_str){text, len}, err);

        if (rc != CT_E_OK || text[len] == '\0')
            return rc;
        text += len + 1;
    }
}
