/* Frames of top. A terminal that is too narrow for all columns gets the more important ones; what
 * jobs hold passes text.h. */
#include <string.h>
#include <time.h>

#include "q/print.h"
#include "q/text.h"
#include "q/top.h"

#define GAP       2
#define NAME_MIN  10
#define ROWS_USED 3 /* head, titles, keys */

enum column { QUEUE, STATE, WORKERS, WAITING, ACTIVE, DELAYED, FAILED, DONE, IN, OUT, OLDEST };
enum job_column { ID, NAME, ADDED, ATTEMPTS, DETAIL };

/* `width` 0: takes what is left. `rank`: those of the highest rank go first when room is short. */
struct column_kind {
    const char *title;
    size_t width;
    bool is_right;
    int rank;
};

static const struct column_kind queue_columns[] = {
    [QUEUE] = {"queue", 0, false, 0},    [STATE] = {"state", 6, false, 7},
    [WORKERS] = {"workers", 7, true, 8}, [WAITING] = {"waiting", 8, true, 1},
    [ACTIVE] = {"active", 7, true, 2},   [DELAYED] = {"delayed", 8, true, 5},
    [FAILED] = {"failed", 7, true, 3},   [DONE] = {"completed", 9, true, 10},
    [IN] = {"in/s", 7, true, 6},         [OUT] = {"out/s", 7, true, 4},
    [OLDEST] = {"oldest", 7, true, 9},
};
#define QUEUE_COLUMNS (sizeof queue_columns / sizeof *queue_columns)

static const struct column_kind job_columns[] = {
    [ID] = {"id", 14, false, 1},        [NAME] = {"name", 14, false, 2},
    [ADDED] = {"added", 11, true, 4},   [ATTEMPTS] = {"attempts", 8, true, 3},
    [DETAIL] = {"detail", 0, false, 0},
};
#define JOB_COLUMNS (sizeof job_columns / sizeof *job_columns)
#define COLUMNS_MAX 16
_Static_assert(QUEUE_COLUMNS <= COLUMNS_MAX && JOB_COLUMNS <= COLUMNS_MAX, "layout has room");

/* Widths of the columns in this frame; is_shown false: no room. */
struct layout {
    const struct column_kind *kinds;
    size_t count, width;
    bool is_shown[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
};

static size_t taken(const struct layout *layout)
{
    size_t sum = 0;

    for (size_t i = 0; i < layout->count; i++) {
        if (layout->is_shown[i])
            sum += GAP + (layout->kinds[i].width ? layout->kinds[i].width : NAME_MIN);
    }
    return sum - GAP;
}

static void lay_out(struct layout *layout, const struct column_kind *kinds, size_t count,
                    size_t width)
{
    *layout = (struct layout){.kinds = kinds, .count = count, .width = width};
    for (size_t i = 0; i < count; i++) {
        layout->is_shown[i] = true;
        layout->widths[i] = kinds[i].width;
    }
    for (int rank = COLUMNS_MAX; rank > 0 && taken(layout) > width; rank--) {
        for (size_t i = 0; i < count; i++)
            layout->is_shown[i] = layout->is_shown[i] && kinds[i].rank != rank;
    }
    for (size_t i = 0; i < count; i++) {
        if (kinds[i].width == 0)
            layout->widths[i] = taken(layout) < width ? NAME_MIN + width - taken(layout) : NAME_MIN;
    }
    if (taken(layout) > width) /* one column is left, and even that is too wide */
        for (size_t i = 0; i < count; i++)
            layout->widths[i] = layout->widths[i] < width ? layout->widths[i] : width;
}

static void append_blanks(struct ct_buf *line, size_t count)
{
    while (count-- > 0)
        ct_buf_append_char(line, ' ');
}

static void append_cell(struct ct_buf *line, const struct layout *layout, size_t column,
                        struct ct_str text, enum print_style style)
{
    struct ct_buf cell;
    size_t used, width = layout->widths[column];

