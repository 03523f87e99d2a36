/* What cartrita-q puts on stdout: tables for people, JSON for programs. Called by view.c, and by
 * the commands where a view does not do. All that comes from Redis passes text.h on its way. */
#ifndef Q_PRINT_H
#define Q_PRINT_H

#include <stdio.h>

#include "common/buf.h"

#define PRINT_COLUMNS_MAX 12
#define PRINT_CELL_MAX    80 /* columns of the longest cell where no terminal sets the width */
#define PRINT_CELL_MIN    12 /* a column is not made narrower to fit a terminal */

/* What a cell is like, said by its colour: jobs that failed, that are done, at work, due later. */
enum print_style {
    PRINT_PLAIN,
    PRINT_BAD,
    PRINT_GOOD,
    PRINT_BUSY,
    PRINT_LATER,
    PRINT_HELD,
    PRINT_FAINT,
    PRINT_TITLE,
};

/* Text that is fit to be shown already, in its colour. */
void print_append_styled(struct ct_buf *line, struct ct_str shown, enum print_style style);

/* --- tables --- */

struct print_column {
    const char *title;
    bool is_right;    /* numbers */
    bool is_flexible; /* gives way where the terminal is narrow */
    bool is_whole;    /* the last column: never cut, it may run over the end of the line */
    const char *key;  /* of the field in it (view.h); NULL: its title */
};

struct print_table {
    const struct print_column *columns; /* borrowed */
    size_t column_count;
    struct ct_buf text;    /* the cells, shown form, one after another */
    size_t *lens;          /* owned; bytes of each cell */
    unsigned char *styles; /* owned; enum print_style of each cell */
    size_t cell_count, cell_cap;
    bool has_color;
};

void print_table_init(struct print_table *table, const struct print_column *columns, size_t count);
void print_table_fini(struct print_table *table);
/* The next cell, row by row. */
void print_table_cell(struct print_table *table, struct ct_str text);
/* How the cell that came last looks. */
void print_table_style(struct print_table *table, enum print_style style);
/* `width`: columns to keep within; 0: none. */
void print_table_write(const struct print_table *table, size_t width, FILE *out);

/* Columns of the terminal behind `out`, 0 when it is none. */
size_t print_width(FILE *out);

/* One line "label  value" of a sheet about one thing; the value in colour, unless the style is
 * plain. */
void print_line_styled(FILE *out, const char *label, struct ct_str value, size_t width,
                       enum print_style style);

/* --- JSON --- */

/* Writes an object or array; `needs_comma` is kept by the functions. `key` NULL: in an array. */
struct print_json {
    struct ct_buf text;
    bool needs_comma;
};

void print_json_open(struct print_json *json, const char *key, char bracket);
void print_json_close(struct print_json *json, char bracket);
void print_json_string(struct print_json *json, const char *key, struct ct_str text);
void print_json_int(struct print_json *json, const char *key, int64_t number);
void print_json_bool(struct print_json *json, const char *key, bool is_true);
void print_json_null(struct print_json *json, const char *key);
/* `text` itself where it is JSON; a string with it otherwise, and false. */
bool print_json_value(struct print_json *json, const char *key, struct ct_str text);
/* Hands what is there to `out` and goes on. */
void print_json_flush(struct print_json *json, FILE *out);

#endif
