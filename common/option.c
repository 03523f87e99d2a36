/* Reads options by a program's table: defaults, flags, environment, file, each into the field that
 * the table names. Called by every main at start; never prints (option_help.c does). */
#include "common/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/mem.h"
#include "common/nearest.h"
#include "common/option_value.h"

static void *field_of(const struct ct_option_set *set, const struct ct_option *option)
{
    return (char *)set->settings + option->offset;
}

/* --- life ----------------------------------------------------------------------------------- */

static void field_clear(void *field, enum ct_option_kind kind)
{
    switch (kind) {
    case CT_OPTION_STRING:
        *(const char **)field = NULL;
        break;
    case CT_OPTION_INT:
    case CT_OPTION_DURATION_MS:
        *(int64_t *)field = 0;
        break;
    case CT_OPTION_BOOL:
        *(bool *)field = false;
        break;
    case CT_OPTION_ENUM:
        *(int *)field = -1;
        break;
    case CT_OPTION_LIST:
        *(struct ct_option_list *)field = (struct ct_option_list){NULL, 0};
        break;
    }
}

void ct_option_open(struct ct_option_set *set, const struct ct_program *program, void *settings)
{
    *set = (struct ct_option_set){.program = program, .settings = settings};
    set->sources = ct_zalloc(program->option_count * sizeof *set->sources);
    for (size_t i = 0; i < program->option_count; i++) {
        const struct ct_option *option = &program->options[i];
        struct option_input input = {option, CT_OPTION_FROM_DEFAULT, option->name};

        field_clear(field_of(set, option), option->kind);
        if (option->fallback) {
            enum ct_code rc = option_put_split(set, &input, option->fallback, NULL);
            ct_assert(rc == CT_E_OK); /* a wrong default is a bug in the table */
        }
    }
}

void ct_option_close(struct ct_option_set *set)
{
    for (size_t i = 0; i < set->program->option_count; i++) {
        const struct ct_option *option = &set->program->options[i];
        void *field = field_of(set, option);

        if (option->kind == CT_OPTION_STRING)
            free(*(char **)field);
        else if (option->kind == CT_OPTION_LIST)
            option_list_clear(field);
        else
            continue;
        field_clear(field, option->kind);
    }
    free(set->sources);
    free(set->positionals);
    *set = (struct ct_option_set){0};
}

/* --- flags ---------------------------------------------------------------------------------- */

static const struct ct_option *find_name(const struct ct_program *program, struct ct_str name)
{
    for (size_t i = 0; i < program->option_count; i++) {
        if (ct_str_is(name, program->options[i].name))
            return &program->options[i];
    }
    return NULL;
}

static const struct ct_option *find_letter(const struct ct_program *program, char letter)
{
    for (size_t i = 0; i < program->option_count; i++) {
        if (program->options[i].letter && program->options[i].letter == letter)
            return &program->options[i];
    }
    return NULL;
}

static const char *nearest_name(const struct ct_program *program, const char *word)
{
    struct ct_nearest nearest;

    ct_nearest_init(&nearest, word);
    for (size_t i = 0; i < program->option_count; i++) {
        if (program->options[i].help)
            ct_nearest_offer(&nearest, program->options[i].name);
    }
    ct_nearest_offer(&nearest, "help");
    if (program->version)
        ct_nearest_offer(&nearest, "version");
    return nearest.best;
}

static enum ct_code fail_unknown(const struct ct_program *program, struct ct_str name,
                                 struct ct_error *err)
{
    char word[CT_NEAREST_LEN_MAX + 1];

    snprintf(word, sizeof word, "%.*s", name.len > 60 ? 60 : (int)name.len, name.data);
    const char *best = nearest_name(program, word);
    if (best)
        return ct_error_set(err, CT_E_USAGE, "unknown option --%s: did you mean --%s?", word, best);
    return ct_error_set(err, CT_E_USAGE, "unknown option --%s: see %s --help", word, program->name);
}

/* The value of an option that needs one: behind its = or letter, else the next argument. */
static enum ct_code take_value(const struct ct_option *option, const char *attached, int argc,
                               char *const *argv, int *at, const char **out, struct ct_error *err)
{
    if (attached) {
        *out = attached;
        return CT_E_OK;
    }
    if (*at + 1 >= argc)
        return ct_error_set(err, CT_E_USAGE, "--%s needs a value: --%s %s", option->name,
                            option->name, option->value_name ? option->value_name : "VALUE");
    if (strncmp(argv[*at + 1], "--", 2) == 0)
        return ct_error_set(err, CT_E_USAGE,
                            "--%s needs a value, but %.60s follows: write --%s=VALUE if it is one",
                            option->name, argv[*at + 1], option->name);
    *out = argv[++*at];
    return CT_E_OK;
}

