/* A manual page (roff, with the man macros) from the same table that reads the options and makes
 * --help. Called by option_help.c for --man; only prints. */
#include <ctype.h>
#include <string.h>

#include "common/buf.h"
#include "common/option.h"
#include "common/option_help.h"

/* One line of text: nothing in it is a command of roff, and a hyphen is a minus, as it is typed. */
static void put_text(FILE *out, const char *text, size_t len)
{
    if (len > 0 && (text[0] == '.' || text[0] == '\''))
        fputs("\\&", out);
    for (size_t i = 0; i < len; i++) {
        switch (text[i]) {
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '"':
            fputs("\\(dq", out);
            break;
        case '^':
            fputs("\\(ha", out);
            break;
        case '~':
            fputs("\\(ti", out);
            break;
        case '`':
            fputs("\\(ga", out);
            break;
        case '\'':
            fputs("\\(aq", out);
            break;
        default:
            fputc(text[i], out);
        }
    }
}

static void put_line(FILE *out, const char *text, size_t len)
{
    put_text(out, text, len);
    fputc('\n', out);
}

/* Each line of `text` as a line of roff. */
static void put_lines(FILE *out, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");

        put_line(out, text, len);
        text += len + (text[len] == '\n');
    }
}

static void put_heading(FILE *out, const char *text, size_t len)
{
    fputs(".SH \"", out);
    for (size_t i = 0; i < len; i++) {
        char c = (char)toupper((unsigned char)text[i]);
        put_text(out, &c, 1);
    }
    fputs("\"\n", out);
}

static void put_option(FILE *out, const struct ct_option *option)
{
    struct ct_buf text;

    ct_buf_init(&text);
    fputs(".TP\n.B ", out);
    option_append_flag(&text, option);
    ct_buf_append_char(&text, '\0');
    put_lines(out, ct_buf_data(&text));
    ct_buf_clear(&text);
    ct_buf_printf(&text, "%s", option->help);
    option_append_facts(&text, option);
    ct_buf_append_char(&text, '\0');
    put_lines(out, ct_buf_data(&text));
    ct_buf_free(&text);
}

static void put_options(FILE *out, const struct ct_program *program)
{
    put_heading(out, "Options", 7);
    for (size_t i = 0; i < program->option_count; i++) {
        const struct ct_option *option = &program->options[i];

        if (option->group) {
            fputs(".SS \"", out);
            put_text(out, option->group, strlen(option->group));
            fputs("\"\n", out);
        }
        if (option->help)
            put_option(out, option);
    }
    fputs(".SS Other\n.TP\n.B \\-h, \\-\\-help\nPrint the options.\n"
          ".TP\n.B \\-\\-man\nPrint this page.\n",
          out);
    if (program->version)
        fputs(".TP\n.B \\-\\-version\nPrint the version.\n", out);
}

/* "cartrita-q queue ls" has the page cartrita-q-queue-ls. */
static void put_page_name(FILE *out, const struct ct_program *program)
{
    for (const char *c = program->name; *c; c++)
        put_text(out, *c == ' ' ? "-" : c, 1);
}

/* The first sentence is what `apropos` shows. */
static void put_name(FILE *out, const struct ct_program *program)
{
    const char *about = program->about ? program->about : "";
    size_t len = strcspn(about, ".;:\n");

    put_heading(out, "Name", 4);
    put_page_name(out, program);
    fputs(" \\- ", out);
    put_text(out, about, len);
    fputc('\n', out);
}

/* "Exit status:" */
static bool is_heading(const char *line, size_t len)
{
    return len > 1 && line[len - 1] == ':' && isupper((unsigned char)line[0]) &&
           !memchr(line, '.', len);
}

/* "  2  wrong usage" is a word and what it means; any other indented line stays as it is. */
static void put_indented(FILE *out, const char *line, size_t len)
{
    const char *word = line + strspn(line, " ");
    const char *end = line + len;
    const char *gap = word;

    while (gap + 1 < end && !(gap[0] == ' ' && gap[1] == ' '))
        gap++;
    if (gap + 1 < end) {
        const char *text = gap + strspn(gap, " ");

        fputs(".TP\n.B ", out);
        put_line(out, word, (size_t)(gap - word));
        put_line(out, text, (size_t)(end - text));
    } else {
        fputs(".nf\n", out);
        put_line(out, line, len);
        fputs(".fi\n", out);
    }
}

/* Paragraphs, and sections where a line of it looks like the head of one. */
static void put_footer(FILE *out, const char *text)
{
    bool is_begun = false;

    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        if (is_heading(text, len))
            put_heading(out, text, len - 1);
        else if (!is_begun)
            put_heading(out, "Notes", 5);
        if (len == 0 && is_begun && text[1] != '\0' &&
            !is_heading(text + 1, strcspn(text + 1, "\n")))
            fputs(".PP\n", out);
        else if (text[0] == ' ')
            put_indented(out, text, len);
        else if (len > 0 && !is_heading(text, len))
            put_line(out, text, len);
        is_begun = true;
    }
}

static void put_see_also(FILE *out, const struct ct_program *program)
{
    static const char *const pages[] = {"cartrita-queued", "cartrita-worker", "cartrita-q"};
    const char *gap = "";

    put_heading(out, "See also", 8);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(pages[i], program->name) == 0)
            continue;
        fprintf(out, "%s.BR ", gap);
        put_text(out, pages[i], strlen(pages[i]));
        fputs(" (1)", out);
        gap = ",\n";
    }
    fputc('\n', out);
}

void ct_option_print_man(const struct ct_program *program, FILE *out)
{
    const char *usage = program->usage ? program->usage : "[OPTION]...";

    fputs(".TH \"", out);
    put_page_name(out, program);
    fprintf(out, "\" 1 \"\" \"Cartrita %s\" \"Cartrita\"\n",
            program->version ? program->version : "");
    fputs(".nh\n.ad l\n", out);
    put_name(out, program);
    put_heading(out, "Synopsis", 8);
    fputs(".B ", out);
    put_text(out, program->name, strlen(program->name));
    fputc('\n', out);
    put_lines(out, usage);
    if (program->about) {
        put_heading(out, "Description", 11);
        put_lines(out, program->about);
    }
    put_options(out, program);
    if (program->footer)
        put_footer(out, program->footer);
    put_see_also(out, program);
}
