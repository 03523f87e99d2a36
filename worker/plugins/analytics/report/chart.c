/* Rows become points. See chart.h. */
#include "report/chart.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NO_COLUMN  SIZE_MAX
#define WORDS_MAX  1000u
#define NUMBER_MAX 64u

static const char *const type_words[] = {"line", "bar", NULL};

bool chart_read(struct sdk_reader *data, const char *title, struct chart *chart)
{
    static const char *const members[] = {"type",   "width",  "height", "x", "y",
                                          "series", "xLabel", "yLabel", NULL};
    struct sdk_reader in = sdk_reader_in(data, "chart");
    struct chart_wish *wish = &chart->wish;
    const json_t *list;

    sdk_reader_only(&in, members);
    wish->title = title;
    wish->type = (enum chart_type)sdk_choice(&in, "type", type_words, CHART_LINE);
    wish->width = (int)sdk_integer(&in, "width", 900, CHART_SIDE_MIN, CHART_SIDE_MAX);
    wish->height = (int)sdk_integer(&in, "height", 500, CHART_SIDE_MIN, CHART_SIDE_MAX);
    wish->x = sdk_text(&in, "x", NULL, CHART_TEXT_MAX);
    wish->series = sdk_text(&in, "series", NULL, CHART_TEXT_MAX);
    wish->x_label = sdk_text(&in, "xLabel", NULL, CHART_TEXT_MAX);
    wish->y_label = sdk_text(&in, "yLabel", NULL, CHART_TEXT_MAX);
    list = sdk_array(&in, "y", CHART_SERIES_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        wish->y[i] = json_string_value(json_array_get(list, i));
        if (!wish->y[i])
            return sdk_reader_refuse(&in, "y", "must be an array of columns' names");
        wish->y_count++;
    }
    return sdk_reader_ok(&in);
}

static char *copy_text(const char *text, size_t len)
{
    char *copy = strndup(text, len < CHART_TEXT_MAX ? len : CHART_TEXT_MAX);

    if (!copy)
        abort();
    return copy;
}

static size_t find_column(const struct column *columns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(columns[i].name, name) == 0)
            return i;
    }
    return NO_COLUMN;
}

static bool find_wanted(const struct column *columns, size_t count, const char *member,
                        const char *name, size_t *out, struct sdk_error *error)
{
    struct sdk_string known = {.max = 400};

    *out = find_column(columns, count, name);
    if (*out != NO_COLUMN)
        return true;
    for (size_t i = 0; i < count; i++)
        sdk_string_printf(&known, "%s%s", i ? ", " : "", columns[i].name);
    sdk_refuse(error, "ValidationError",
               "data.chart.%s: the query has no column \"%s\"; there are %s", member, name,
               known.bytes ? known.bytes : "none");
    sdk_string_free(&known);
    return false;
}

static bool find_values(struct chart *chart, const struct column *columns, size_t count,
                        struct sdk_error *error)
{
    for (size_t i = 0; i < chart->wish.y_count; i++) {
        if (!find_wanted(columns, count, "y", chart->wish.y[i], &chart->y_columns[i], error))
            return false;
        chart->y_count++;
    }
    for (size_t i = 0; chart->wish.y_count == 0 && i < count && chart->y_count < CHART_SERIES_MAX;
         i++) {
        if (columns[i].kind == COLUMN_NUMBER && i != chart->x_column && i != chart->series_column)
            chart->y_columns[chart->y_count++] = i;
    }
    return chart->y_count > 0 ||
           sdk_refuse(error, "ValidationError",
                      "data.chart: the query has no column of numbers to draw");
}

bool chart_head(struct chart *chart, const struct column *columns, size_t count,
                struct sdk_error *error)
{
    enum column_kind kind;

    chart->series_column = NO_COLUMN;
    if (chart->wish.x && !find_wanted(columns, count, "x", chart->wish.x, &chart->x_column, error))
        return false;
    if (chart->wish.series &&
        !find_wanted(columns, count, "series", chart->wish.series, &chart->series_column, error))
        return false;
    kind = columns[chart->x_column].kind;
    chart->axis = chart->wish.type == CHART_BAR ? CHART_WORDS
                  : kind == COLUMN_TIME         ? CHART_TIMES
                  : kind == COLUMN_NUMBER       ? CHART_NUMBERS
                                                : CHART_WORDS;
    if (!chart->wish.x_label) {
        chart->x_name = copy_text(columns[chart->x_column].name, CHART_TEXT_MAX);
        chart->wish.x_label = chart->x_name;
    }
    return find_values(chart, columns, count, error);
}

static void *grow(void *list, size_t count, size_t *capacity, size_t size)
{
    if (count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 64;
        list = realloc(list, *capacity * size);
        if (!list)
            abort();
    }
    return list;
}

