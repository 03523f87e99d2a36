/* The text of --help and --version, made from the same table that reads the options, so that it
 * cannot be wrong. Called by the programs; the only part of the options that prints. */
#include "common/option_help.h"

#include <string.h>

#define HELP_WIDTH  80
#define HELP_INDENT 8

/* Words of `text` in lines of HELP_WIDTH; a line break in the text stays one. */
static void print_wrapped(FILE *out, const char *text, int indent)
{
    while (*text) {
        int column = indent;

        fprintf(out, "%*s", indent, "");
        while (*text && *text != '\n') {
            size_t len = strcspn(text, " \n");

            if (column > indent && column + 1 + (int)len > HELP_WIDTH)
                break;
            if (column > indent)
                column += fprintf(out, " ");
            column += fprintf(out, "%.*s", (int)len, text);
            text += len;
            text += strspn(text, " ");
        }
        fputc('\n', out);
        text += *text == '\n';
    }
}

static const char *value_name_of(const struct ct_option *option)
{
    if (option->value_name)
        return option->value_name;
    switch (option->kind) {
    case CT_OPTION_INT:
        return "N";
    case CT_OPTION_DURATION_MS:
        return "DURATION";
    default:
        return "VALUE";
    }
}

void option_append_flag(struct ct_buf *buf, const struct ct_option *option)
{
    if (option->letter)
        ct_buf_printf(buf, "-%c, ", option->letter);
    ct_buf_printf(buf, "--%s", option->name);
    if (option->kind == CT_OPTION_ENUM) {
        for (int i = 0; option->choices[i]; i++)
            ct_buf_printf(buf, "%c%s", i ? '|' : ' ', option->choices[i]);
    } else if (option->kind != CT_OPTION_BOOL) {
        ct_buf_printf(buf, " %s", value_name_of(option));
    }
}

static void append_number(struct ct_buf *buf, const struct ct_option *option, int64_t number)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};

    if (option->kind == CT_OPTION_INT) {
        ct_buf_append_int(buf, number);
        return;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (number != 0 && number % units[i].ms == 0) {
            ct_buf_printf(buf, "%lld%s", (long long)(number / units[i].ms), units[i].name);
            return;
        }
    }
    ct_buf_printf(buf, "%lldms", (long long)number);
}

void option_append_facts(struct ct_buf *buf, const struct ct_option *option)
{
    const char *unit = option->unit ? option->unit : "";
    const char *blank = option->unit ? " " : "";

    if (option->kind == CT_OPTION_LIST)
        ct_buf_append_str(buf, CT_STR_LIT(" May be given more than once."));
    if (option->min != 0 || option->max != 0) {
        ct_buf_append_str(buf, CT_STR_LIT(" Range: "));
        append_number(buf, option, option->min);
        ct_buf_append_str(buf, CT_STR_LIT(" to "));
        append_number(buf, option, option->max);
        ct_buf_printf(buf, "%s%s.", blank, unit);
    }
    if (option->fallback)
        ct_buf_printf(buf, " Default: %s%s%s.", option->fallback, blank, unit);
    for (int i = 0; i < CT_OPTION_ENV_MAX && option->env[i]; i++)
        ct_buf_printf(buf, "%s%s", i ? ", then " : " Environment: ", option->env[i]);
    if (option->env[0])
        ct_buf_append_char(buf, '.');
}

static void print_option(FILE *out, const struct ct_option *option)
{
    struct ct_buf text;

    ct_buf_init(&text);
    option_append_flag(&text, option);
    fprintf(out, "  %.*s\n", (int)text.len, ct_buf_data(&text));
    ct_buf_clear(&text);
    ct_buf_printf(&text, "%s", option->help);
    option_append_facts(&text, option);
    ct_buf_append_char(&text, '\0');
    print_wrapped(out, ct_buf_data(&text), HELP_INDENT);
    ct_buf_free(&text);
}

void ct_option_print_help(const struct ct_program *program, FILE *out)
{
    fprintf(out, "Usage: %s %s\n", program->name, program->usage ? program->usage : "[OPTION]...");
    if (program->about) {
        fputc('\n', out);
        print_wrapped(out, program->about, 0);
    }
    for (size_t i = 0; i < program->option_count; i++) {
        const struct ct_option *option = &program->options[i];

        if (option->group || i == 0)
            fprintf(out, "\n%s:\n", option->group ? option->group : "Options");
        if (option->help)
            print_option(out, option);
    }
    fputs("\nOther:\n  -h, --help\n        Print this text.\n", out);
    fputs("  --man\n        Print the manual page, for `man -l -`.\n", out);
    if (program->version)
        fputs("  --version\n        Print the version.\n", out);
    if (program->footer) { /* as it is: examples keep their indents */
        size_t len = strlen(program->footer);
        fprintf(out, "\n%s%s", program->footer,
                len > 0 && program->footer[len - 1] == '\n' ? "" : "\n");
    }
}

bool ct_option_answer(const struct ct_option_set *set, FILE *out)
{
    if (set->wish == CT_OPTION_WISH_HELP)
        ct_option_print_help(set->program, out);
    else if (set->wish == CT_OPTION_WISH_MAN)
        ct_option_print_man(set->program, out);
    else if (set->wish == CT_OPTION_WISH_VERSION)
        fprintf(out, "%s %s\n", set->program->name, set->program->version);
    return set->wish != CT_OPTION_WISH_NONE;
}
