/* An HTML page with one table: stands alone, loads nothing, runs nothing, reads well in a mail and
 * on paper. All that comes from data is escaped. */
#include <string.h>

#include "table/format.h"

static const char page_style[] =
    "body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#222}"
    "table{border-collapse:collapse}"
    "th,td{padding:.3em .8em;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}"
    "th{border-bottom:2px solid #888}"
    ".n{text-align:right;font-variant-numeric:tabular-nums}"
    ".null{color:#aaa}";

static void put_escaped(struct sdk_string *out, const char *text, size_t len)
{
    size_t from = 0;

    for (size_t i = 0; i < len; i++) {
        const char *entity = text[i] == '&'   ? "&amp;"
                             : text[i] == '<' ? "&lt;"
                             : text[i] == '>' ? "&gt;"
                             : text[i] == '"' ? "&quot;"
                                              : NULL;

        if (!entity)
            continue;
        sdk_string_add(out, text + from, i - from);
        sdk_string_puts(out, entity);
        from = i + 1;
    }
    sdk_string_add(out, text + from, len - from);
}

static void html_begin(const struct table *table, struct sdk_string *out)
{
    const char *title = table->options->title;

    sdk_string_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<title>");
    put_escaped(out, title ? title : "Report", strlen(title ? title : "Report"));
    sdk_string_printf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n", page_style);
    if (title) {
        sdk_string_puts(out, "<h1>");
        put_escaped(out, title, strlen(title));
        sdk_string_puts(out, "</h1>\n");
    }
    sdk_string_puts(out, "<table>\n<thead><tr>");
    for (size_t i = 0; i < table->column_count; i++) {
        bool is_number = table->columns[i].kind == COLUMN_NUMBER;

        sdk_string_puts(out, is_number ? "<th class=\"n\">" : "<th>");
        put_escaped(out, table->columns[i].name, strlen(table->columns[i].name));
        sdk_string_puts(out, "</th>");
    }
    sdk_string_puts(out, "</tr></thead>\n<tbody>\n");
}

static void html_row(const struct table *table, const struct cell *cells, uint64_t index,
                     struct sdk_string *out)
{
    (void)index;
    sdk_string_puts(out, "<tr>");
    for (size_t i = 0; i < table->column_count; i++) {
        if (!cells[i].text) {
            sdk_string_puts(out, "<td class=\"null\">&ndash;</td>");
            continue;
        }
        sdk_string_puts(out, table->columns[i].kind == COLUMN_NUMBER ? "<td class=\"n\">" : "<td>");
        if (table->columns[i].kind == COLUMN_BOOLEAN)
            sdk_string_puts(out, cells[i].text[0] == 't' ? "yes" : "no");
        else
            put_escaped(out, cells[i].text, cells[i].len);
        sdk_string_puts(out, "</td>");
    }
    sdk_string_puts(out, "</tr>\n");
}

static void html_end(const struct table *table, uint64_t row_count, struct sdk_string *out)
{
    (void)table;
    sdk_string_puts(out, "</tbody>\n</table>\n");
    if (row_count == 0)
        sdk_string_puts(out, "<p>No rows.</p>\n");
    sdk_string_puts(out, "</body>\n</html>\n");
}

const struct format format_html = {"html",     "html",   "text/html; charset=utf-8",
                                   html_begin, html_row, html_end};