static double parse_number(const struct cell *cell)
{
    char text[NUMBER_MAX + 1], *end;
    double value;

    if (!cell->text || cell->len == 0 || cell->len > NUMBER_MAX)
        return NAN;
    memcpy(text, cell->text, cell->len);
    text[cell->len] = '\0';
    value = strtod(text, &end);
    return *end == '\0' && isfinite(value) ? value : NAN;
}

/* As rows.c writes it: a date, or with a time of day, and perhaps the distance from UTC. */
static double parse_time(const struct cell *cell)
{
    char text[NUMBER_MAX + 1], *rest;
    struct tm day = {0};
    double second = 0;
    int hour, minute, zone_hour, zone_minute = 0;

    if (!cell->text || cell->len > NUMBER_MAX)
        return NAN;
    memcpy(text, cell->text, cell->len);
    text[cell->len] = '\0';
    rest = strptime(text, "%Y-%m-%d", &day);
    if (!rest)
        return NAN;
    if (sscanf(rest, "T%d:%d:%lf", &hour, &minute, &second) == 3)
        second += hour * 3600 + minute * 60;
    rest = strpbrk(rest, "+-");
    if (rest && sscanf(rest + 1, "%d:%d", &zone_hour, &zone_minute) >= 1)
        second -= (zone_hour * 3600 + zone_minute * 60) * (*rest == '-' ? -1 : 1);
    return (double)timegm(&day) + second;
}

/* The index of a word of the horizontal axis; NAN: there are too many. */
static double word_index(struct chart *chart, const struct cell *cell)
{
    const char *text = cell->text ? cell->text : "";
    size_t len = cell->text ? cell->len : 0;

    len = len < CHART_TEXT_MAX ? len : CHART_TEXT_MAX;
    for (size_t i = chart->word_count; i > 0; i--) { /* mostly the last one */
        if (strlen(chart->words[i - 1]) == len && memcmp(chart->words[i - 1], text, len) == 0)
            return (double)(i - 1);
    }
    if (chart->word_count == WORDS_MAX)
        return NAN;
    chart->words =
        grow(chart->words, chart->word_count, &chart->word_capacity, sizeof *chart->words);
    chart->words[chart->word_count] = copy_text(text, len);
    return (double)chart->word_count++;
}

/* NULL: there are too many. */
static struct chart_line *find_line(struct chart *chart, const char *name, size_t len)
{
    len = len < CHART_TEXT_MAX ? len : CHART_TEXT_MAX;
    for (size_t i = 0; i < chart->line_count; i++) {
        if (strlen(chart->lines[i].name) == len && memcmp(chart->lines[i].name, name, len) == 0)
            return &chart->lines[i];
    }
    if (chart->line_count == CHART_SERIES_MAX)
        return NULL;
    chart->lines[chart->line_count].name = copy_text(name, len);
    return &chart->lines[chart->line_count++];
}

static bool add_point(struct chart *chart, const char *name, size_t len, struct chart_point point,
                      struct sdk_error *error)
{
    struct chart_line *line = find_line(chart, name, len);

    if (!line)
        return sdk_refuse(error, "LimitError", "the chart has more than %u series",
                          CHART_SERIES_MAX);
    if (chart->point_count >= (size_t)chart->points_max)
        return sdk_refuse(error, "LimitError",
                          "the chart has more than %" PRId64
                          " points, the limit of setting chartPointsMax",
                          chart->points_max);
    line->points = grow(line->points, line->count, &line->capacity, sizeof *line->points);
    line->points[line->count++] = point;
    chart->point_count++;
    return true;
}

bool chart_row(struct chart *chart, const struct column *columns, const struct cell *cells,
               struct sdk_error *error)
{
    const struct cell *at = &cells[chart->x_column];
    double x = chart->axis == CHART_TIMES     ? parse_time(at)
               : chart->axis == CHART_NUMBERS ? parse_number(at)
                                              : word_index(chart, at);

    if (isnan(x) && chart->axis == CHART_WORDS)
        return sdk_refuse(error, "LimitError", "the chart has more than %u places on its x axis",
                          WORDS_MAX);
    for (size_t i = 0; !isnan(x) && i < chart->y_count; i++) {
        size_t column = chart->y_columns[i];
        const struct cell *name =
            chart->series_column == NO_COLUMN ? NULL : &cells[chart->series_column];
        const char *text = name ? (name->text ? name->text : "") : columns[column].name;
        size_t len = name ? name->len : strlen(text);
        struct chart_point point = {x, parse_number(&cells[column])};

        if (!add_point(chart, text, len, point, error))
            return false;
    }
    return true;
}

void chart_free(struct chart *chart)
{
    for (size_t i = 0; i < chart->line_count; i++) {
        free(chart->lines[i].name);
        free(chart->lines[i].points);
    }
    for (size_t i = 0; i < chart->word_count; i++)
        free(chart->words[i]);
    free(chart->x_name);
    free(chart->words);
}
