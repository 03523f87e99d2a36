/* Rows of a query as text: CSV, JSON, lines of JSON, an HTML page. Pure functions that append to a
 * text; called by report, export and index, who own where the text goes. */
#ifndef ANALYTICS_TABLE_FORMAT_H
#define ANALYTICS_TABLE_FORMAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cartrita/sdk/json.h"
#include "cartrita/sdk/text.h"

enum column_kind {
    COLUMN_TEXT,
    COLUMN_NUMBER,
    COLUMN_BOOLEAN, /* "t" or "f" */
    COLUMN_JSON,
    COLUMN_TIME, /* a date, or a date with a time of day, as ISO 8601 */
};

struct column {
    const char *name;
    enum column_kind kind;
};

/* As the database writes it. */
struct cell {
    const char *text; /* NULL: NULL */
    size_t len;
};

struct format_options {
    char delimiter;        /* of CSV */
    bool has_header;       /* of CSV */
    bool has_bom;          /* of CSV: spreadsheets then take it for UTF-8 */
    bool guards_formulas;  /* of CSV: see csv.c */
    const char *null_text; /* of CSV */
    const char *title;     /* of HTML; NULL: none */
};

#define FORMAT_OPTIONS                   \
    {                                    \
        ',', true, false, true, "", NULL \
    }

/* What is being written. All is borrowed. */
struct table {
    const struct column *columns;
    size_t column_count;
    const struct format_options *options;
};

struct format {
    const char *name, *extension, *media_type;
    void (*begin)(const struct table *table, struct sdk_string *out);
    /* `index`: of the row, from 0. */
    void (*row)(const struct table *table, const struct cell *cells, uint64_t index,
                struct sdk_string *out);
    void (*end)(const struct table *table, uint64_t row_count, struct sdk_string *out);
};

extern const struct format format_csv, format_json, format_ndjson, format_html;

/* The four by their name; NULL: there is none. */
const struct format *format_find(const char *name);
/* The member "csv" of `in`: delimiter, header, bom, guard, null; absent ones stay as they are in
 * `options`. Texts are borrowed from the JSON. */
bool format_read_csv(struct sdk_reader *in, struct format_options *options);

/* One row as a JSON object; the columns are its members. */
void format_object(const struct column *columns, size_t count, const struct cell *cells,
                   struct sdk_string *out);
/* `text` as a JSON string, with its quotes. */
void format_json_text(struct sdk_string *out, const char *text, size_t len);

#endif
