/* JSON: an array of objects, or an object a line. Numbers keep every digit that the database wrote;
 * those that no JSON number can be (NaN, Infinity), or no reader's double (1e400), are texts. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table/format.h"

#define NUMBER_MAX 400u /* bytes of a number; longer ones are texts */

void format_json_text(struct sdk_string *out, const char *text, size_t len)
{
    size_t from = 0;

    sdk_string_add(out, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        char escaped[8] = {'\\', (char)c};

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        sdk_string_add(out, text + from, i - from);
        from = i + 1;
        if (c == '"' || c == '\\')
            sdk_string_add(out, escaped, 2);
        else if (c == '\n')
            sdk_string_puts(out, "\\n");
        else
            sdk_string_printf(out, "\\u%04x", c);
    }
    sdk_string_add(out, text + from, len - from);
    sdk_string_add(out, "\"", 1);
}

/* PostgreSQL writes numbers as JSON does, but for NaN and the infinities. */
static bool is_json_number(const struct cell *cell)
{
    char text[NUMBER_MAX + 1];

    if (cell->len == 0 || cell->len > NUMBER_MAX)
        return false;
    memcpy(text, cell->text, cell->len);
    text[cell->len] = '\0';
    return strspn(text, "+-.0123456789eE") == cell->len && isfinite(strtod(text, NULL));
}

static void put_value(struct sdk_string *out, enum column_kind kind, const struct cell *cell)
{
    if (!cell->text)
        sdk_string_puts(out, "null");
    else if (kind == COLUMN_BOOLEAN)
        sdk_string_puts(out, cell->text[0] == 't' ? "true" : "false");
    else if (kind == COLUMN_JSON || (kind == COLUMN_NUMBER && is_json_number(cell)))
        sdk_string_add(out, cell->text, cell->len);
    else
        format_json_text(out, cell->text, cell->len);
}

void format_object(const struct column *columns, size_t count, const struct cell *cells,
                   struct sdk_string *out)
{
    sdk_string_add(out, "{", 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            sdk_string_add(out, ",", 1);
        format_json_text(out, columns[i].name, strlen(columns[i].name));
        sdk_string_add(out, ":", 1);
        put_value(out, columns[i].kind, &cells[i]);
    }
    sdk_string_add(out, "}", 1);
}

static void json_begin(const struct table *table, struct sdk_string *out)
{
    (void)table;
    sdk_string_add(out, "[", 1);
}

static void json_row(const struct table *table, const struct cell *cells, uint64_t index,
                     struct sdk_string *out)
{
    sdk_string_puts(out, index > 0 ? ",\n" : "\n");
    format_object(table->columns, table->column_count, cells, out);
}

static void json_end(const struct table *table, uint64_t row_count, struct sdk_string *out)
{
    (void)table;
    sdk_string_puts(out, row_count > 0 ? "\n]\n" : "]\n");
}

static void ndjson_begin(const struct table *table, struct sdk_string *out)
{
    (void)table, (void)out;
}

/* A jsonb or json value may hold line ends between its parts, and a line is an object. */
static void ndjson_row(const struct table *table, const struct cell *cells, uint64_t index,
                       struct sdk_string *out)
{
    size_t from = out->len;

    (void)index;
    format_object(table->columns, table->column_count, cells, out);
    for (size_t i = from; i < out->len; i++) {
        if (out->bytes[i] == '\n' || out->bytes[i] == '\r')
            out->bytes[i] = ' ';
    }
    sdk_string_add(out, "\n", 1);
}

static void ndjson_end(const struct table *table, uint64_t row_count, struct sdk_string *out)
{
    (void)table, (void)row_count, (void)out;
}

const struct format format_json = {"json",     "json",   "application/json",
                                   json_begin, json_row, json_end};
const struct format format_ndjson = {"ndjson",     "ndjson",   "application/x-ndjson",
                                     ndjson_begin, ndjson_row, ndjson_end};
