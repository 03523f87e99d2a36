/* See the header. A field knows its forms; a view knows which of them is wanted. */
#include "q/view.h"

#include <string.h>

#include "common/assert.h"
#include "q/text.h"

bool view_is_table(const struct view *view)
{
    return view->look.output == OUTPUT_TABLE;
}

static bool is_lines(const struct view *view)
{
    return view->look.output == OUTPUT_JSONL;
}

struct print_json *view_json(struct view *view)
{
    return view->look.output == OUTPUT_JSON || is_lines(view) ? &view->json : NULL;
}

/* --- the whole ------------------------------------------------------------------------------ */

static void start(struct view *view, const struct look_settings *settings,
                  const struct print_column *columns, size_t column_count)
{
    ct_assert(column_count <= PRINT_COLUMNS_MAX);
    *view = (struct view){.columns = columns, .column_count = column_count};
    look_init(&view->look, settings);
    for (size_t i = 0; i < PRINT_COLUMNS_MAX; i++)
        ct_buf_init(&view->cells[i]);
    ct_buf_init(&view->json.text);
}

void view_list(struct view *view, const struct look_settings *settings,
               const struct print_column *columns, size_t column_count)
{
    start(view, settings, columns, column_count);
    view->kind = VIEW_LIST;
    print_table_init(&view->table, columns, column_count);
    view->table.has_color = view->look.has_color;
    if (view->look.output == OUTPUT_JSON)
        print_json_open(&view->json, NULL, '[');
}

void view_sheet(struct view *view, const struct look_settings *settings,
                const struct print_column *labels, size_t label_count)
{
    start(view, settings, labels, label_count);
    view->kind = VIEW_SHEET;
    if (view_json(view))
        print_json_open(&view->json, NULL, '{');
}

void view_members(struct view *view, const struct look_settings *settings)
{
    view_sheet(view, settings, NULL, 0);
    view->kind = VIEW_MEMBERS;
}

void view_report(struct view *view, const struct look_settings *settings, const char *key)
{
    start(view, settings, NULL, 0);
    view->kind = VIEW_REPORT;
    if (view->look.output != OUTPUT_JSON)
        return;
    print_json_open(&view->json, NULL, '{');
    print_json_open(&view->json, key, '[');
}

void view_totals(struct view *view)
{
    if (view->look.output == OUTPUT_JSON)
        print_json_close(&view->json, ']');
    else if (is_lines(view))
        print_json_open(&view->json, NULL, '{');
}

static void end_line(struct view *view)
{
    ct_buf_append_char(&view->json.text, '\n');
    view->json.needs_comma = false;
}

static void keep_bounded(struct view *view)
{
    if (view->json.text.len >= VIEW_FLUSH_BYTES)
        print_json_flush(&view->json, stdout);
}

void view_line(struct view *view, struct ct_str text)
{
    struct ct_buf line;

    view->row_count++;
    if (view_json(view)) {
        print_json_string(&view->json, NULL, text);
        if (is_lines(view))
            end_line(view);
        keep_bounded(view);
    } else if (view_is_table(view)) {
        ct_buf_init(&line);
        text_append_shown(&line, text, TEXT_NO_LIMIT);
        ct_buf_append_char(&line, '\n');
        fwrite(ct_buf_data(&line), 1, line.len, stdout);
        ct_buf_free(&line);
    }
}

void view_flush(struct view *view)
{
    print_json_flush(&view->json, stdout);
    fflush(stdout);
}

void view_row(struct view *view)
{
    if (view_json(view))
        print_json_open(&view->json, NULL, '{');
}

void view_row_end(struct view *view)
{
    view->row_count++;
    if (view_json(view))
        print_json_close(&view->json, '}');
    if (is_lines(view))
        end_line(view);
    keep_bounded(view);
    if (!view_is_table(view) || view->kind != VIEW_LIST)
        return;
    for (size_t i = 0; i < view->column_count; i++) {
        print_table_cell(&view->table, ct_buf_str(&view->cells[i]));
        print_table_style(&view->table, view->styles[i]);
        view->styles[i] = PRINT_PLAIN;
        ct_buf_clear(&view->cells[i]);
    }
}

void view_end(struct view *view)
{
    if (view_is_table(view) && view->kind == VIEW_LIST && view->column_count > 0 &&
        view->row_count > 0)
        print_table_write(&view->table, view->look.width, stdout);
    if (!view_json(view))
        return;
    if (view->kind != VIEW_LIST)
        print_json_close(&view->json, '}');
    else if (!is_lines(view))
        print_json_close(&view->json, ']');
    if (view->kind != VIEW_LIST || !is_lines(view))
        end_line(view);
    print_json_flush(&view->json, stdout);
}

