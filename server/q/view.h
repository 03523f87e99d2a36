/* What a command shows, described once: a verb names the fields of its rows, and each form of
 * --output comes from that: a table or a sheet, JSON, JSON lines, or nothing.
 *
 *   static const struct print_column columns[] = {
 *       {"id", .is_flexible = true},
 *       {"added", .is_right = true, .key = "timestamp"},
 *   };
 *
 *   view_list(&view, &settings->common.look, columns, sizeof columns / sizeof *columns);
 *   while (...) {
 *       view_row(&view);
 *       view_text(&view, "id", job->id);                  a cell and a member
 *       view_moment(&view, "timestamp", job->added_ms);   "3 min ago" and 1764000000000
 *       view_text(&view, "data", job->data);              a member: no column has its key
 *       view_row_end(&view);
 *   }
 *   view_end(&view);                                      what is left goes to stdout
 *   view_close(&view);
 *
 * JSON is written as it comes, a table at the end. Without view_end (after an error) the rest is
 * not written: half a list does not look like a whole. */
#ifndef Q_VIEW_H
#define Q_VIEW_H

#include "q/look.h"
#include "q/print.h"

#define VIEW_FLUSH_BYTES (64u << 10) /* JSON that is kept at the most, and one row */

struct view {
    struct look look;
    enum { VIEW_LIST, VIEW_SHEET, VIEW_MEMBERS, VIEW_REPORT } kind;
    const struct print_column *columns; /* borrowed */
    size_t column_count;
    int64_t row_count;
    /* --- table --- */
    struct print_table table;
    struct ct_buf cells[PRINT_COLUMNS_MAX]; /* of the row under way */
    enum print_style styles[PRINT_COLUMNS_MAX];
    /* --- JSON --- */
    struct print_json json;
};

/* Rows: a table; a JSON array; a JSON object a line. */
void view_list(struct view *view, const struct look_settings *settings,
               const struct print_column *columns, size_t column_count);
/* One thing: lines "label  value"; a JSON object. The label of a field is the title of the column
 * with its key, else the key. */
void view_sheet(struct view *view, const struct look_settings *settings,
                const struct print_column *labels, size_t label_count);
/* The same where people get something else than a sheet, by view_line or by the verb itself. */
void view_members(struct view *view, const struct look_settings *settings);
/* What was done to several things, and sums: a JSON object with the rows in the member `key`, the
 * fields behind view_totals beside it; as JSON lines the last line. No table: its words are the
 * verb's. */
void view_report(struct view *view, const struct look_settings *settings, const char *key);
void view_totals(struct view *view);

/* A row that is only a text: a line as it is, made safe, at once; a string of a list. */
void view_line(struct view *view, struct ct_str text);
/* Hands what there is of JSON to stdout, for who reads along. */
void view_flush(struct view *view);

void view_row(struct view *view);
void view_row_end(struct view *view);
/* Writes what is left; not after an error. */
void view_end(struct view *view);
void view_close(struct view *view);

/* --- fields: a member of JSON, and a cell or a line where one has the key; NULL: in an array ---
 */

void view_text(struct view *view, const char *key, struct ct_str text);
/* The same, coloured as a state. */
void view_state(struct view *view, const char *key, struct ct_str state);
void view_number(struct view *view, const char *key, int64_t number);
/* A number of jobs in this state, which is the key: coloured as the state, faint when it is 0. */
void view_count(struct view *view, const char *state, int64_t count);
void view_bool(struct view *view, const char *key, bool is_true);
/* 0: none, an empty cell and null. */
void view_moment(struct view *view, const char *key, int64_t at_ms);
/* Bytes: "512 KiB", and their number. */
void view_bytes(struct view *view, const char *key, int64_t bytes);
/* JSON that was stored: itself, or a string with what is none. */
void view_value(struct view *view, const char *key, struct ct_str json);
void view_null(struct view *view, const char *key);
/* Members between them belong to an object or array in JSON. */
void view_group(struct view *view, const char *key, char bracket);
void view_group_end(struct view *view, char bracket);

/* --- for one form only --- */

/* Whether tables and sheets are shown. */
bool view_is_table(const struct view *view);
/* Where members go; NULL: no JSON is shown. */
struct print_json *view_json(struct view *view);
/* A cell of a table, a line of a sheet: what people want and programs work out themselves. */
void view_cell(struct view *view, const char *key, struct ct_str text, enum print_style style);

#endif
