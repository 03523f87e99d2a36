/* Tables and JSON; see the header. Write errors stay in the FILE: main checks it once at the end.
 */
#include "q/print.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/mem.h"
#include "q/text.h"

#define GAP        2
#define LABEL_SIZE 18 /* the longest, waiting-children, and a gap */

void print_table_init(struct print_table *table, const struct print_column *columns, size_t count)
{
    ct_assert(count <= PRINT_COLUMNS_MAX);
    *table = (struct print_table){.columns = columns, .column_count = count};
    ct_buf_init(&table->text);
    for (size_t i = 0; i < count; i++) {
        print_table_cell(table, ct_str_of(columns[i].title));
        print_table_style(table, PRINT_TITLE);
    }
}

void print_table_fini(struct print_table *table)
{
    ct_buf_free(&table->text);
    free(table->lens);
    free(table->styles);
    table->lens = NULL;
    table->styles = NULL;
}

void print_table_cell(struct print_table *table, struct ct_str text)
{
    size_t before = table->text.len;

    if (table->cell_count == table->cell_cap) {
        table->cell_cap = table->cell_cap ? 2 * table->cell_cap : 64;
        table->lens = ct_realloc(table->lens, table->cell_cap * sizeof *table->lens);
        table->styles = ct_realloc(table->styles, table->cell_cap);
    }
    text_append_shown(&table->text, text,
                      table->columns[table->cell_count % table->column_count].is_whole
                          ? TEXT_NO_LIMIT
                          : PRINT_CELL_MAX);
    table->styles[table->cell_count] = PRINT_PLAIN;
    table->lens[table->cell_count++] = table->text.len - before;
}

void print_table_style(struct print_table *table, enum print_style style)
{
    ct_assert(table->cell_count > 0);
    table->styles[table->cell_count - 1] = (unsigned char)style;
}

static void append_blanks(struct ct_buf *line, size_t count)
{
    while (count-- > 0)
        ct_buf_append_char(line, ' ');
}

/* The widest flexible column gives way until the table fits, or nothing is left to give. */
static void fit_columns(const struct print_table *table, size_t widths[], size_t width)
{
    size_t total = GAP * (table->column_count - 1);

    for (size_t i = 0; i < table->column_count; i++)
        total += table->columns[i].is_whole ? 0 : widths[i];
    while (total > width) {
        size_t widest = SIZE_MAX;

        for (size_t i = 0; i < table->column_count; i++) {
            if (table->columns[i].is_flexible && widths[i] > PRINT_CELL_MIN &&
                (widest == SIZE_MAX || widths[i] > widths[widest]))
                widest = i;
        }
        if (widest == SIZE_MAX)
            return;
        widths[widest]--;
        total--;
    }
}

/* Sixteen colours that every terminal lets its user choose. */
static const char *const style_codes[] = {
    [PRINT_BAD] = "31",  [PRINT_GOOD] = "32", [PRINT_BUSY] = "36", [PRINT_LATER] = "33",
    [PRINT_HELD] = "35", [PRINT_FAINT] = "2", [PRINT_TITLE] = "1",
};

void print_append_styled(struct ct_buf *line, struct ct_str shown, enum print_style style)
{
    if (style == PRINT_PLAIN || shown.len == 0) {
        ct_buf_append_str(line, shown);
        return;
    }
    ct_buf_printf(line, "\x1b[%sm", style_codes[style]);
    ct_buf_append_str(line, shown);
    ct_buf_printf(line, "\x1b[0m");
}

static void append_cell(struct ct_buf *line, const struct print_column *column, struct ct_str text,
                        size_t width, enum print_style style)
{
    struct ct_buf cell;
    size_t used;

    ct_buf_init(&cell);
    used = text_append_shown(&cell, text, width);
    if (column->is_right)
        append_blanks(line, width - used);
    print_append_styled(line, ct_buf_str(&cell), style);
    append_blanks(line, (column->is_right ? 0 : width - used) + GAP);
    ct_buf_free(&cell);
}

