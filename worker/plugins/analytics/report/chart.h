/* A chart of a query's rows: what is drawn, and how it becomes a PNG. Called by report.c. */
#ifndef ANALYTICS_REPORT_CHART_H
#define ANALYTICS_REPORT_CHART_H

#include "cartrita/sdk/json.h"
#include "table/format.h"

#define CHART_SERIES_MAX 12u
#define CHART_TEXT_MAX   200u
#define CHART_SIDE_MIN   100
#define CHART_SIDE_MAX   4000

enum chart_type { CHART_LINE, CHART_BAR };

/* What the job asks for. Texts are borrowed from its data. */
struct chart_wish {
    enum chart_type type;
    int width, height;
    const char *title, *x_label, *y_label;
    const char *x;                   /* column; NULL: the first */
    const char *y[CHART_SERIES_MAX]; /* columns */
    size_t y_count;                  /* 0: all columns of numbers but x */
    const char *series;              /* column whose values tell series apart; NULL: none */
};

/* How the horizontal axis counts. */
enum chart_axis { CHART_NUMBERS, CHART_TIMES, CHART_WORDS };

struct chart_point {
    double x, y; /* x: a number, seconds since 1970, or an index of `words`; y: NAN is a gap */
};

struct chart_line {
    char *name; /* owned */
    struct chart_point *points;
    size_t count, capacity;
};

struct chart {
    struct chart_wish wish;
    enum chart_axis axis;
    struct chart_line lines[CHART_SERIES_MAX];
    size_t line_count;
    char **words; /* owned, and each */
    size_t word_count, word_capacity;
    char *x_name; /* owned: of the column, where the job gives no label */
    size_t point_count;
    int64_t points_max;
    size_t x_column, series_column;     /* series_column: SIZE_MAX: none */
    size_t y_columns[CHART_SERIES_MAX]; /* one each of wish.y */
    size_t y_count;
};

/* Reads member "chart" of `data`. */
bool chart_read(struct sdk_reader *data, const char *title, struct chart *chart);
/* Finds its columns; names those there are when one is missing. */
bool chart_head(struct chart *chart, const struct column *columns, size_t count,
                struct sdk_error *error);
bool chart_row(struct chart *chart, const struct column *columns, const struct cell *cells,
               struct sdk_error *error);
/* draw.c: as a PNG file. The library has one state for the whole process: one chart is drawn at a
 * time, whoever else waits. */
bool chart_draw(const struct chart *chart, const char *path, struct sdk_error *error);
void chart_free(struct chart *chart);

#endif