void view_close(struct view *view)
{
    print_table_fini(&view->table);
    ct_buf_free(&view->json.text);
    for (size_t i = 0; i < PRINT_COLUMNS_MAX; i++)
        ct_buf_free(&view->cells[i]);
}

/* --- fields --------------------------------------------------------------------------------- */

static const char *key_of(const struct print_column *column)
{
    return column->key ? column->key : column->title;
}

/* The column with the key; NULL: none. */
static const struct print_column *find_column(const struct view *view, const char *key)
{
    for (size_t i = 0; i < view->column_count; i++) {
        if (strcmp(key_of(&view->columns[i]), key) == 0)
            return &view->columns[i];
    }
    return NULL;
}

void view_cell(struct view *view, const char *key, struct ct_str text, enum print_style style)
{
    const struct print_column *column;

    if (!view_is_table(view) || view->kind == VIEW_REPORT || view->kind == VIEW_MEMBERS || !key)
        return;
    column = find_column(view, key);
    if (view->kind == VIEW_SHEET) {
        print_line_styled(stdout, column ? column->title : key, text, view->look.width,
                          view->look.has_color ? style : PRINT_PLAIN);
    } else if (column) {
        struct ct_buf *cell = &view->cells[column - view->columns];

        ct_buf_clear(cell);
        ct_buf_append_str(cell, text);
        view->styles[column - view->columns] = style;
    }
}

void view_text(struct view *view, const char *key, struct ct_str text)
{
    if (view_json(view))
        print_json_string(&view->json, key, text);
    view_cell(view, key, text, PRINT_PLAIN);
}

void view_state(struct view *view, const char *key, struct ct_str state)
{
    if (view_json(view))
        print_json_string(&view->json, key, state);
    view_cell(view, key, state, look_state_style(state));
}

static void number_cell(struct view *view, const char *key, int64_t number, enum print_style style)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)number);

    if (view_json(view))
        print_json_int(&view->json, key, number);
    view_cell(view, key, (struct ct_str){text, (size_t)len}, style);
}

void view_number(struct view *view, const char *key, int64_t number)
{
    number_cell(view, key, number, PRINT_PLAIN);
}

void view_count(struct view *view, const char *state, int64_t count)
{
    number_cell(view, state, count, count == 0 ? PRINT_FAINT : look_state_style(ct_str_of(state)));
}

void view_bool(struct view *view, const char *key, bool is_true)
{
    if (view_json(view))
        print_json_bool(&view->json, key, is_true);
    view_cell(view, key, is_true ? CT_STR_LIT("yes") : CT_STR_LIT("no"), PRINT_PLAIN);
}

void view_moment(struct view *view, const char *key, int64_t at_ms)
{
    struct ct_buf text;

    if (view_json(view) && at_ms > 0)
        print_json_int(&view->json, key, at_ms);
    else if (view_json(view))
        print_json_null(&view->json, key);
    if (at_ms <= 0 || !view_is_table(view))
        return;
    ct_buf_init(&text);
    if (view->kind == VIEW_SHEET)
        look_append_moment_long(&view->look, &text, at_ms);
    else
        look_append_moment(&view->look, &text, at_ms);
    view_cell(view, key, ct_buf_str(&text), PRINT_PLAIN);
    ct_buf_free(&text);
}

void view_bytes(struct view *view, const char *key, int64_t bytes)
{
    struct ct_buf text;

    ct_buf_init(&text);
    text_append_bytes(&text, bytes);
    if (view_json(view))
        print_json_int(&view->json, key, bytes);
    view_cell(view, key, ct_buf_str(&text), PRINT_PLAIN);
    ct_buf_free(&text);
}

void view_value(struct view *view, const char *key, struct ct_str json)
{
    if (view_json(view))
        print_json_value(&view->json, key, json);
    view_cell(view, key, json, PRINT_PLAIN);
}

void view_null(struct view *view, const char *key)
{
    if (view_json(view))
        print_json_null(&view->json, key);
}

void view_group(struct view *view, const char *key, char bracket)
{
    if (view_json(view))
        print_json_open(&view->json, key, bracket);
}

void view_group_end(struct view *view, char bracket)
{
    if (view_json(view))
        print_json_close(&view->json, bracket);
}