    if (!layout->is_shown[column])
        return;
    ct_buf_init(&cell);
    used = text_append_shown(&cell, text, width);
    if (line->len > 0)
        append_blanks(line, GAP);
    if (layout->kinds[column].is_right)
        append_blanks(line, width - used);
    print_append_styled(line, ct_buf_str(&cell), style);
    if (!layout->kinds[column].is_right)
        append_blanks(line, width - used);
    ct_buf_free(&cell);
}

/* --- rows ----------------------------------------------------------------------------------- */

struct row {
    struct ct_buf line;
    const struct layout *layout;
    bool has_color; /* a row that is selected has none */
    struct ct_buf text;
};

static void put(struct row *row, size_t column, enum print_style style)
{
    append_cell(&row->line, row->layout, column, ct_buf_str(&row->text),
                row->has_color ? style : PRINT_PLAIN);
    ct_buf_clear(&row->text);
}

static void put_count(struct row *row, size_t column, int64_t number, const char *state)
{
    if (number >= 0)
        ct_buf_append_int(&row->text, number);
    put(row, column, number > 0 ? look_state_style(ct_str_of(state)) : PRINT_FAINT);
}

static void put_rate(struct row *row, size_t column, double rate)
{
    if (rate >= 0)
        ct_buf_printf(&row->text, rate < 100 ? "%.1f" : "%.0f", rate);
    put(row, column, PRINT_PLAIN);
}

static int64_t count_of(const struct top_queue *queue, const char *state)
{
    const struct inspector *inspector = queue->dialect->inspector;

    for (uint32_t i = 0; i < inspector->state_count; i++) {
        if (strcmp(inspector->states[i].name, state) == 0)
            return queue->counts.jobs[i];
    }
    return 0;
}

static void write_queue(const struct top_queue *queue, struct row *row)
{
    bool is_held = queue->counts.is_paused;

    ct_buf_append(&row->text, queue->name, strlen(queue->name));
    put(row, QUEUE, PRINT_PLAIN);
    ct_buf_printf(&row->text, "%s", queue->err.code != CT_E_OK ? "error" : is_held ? "paused" : "");
    put(row, STATE, queue->err.code != CT_E_OK ? PRINT_BAD : PRINT_HELD);
    put_count(row, WORKERS, queue->workers, "");
    put_count(row, WAITING, inspect_ready_count(queue->dialect->inspector, &queue->counts),
              "waiting");
    put_count(row, ACTIVE, count_of(queue, "active"), "active");
    put_count(row, DELAYED, count_of(queue, "delayed"), "delayed");
    put_count(row, FAILED, count_of(queue, "failed"), "failed");
    put_count(row, DONE, count_of(queue, "completed"), "completed");
    put_rate(row, IN, queue->in);
    put_rate(row, OUT, queue->out);
    if (queue->backlog.waiting > 0)
        text_append_duration(&row->text, queue->backlog.oldest_ms);
    put(row, OLDEST, PRINT_PLAIN);
}

static void write_job(const struct top *top, const struct top_job *job, struct row *row)
{
    ct_buf_append(&row->text, job->id, strlen(job->id));
    put(row, ID, PRINT_PLAIN);
    ct_buf_append(&row->text, job->name, strlen(job->name));
    put(row, NAME, PRINT_PLAIN);
    if (job->added_ms > 0)
        look_append_moment(&top->look, &row->text, job->added_ms);
    put(row, ADDED, PRINT_PLAIN);
    ct_buf_append_int(&row->text, job->attempts);
    put(row, ATTEMPTS, PRINT_PLAIN);
    ct_buf_append(&row->text, job->detail, strlen(job->detail));
    put(row, DETAIL, PRINT_PLAIN);
}

static void write_titles(struct row *row, bool has_color)
{
    row->has_color = has_color;
    for (size_t i = 0; i < row->layout->count; i++) {
        ct_buf_printf(&row->text, "%s", row->layout->kinds[i].title);
        put(row, i, PRINT_TITLE);
    }
}

/* --- the lines around ----------------------------------------------------------------------- */

static void append_fitted(struct ct_buf *line, const struct ct_buf *text, size_t width)
{
    text_append_shown(line, ct_buf_str(text), width);
}

static void write_head(const struct top *top, struct ct_buf *text)
{
    const struct inspector *inspector = top->session->inspector;
    time_t seconds = (time_t)(top->look.now_ms / 1000);
    struct tm local = {0};
    char clock[16];

    localtime_r(&seconds, &local);
    strftime(clock, sizeof clock, "%H:%M:%S", &local);
    if (top->err.code != CT_E_OK)
        ct_buf_printf(text, "%s  trying again: %s", clock, top->err.detail);
    else if (top->is_open)
        ct_buf_printf(text, "%s  %s: %s, %lld jobs", clock, top->queues[top->selected].name,
                      inspector->states[top->state].name, (long long)top->total);
    else
        ct_buf_printf(text, "%s  %zu queue%s under \"%s\"", clock, top->count,
                      top->count == 1 ? "" : "s", top->session->settings->prefix);
}

static void write_keys(const struct top *top, struct ct_buf *text)
{
    if (top->message.len > 0)
        ct_buf_append_str(text, ct_buf_str(&top->message));
    else if (top->is_open)
        ct_buf_printf(text, "Esc back  Left/Right state  Up/Down  R retry  X remove  q quit");
    else
        ct_buf_printf(text, "Enter jobs  Up/Down  p pause  r look for queues  q quit");
}

/* --- the whole ------------------------------------------------------------------------------ */

size_t top_rows(const struct screen *screen)
{
    return screen->height > ROWS_USED ? screen->height - ROWS_USED : 1;
}

/* Keeps the selected row on the screen. */
static void scroll(struct top *top, size_t rows)
{
    if (top->selected < top->first)
        top->first = top->selected;
    if (top->selected >= top->first + rows)
        top->first = top->selected - rows + 1;
    if (top->first + rows > top->count)
        top->first = top->count > rows ? top->count - rows : 0;
}

static void draw_row(struct top *top, struct screen *screen, const struct layout *layout, size_t i,
                     bool is_selected)
{
    struct row row = {.layout = layout, .has_color = top->look.has_color && !is_selected};

    if (is_selected)
        ct_buf_printf(&row.line, "\x1b[7m");
    struct row cells = {.layout = layout, .has_color = row.has_color};
    if (top->is_open)
        write_job(top, &top->jobs[i], &cells);
    else
        write_queue(&top->queues[i], &cells);
    ct_buf_append_str(&row.line, ct_buf_str(&cells.line));
    screen_line(screen, ct_buf_str(&row.line));
    ct_buf_free(&row.line);
    ct_buf_free(&cells.line);
    ct_buf_free(&cells.text);
}

void top_draw(struct top *top, struct screen *screen)
{
    const size_t rows = top_rows(screen);
    struct layout layout;
    struct row titles = {.layout = &layout};
    struct ct_buf text, line;

    ct_buf_init(&text);
    ct_buf_init(&line);
    if (top->is_open)
        lay_out(&layout, job_columns, JOB_COLUMNS, screen->width);
    else
        lay_out(&layout, queue_columns, QUEUE_COLUMNS, screen->width);
    write_head(top, &text);
    append_fitted(&line, &text, screen->width);
    screen_line(screen, ct_buf_str(&line));
    write_titles(&titles, top->look.has_color);
    screen_line(screen, ct_buf_str(&titles.line));
    scroll(top, rows);
    if (top->is_open) {
        for (size_t i = 0; i < top->job_count && i < rows; i++)
            draw_row(top, screen, &layout, i, i == top->job_selected);
    } else {
        for (size_t i = top->first; i < top->count && i < top->first + rows; i++)
            draw_row(top, screen, &layout, i, i == top->selected);
    }
    ct_buf_clear(&text);
    ct_buf_clear(&line);
    write_keys(top, &text);
    append_fitted(&line, &text, screen->width);
    screen_bottom(screen, ct_buf_str(&line));
    screen_show(screen);
    ct_buf_free(&text);
    ct_buf_free(&line);
    ct_buf_free(&titles.line);
    ct_buf_free(&titles.text);
}

static void print_row(struct row *row)
{
    while (row->line.len > 0 && ct_buf_data(&row->line)[row->line.len - 1] == ' ')
        row->line.len--;
    printf("%.*s\n", (int)row->line.len, ct_buf_data(&row->line));
    ct_buf_clear(&row->line);
}

void top_print(struct top *top, size_t width)
{
    struct layout layout;
    struct row row = {.layout = &layout};

    lay_out(&layout, queue_columns, QUEUE_COLUMNS, width);
    write_head(top, &row.text);
    append_fitted(&row.line, &row.text, width);
    ct_buf_clear(&row.text);
    print_row(&row);
    write_titles(&row, false);
    print_row(&row);
    for (size_t i = 0; i < top->count; i++) {
        write_queue(&top->queues[i], &row);
        print_row(&row);
    }
    ct_buf_free(&row.line);
    ct_buf_free(&row.text);
}
