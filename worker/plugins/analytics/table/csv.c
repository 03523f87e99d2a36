/* CSV as RFC 4180 has it: lines end with CR LF, what holds a delimiter, a quote or a line end is
 * quoted, a quote is doubled.
 *
 * Spreadsheets run a cell that begins like a formula, whoever wrote it. With guards_formulas such
 * texts get an apostrophe in front, which a spreadsheet takes for "this is text" and does not show;
 * numbers stay as they are, or no sum would come out right. */
#include <string.h>

#include "table/format.h"

#define CSV_BOM "\xef\xbb\xbf"

static bool needs_quotes(const struct cell *cell, char delimiter, const char *null_text)
{
    /* An empty text is no NULL, and must not be read as one. */
    if (cell->len == strlen(null_text) && memcmp(cell->text, null_text, cell->len) == 0)
        return true;
    for (size_t i = 0; i < cell->len; i++) {
        char c = cell->text[i];

        if (c == delimiter || c == '"' || c == '\r' || c == '\n')
            return true;
    }
    return cell->len > 0 && (cell->text[0] == ' ' || cell->text[cell->len - 1] == ' ');
}

/* `mark`: what comes first inside of the quotes. */
static void put_quoted(struct sdk_string *out, const char *mark, const char *text, size_t len)
{
    const char *end = text + len;

    sdk_string_add(out, "\"", 1);
    sdk_string_puts(out, mark);
    while (text < end) {
        const char *quote = memchr(text, '"', (size_t)(end - text));
        const char *stop = quote ? quote + 1 : end;

        sdk_string_add(out, text, (size_t)(stop - text));
        if (quote)
            sdk_string_add(out, "\"", 1);
        text = stop;
    }
    sdk_string_add(out, "\"", 1);
}

static bool is_formula(const struct cell *cell)
{
    return cell->len > 0 && strchr("=+-@\t\r", cell->text[0]) != NULL;
}

static void put_cell(const struct table *table, const struct cell *cell, bool is_text,
                     struct sdk_string *out)
{
    const struct format_options *options = table->options;

    if (!cell->text) {
        sdk_string_puts(out, options->null_text);
    } else if (is_text && options->guards_formulas && is_formula(cell)) {
        put_quoted(out, "'", cell->text, cell->len);
    } else if (needs_quotes(cell, options->delimiter, options->null_text)) {
        put_quoted(out, "", cell->text, cell->len);
    } else {
        sdk_string_add(out, cell->text, cell->len);
    }
}

static void csv_row(const struct table *table, const struct cell *cells, uint64_t index,
                    struct sdk_string *out)
{
    (void)index;
    for (size_t i = 0; i < table->column_count; i++) {
        enum column_kind kind = table->columns[i].kind;

        if (i > 0)
            sdk_string_add(out, &table->options->delimiter, 1);
        put_cell(table, &cells[i], kind == COLUMN_TEXT || kind == COLUMN_JSON, out);
    }
    sdk_string_add(out, "\r\n", 2);
}

static void csv_begin(const struct table *table, struct sdk_string *out)
{
    if (table->options->has_bom)
        sdk_string_puts(out, CSV_BOM);
    if (!table->options->has_header)
        return;
    for (size_t i = 0; i < table->column_count; i++) {
        struct cell name = {table->columns[i].name, strlen(table->columns[i].name)};

        if (i > 0)
            sdk_string_add(out, &table->options->delimiter, 1);
        put_cell(table, &name, true, out);
    }
    sdk_string_add(out, "\r\n", 2);
}

static void csv_end(const struct table *table, uint64_t row_count, struct sdk_string *out)
{
    (void)table, (void)row_count, (void)out;
}

const struct format format_csv = {"csv",     "csv",   "text/csv; charset=utf-8",
                                  csv_begin, csv_row, csv_end};