/* Blanks at the end of a line only make it wrap. */
static void write_line(struct ct_buf *line, FILE *out)
{
    while (line->len > 0 && ct_buf_data(line)[line->len - 1] == ' ')
        line->len--;
    ct_buf_append_char(line, '\n');
    fwrite(ct_buf_data(line), 1, line->len, out);
    ct_buf_clear(line);
}

void print_table_write(const struct print_table *table, size_t width, FILE *out)
{
    size_t widths[PRINT_COLUMNS_MAX] = {0};
    struct ct_buf line;
    const char *text = ct_buf_data(&table->text);

    ct_buf_init(&line);
    for (size_t i = 0, at = 0; i < table->cell_count; at += table->lens[i++]) {
        size_t *column = &widths[i % table->column_count];
        size_t used;

        ct_buf_clear(&line);
        used = text_append_shown(&line, (struct ct_str){text + at, table->lens[i]}, TEXT_NO_LIMIT);
        *column = used > *column ? used : *column;
    }
    ct_buf_clear(&line);
    if (width > 0)
        fit_columns(table, widths, width);
    for (size_t i = 0, at = 0; i < table->cell_count; at += table->lens[i++]) {
        size_t column = i % table->column_count;

        append_cell(&line, &table->columns[column], (struct ct_str){text + at, table->lens[i]},
                    widths[column], table->has_color ? table->styles[i] : PRINT_PLAIN);
        if (column + 1 == table->column_count)
            write_line(&line, out);
    }
    ct_buf_free(&line);
}

size_t print_width(FILE *out)
{
    struct winsize size;

    if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

void print_line_styled(FILE *out, const char *label, struct ct_str value, size_t width,
                       enum print_style style)
{
    struct ct_buf shown, line;

    ct_buf_init(&shown);
    ct_buf_init(&line);
    text_append_shown(&shown, value,
                      width > LABEL_SIZE + PRINT_CELL_MIN ? width - LABEL_SIZE : TEXT_NO_LIMIT);
    print_append_styled(&line, ct_buf_str(&shown), style);
    fprintf(out, "%-*s%.*s\n", LABEL_SIZE, label, (int)line.len,
            line.len ? ct_buf_data(&line) : "");
    ct_buf_free(&line);
    ct_buf_free(&shown);
}

static void begin_value(struct print_json *json, const char *key)
{
    if (json->needs_comma)
        ct_buf_append_char(&json->text, ',');
    if (key) {
        text_append_json_string(&json->text, ct_str_of(key));
        ct_buf_append_char(&json->text, ':');
    }
    json->needs_comma = true;
}

void print_json_open(struct print_json *json, const char *key, char bracket)
{
    begin_value(json, key);
    ct_buf_append_char(&json->text, bracket);
    json->needs_comma = false;
}

void print_json_close(struct print_json *json, char bracket)
{
    ct_buf_append_char(&json->text, bracket);
    json->needs_comma = true;
}

void print_json_string(struct print_json *json, const char *key, struct ct_str text)
{
    begin_value(json, key);
    text_append_json_string(&json->text, text);
}

void print_json_int(struct print_json *json, const char *key, int64_t number)
{
    begin_value(json, key);
    ct_buf_append_int(&json->text, number);
}

void print_json_bool(struct print_json *json, const char *key, bool is_true)
{
    begin_value(json, key);
    ct_buf_printf(&json->text, "%s", is_true ? "true" : "false");
}

void print_json_null(struct print_json *json, const char *key)
{
    begin_value(json, key);
    ct_buf_printf(&json->text, "null");
}

bool print_json_value(struct print_json *json, const char *key, struct ct_str text)
{
    begin_value(json, key);
    return text_append_json(&json->text, text);
}

void print_json_flush(struct print_json *json, FILE *out)
{
    if (json->text.len > 0)
        fwrite(ct_buf_data(&json->text), 1, json->text.len, out);
    ct_buf_clear(&json->text);
}