static enum ct_code read_option(struct ct_option_set *set, const struct ct_option *option,
                                const char *attached, int argc, char *const *argv, int *at,
                                struct ct_error *err)
{
    char where[CT_NEAREST_LEN_MAX + 3];
    struct option_input input = {option, CT_OPTION_FROM_FLAG, where};
    const char *text = attached ? attached : "true";

    snprintf(where, sizeof where, "--%s", option->name);
    if (option->kind != CT_OPTION_BOOL) {
        enum ct_code rc = take_value(option, attached, argc, argv, at, &text, err);
        if (rc != CT_E_OK)
            return rc;
    }
    return option_put(set, &input, ct_str_of(text), err);
}

static enum ct_code read_long(struct ct_option_set *set, int argc, char *const *argv, int *at,
                              struct ct_error *err)
{
    const char *text = argv[*at] + 2;
    struct ct_str name = {text, strcspn(text, "=")};
    const char *attached = text[name.len] == '=' ? text + name.len + 1 : NULL;
    const struct ct_option *option = find_name(set->program, name);

    if (option)
        return read_option(set, option, attached, argc, argv, at, err);
    if (ct_str_is(name, "help") && !attached) {
        set->wish = CT_OPTION_WISH_HELP;
        return CT_E_OK;
    }
    if (ct_str_is(name, "man") && !attached) {
        set->wish = CT_OPTION_WISH_MAN;
        return CT_E_OK;
    }
    if (ct_str_is(name, "version") && !attached && set->program->version) {
        set->wish = CT_OPTION_WISH_VERSION;
        return CT_E_OK;
    }
    if (strncmp(text, "no-", 3) == 0 && !attached) {
        option = find_name(set->program, ct_str_of(text + 3));
        if (option && option->kind == CT_OPTION_BOOL)
            return read_option(set, option, "false", argc, argv, at, err);
    }
    return fail_unknown(set->program, name, err);
}

/* -a, -ab for two switches, -nVALUE, -n VALUE. */
static enum ct_code read_letters(struct ct_option_set *set, int argc, char *const *argv, int *at,
                                 struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    for (const char *letter = argv[*at] + 1; *letter && rc == CT_E_OK; letter++) {
        const struct ct_option *option = find_letter(set->program, *letter);

        if (!option && *letter == 'h') {
            set->wish = CT_OPTION_WISH_HELP;
            return CT_E_OK;
        }
        if (!option)
            return ct_error_set(err, CT_E_USAGE, "unknown option -%c in %.60s: see %s --help",
                                *letter, argv[*at], set->program->name);
        if (option->kind != CT_OPTION_BOOL)
            return read_option(set, option, letter[1] ? letter + 1 : NULL, argc, argv, at, err);
        rc = read_option(set, option, NULL, argc, argv, at, err);
    }
    return rc;
}

/* A lone - is a file's name by custom, and -5 a number. */
static bool is_positional(const char *text)
{
    return text[0] != '-' || text[1] == '\0' || (text[1] >= '0' && text[1] <= '9');
}

enum ct_code ct_option_read_args(struct ct_option_set *set, int argc, char *const *argv,
                                 struct ct_error *err)
{
    bool only_positionals = false;

    set->positionals = ct_realloc(set->positionals, (size_t)argc * sizeof *set->positionals);
    set->positional_count = 0;
    for (int at = 0; at < argc && set->wish == CT_OPTION_WISH_NONE; at++) {
        enum ct_code rc = CT_E_OK;

        if (only_positionals || is_positional(argv[at])) {
            set->positionals[set->positional_count++] = argv[at];
            only_positionals = only_positionals || set->program->stops_at_positional;
        } else if (strcmp(argv[at], "--") == 0) {
            only_positionals = true;
        } else if (argv[at][1] == '-') {
            rc = read_long(set, argc, argv, &at, err);
        } else {
            rc = read_letters(set, argc, argv, &at, err);
        }
        if (rc != CT_E_OK)
            return rc;
    }
    return CT_E_OK;
}

/* --- environment and file ------------------------------------------------------------------- */

enum ct_code ct_option_read_env(struct ct_option_set *set, struct ct_error *err)
{
    for (size_t i = 0; i < set->program->option_count; i++) {
        const struct ct_option *option = &set->program->options[i];

        for (int j = 0; j < CT_OPTION_ENV_MAX && option->env[j]; j++) {
            struct option_input input = {option, CT_OPTION_FROM_ENV, option->env[j]};
            const char *text = getenv(option->env[j]);

            if (!text || !*text)
                continue;
            enum ct_code rc = option_put_split(set, &input, text, err);
            if (rc != CT_E_OK)
                return rc;
            break;
        }
    }
    return CT_E_OK;
}

static enum ct_code put_scalar(struct ct_option_set *set, const struct ct_option *option,
                               enum ct_option_source source, const struct ct_yaml_node *node,
                               struct ct_error *err)
{
    char where[CT_ERROR_DETAIL_MAX / 2];
    struct option_input input = {option, source, where};
    const char *text;
    enum ct_code rc = ct_yaml_text(node, &text, err);

    if (rc != CT_E_OK)
        return rc;
    snprintf(where, sizeof where, "%.80s:%d:%d: %s", node->file, node->line, node->column,
             option->name);
    return option_put(set, &input, ct_str_of(text), err);
}

static enum ct_code put_node(struct ct_option_set *set, const struct ct_option *option,
                             enum ct_option_source source, const struct ct_yaml_node *node,
                             struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    if (option->kind != CT_OPTION_LIST || node->kind != CT_YAML_LIST)
        return put_scalar(set, option, source, node, err);
    for (const struct ct_yaml_node *item = node->first; item && rc == CT_E_OK; item = item->next)
        rc = put_scalar(set, option, source, item, err);
    return rc;
}

/* All keys that the top level may have; the caller frees the array. */
static const char **known_keys(const struct ct_program *program, const char *const *sections)
{
    size_t section_count = 0, count = 0;

    while (sections && sections[section_count])
        section_count++;
    const char **known = ct_alloc((program->option_count + section_count + 1) * sizeof *known);
    for (size_t i = 0; i < program->option_count; i++) {
        if (!program->options[i].not_in_file)
            known[count++] = program->options[i].name;
    }
    for (size_t i = 0; i < section_count; i++)
        known[count++] = sections[i];
    known[count] = NULL;
    return known;
}

enum ct_code ct_option_read_file(struct ct_option_set *set, const struct ct_yaml_node *root,
                                 const char *const *sections, struct ct_error *err)
{
    enum ct_code rc = ct_yaml_need_map(root, err);
    if (rc != CT_E_OK)
        return rc;

    const char **known = known_keys(set->program, sections);
    rc = ct_yaml_check_keys(root, known, err);
    free(known);
    for (size_t i = 0; rc == CT_E_OK && i < set->program->option_count; i++) {
        const struct ct_option *option = &set->program->options[i];
        const struct ct_yaml_node *node =
            option->not_in_file ? NULL : ct_yaml_find(root, option->name);

        if (node)
            rc = put_node(set, option, CT_OPTION_FROM_FILE, node, err);
    }
    return rc;
}

enum ct_code ct_option_read_node_as(struct ct_option_set *set, enum ct_option_source source,
                                    const struct ct_yaml_node *node, struct ct_error *err)
{
    const struct ct_option *option = find_name(set->program, ct_str_of(node->key));

    if (!option)
        return CT_E_NOT_FOUND;
    return put_node(set, option, source, node, err);
}

enum ct_code ct_option_read_node(struct ct_option_set *set, const struct ct_yaml_node *node,
                                 struct ct_error *err)
{
    return ct_option_read_node_as(set, CT_OPTION_FROM_FILE, node, err);
}

static void inherit(struct ct_option_set *set, const struct ct_option *option,
                    const struct ct_option_set *from, const struct ct_option *same)
{
    void *field = (char *)set->settings + option->offset;
    const void *value = (const char *)from->settings + same->offset;

    ct_assert(option->kind == same->kind);
    switch (option->kind) {
    case CT_OPTION_STRING:
        free(*(char **)field);
        *(char **)field = *(char *const *)value ? ct_strdup(*(char *const *)value) : NULL;
        break;
    case CT_OPTION_INT:
    case CT_OPTION_DURATION_MS:
        *(int64_t *)field = *(const int64_t *)value;
        break;
    case CT_OPTION_BOOL:
        *(bool *)field = *(const bool *)value;
        break;
    case CT_OPTION_ENUM:
        *(int *)field = *(const int *)value;
        break;
    case CT_OPTION_LIST:
        option_list_copy(field, value);
        break;
    }
}

void ct_option_inherit(struct ct_option_set *set, const struct ct_option_set *from)
{
    for (size_t i = 0; i < set->program->option_count; i++) {
        const struct ct_option *option = &set->program->options[i];
        const struct ct_option *same = find_name(from->program, ct_str_of(option->name));

        if (same)
            inherit(set, option, from, same);
    }
}

bool ct_option_has(const struct ct_program *program, const char *name)
{
    return find_name(program, ct_str_of(name)) != NULL;
}

const char *ct_option_text(const struct ct_option_set *set, const char *name)
{
    const struct ct_option *option = find_name(set->program, ct_str_of(name));

    return option && option->kind == CT_OPTION_STRING ? *(const char *const *)field_of(set, option)
                                                      : NULL;
}

enum ct_option_source ct_option_source_of(const struct ct_option_set *set, const char *name)
{
    const struct ct_option *option = find_name(set->program, ct_str_of(name));

    ct_assert(option != NULL);
    return set->sources[option - set->program->options];
}
