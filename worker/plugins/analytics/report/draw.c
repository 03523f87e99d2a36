/* A chart as a PNG, by PLplot and its cairo driver. See chart.h.
 *
 * PLplot keeps its state in globals and ends the process where it cannot go on; so there is a lock
 * around all of it, and its way out leads back here. */
#include <math.h>
#include <plplot/plplot.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "report/chart.h"

#define INK   15 /* colours by number: series from 1 on */
#define FAINT 14
#define DAY   86400.0

#define TIME_LABEL_WIDTH 190 /* pixels, with the room around it */

struct range {
    double x_min, x_max, y_min, y_max;
};

static pthread_mutex_t drawing = PTHREAD_MUTEX_INITIALIZER;
static jmp_buf way_out; /* under the lock, as is all below */
static char complaint[CHART_TEXT_MAX];

static int on_exit_wanted(PLCHAR_VECTOR message)
{
    snprintf(complaint, sizeof complaint, "%s", message);
    longjmp(way_out, 1);
}

static void on_abort(PLCHAR_VECTOR message)
{
    snprintf(complaint, sizeof complaint, "%s", message);
}

static void set_colours(void)
{
    static const unsigned char colours[][3] = {
        {31, 119, 180},  {255, 127, 14}, {44, 160, 44},   {214, 39, 40},
        {148, 103, 189}, {140, 86, 75},  {227, 119, 194}, {23, 190, 207},
        {188, 189, 34},  {66, 66, 160},  {0, 128, 128},   {150, 30, 90},
    };

    _Static_assert(sizeof colours / sizeof *colours == CHART_SERIES_MAX, "one for each series");
    plscmap0n(16);
    plscolbg(255, 255, 255);
    for (PLINT i = 0; i < (PLINT)CHART_SERIES_MAX; i++)
        plscol0(i + 1, colours[i][0], colours[i][1], colours[i][2]);
    plscol0(FAINT, 225, 225, 225);
    plscol0(INK, 50, 50, 50);
}

/* PLplot reads commands behind a '#'. */
static const char *plain(const char *text, char *out, size_t size)
{
    size_t len = 0;

    for (; text && *text && len + 3 < size; text++) {
        if (*text == '#')
            out[len++] = '#';
        out[len++] = (unsigned char)*text < 0x20 ? ' ' : *text;
    }
    out[len] = '\0';
    return out;
}

static struct range range_of(const struct chart *chart)
{
    struct range range = {INFINITY, -INFINITY, INFINITY, -INFINITY};

    for (size_t i = 0; i < chart->line_count; i++) {
        for (size_t k = 0; k < chart->lines[i].count; k++) {
            struct chart_point point = chart->lines[i].points[k];

            range.x_min = fmin(range.x_min, point.x);
            range.x_max = fmax(range.x_max, point.x);
            if (isnan(point.y))
                continue;
            range.y_min = fmin(range.y_min, point.y);
            range.y_max = fmax(range.y_max, point.y);
        }
    }
    if (range.x_min > range.x_max)
        range.x_min = 0, range.x_max = 1;
    if (range.y_min > range.y_max)
        range.y_min = 0, range.y_max = 1;
    /* Bars begin at zero; so do lines that are not far from it. */
    if (range.y_min > 0 && (chart->wish.type == CHART_BAR || range.y_min < range.y_max / 2))
        range.y_min = 0;
    if (range.y_max < 0 && chart->wish.type == CHART_BAR)
        range.y_max = 0;
    if (range.y_min == range.y_max)
        range.y_min -= 1, range.y_max += 1;
    range.y_max += (range.y_max - range.y_min) * 0.05;
    if (chart->axis == CHART_WORDS)
        range.x_min = -0.6, range.x_max = (double)chart->word_count - 0.4;
    if (range.x_min == range.x_max)
        range.x_min -= 1, range.x_max += 1;
    return range;
}

/* As many labels as have room. */
static double time_step(double span, int width)
{
    double count = fmax(2, width / TIME_LABEL_WIDTH);
    static const double steps[] = {1,   5,       15,      30,       60,       300,
                                   900, 1800,    3600,    3 * 3600, 6 * 3600, 12 * 3600,
                                   DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 91 * DAY};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (span / steps[i] <= count)
            return steps[i];
    }
    return 365 * DAY;
}

static void put_number(PLINT axis, PLFLT value, char *out, PLINT len, PLPointer ignored)
{
    double size = fabs(value);

    (void)axis, (void)ignored;
    if (size >= 1e9)
        snprintf(out, (size_t)len, "%gG", value / 1e9);
    else if (size >= 1e6)
        snprintf(out, (size_t)len, "%gM", value / 1e6);
    else if (size >= 1e4)
        snprintf(out, (size_t)len, "%gk", value / 1e3);
    else
        snprintf(out, (size_t)len, "%g", size < 1e-12 ? 0 : value);
}

static void draw_words(const struct chart *chart, const struct range *range)
{
    size_t longest = 1, step;
    char text[2 * CHART_TEXT_MAX];

    for (size_t i = 0; i < chart->word_count; i++) {
        size_t len = strlen(chart->words[i]);

        longest = len > longest ? len : longest;
    }
    longest = longest > 24 ? 24 : longest;
    step = 1 + chart->word_count * longest * 8 / (size_t)chart->wish.width;
    for (size_t i = 0; i < chart->word_count; i += step) {
        double at = ((double)i - range->x_min) / (range->x_max - range->x_min);

        plain(chart->words[i], text, 2 * 24);
        plmtex("b", 1.5, at, 0.5, text);
    }
}

static void draw_axes(const struct chart *chart, const struct range *range)
{
    char title[2 * CHART_TEXT_MAX], x[2 * CHART_TEXT_MAX], y[2 * CHART_TEXT_MAX];
    double span = range->x_max - range->x_min;

    plcol0(FAINT);
    plbox(chart->axis == CHART_WORDS ? "" : "g",
          chart->axis == CHART_TIMES ? time_step(span, chart->wish.width) : 0, 0, "g", 0, 0);
    plcol0(INK);
    plslabelfunc(put_number, NULL);
    if (chart->axis == CHART_TIMES) {
        pltimefmt(span > 3 * DAY ? "%Y-%m-%d" : span > 6 * 3600 ? "%m-%d %H:%M" : "%H:%M:%S");
        plbox("bndst", time_step(span, chart->wish.width), 0, "bnostv", 0, 0);
    } else if (chart->axis == CHART_NUMBERS) {
        plbox("bnost", 0, 0, "bnostv", 0, 0);
    } else {
        plbox("b", 0, 0, "bnostv", 0, 0);
        draw_words(chart, range);
    }
    plmtex("b", 3.2, 0.5, 0.5, plain(chart->wish.x_label, x, sizeof x));
    plmtex("l", 4.5, 0.5, 0.5, plain(chart->wish.y_label, y, sizeof y));
    plschr(0, 1.25);
    plmtex("t", 1.5, 0.5, 0.5, plain(chart->wish.title, title, sizeof title));
    plschr(0, 1.0);
}

/* Gaps part a line; a point between two gaps is a dot. */
static void draw_line(const struct chart_line *line)
{
    plwidth(2);
    for (size_t i = 0; i < line->count; i++) {
        const struct chart_point *point = &line->points[i];
        bool has_before = i > 0 && !isnan(point[-1].y);
        bool has_next = i + 1 < line->count && !isnan(point[1].y);

        if (isnan(point->y))
            continue;
        if (has_before)
            pljoin(point[-1].x, point[-1].y, point->x, point->y);
        if (!has_before && !has_next)
            plstring(1, &point->x, &point->y, "•");
    }
    plwidth(1);
}

static void draw_bars(const struct chart *chart, size_t index)
{
    double width = 0.8 / (double)chart->line_count;

    for (size_t i = 0; i < chart->lines[index].count; i++) {
        struct chart_point point = chart->lines[index].points[i];
        double left = point.x - 0.4 + width * (double)index, right = left + width * 0.94;
        PLFLT x[] = {left, left, right, right};
        PLFLT y[] = {0, point.y, point.y, 0};

        if (!isnan(point.y))
            plfill(4, x, y);
    }
}

static void draw_legend(const struct chart *chart)
{
    char text[2 * CHART_TEXT_MAX];

    plvpor(0.83, 1.0, 0.15, 0.88);
    plwind(0, 1, 0, 1);
    plschr(0, 0.85);
    for (size_t i = 0; i < chart->line_count; i++) {
        double top = 0.98 - (double)i * 0.075;
        PLFLT x[] = {0, 0, 0.09, 0.09};
        PLFLT y[] = {top, top - 0.04, top - 0.04, top};

        plcol0((PLINT)i + 1);
        plfill(4, x, y);
        plcol0(INK);
        plptex(0.14, top - 0.02, 1, 0, 0, plain(chart->lines[i].name, text, 2 * 18));
    }
    plschr(0, 1.0);
}

static void draw_all(const struct chart *chart, const char *path)
{
    struct range range = range_of(chart);
    bool has_legend = chart->line_count > 1;

    plsdev("pngcairo");
    plsfnam(path);
    plspage(0, 0, chart->wish.width, chart->wish.height, 0, 0);
    set_colours();
    plinit();
    pladv(0);
    plvpor(0.11, has_legend ? 0.81 : 0.96, 0.15, 0.88);
    plwind(range.x_min, range.x_max, range.y_min, range.y_max);
    draw_axes(chart, &range);
    for (size_t i = 0; i < chart->line_count; i++) {
        plcol0((PLINT)i + 1);
        if (chart->wish.type == CHART_BAR)
            draw_bars(chart, i);
        else
            draw_line(&chart->lines[i]);
    }
    if (has_legend)
        draw_legend(chart);
    plend();
}

bool chart_draw(const struct chart *chart, const char *path, struct sdk_error *error)
{
    bool is_drawn;

    pthread_mutex_lock(&drawing);
    complaint[0] = '\0';
    plsexit(on_exit_wanted);
    plsabort(on_abort);
    if (setjmp(way_out) == 0)
        draw_all(chart, path);
    is_drawn = complaint[0] == '\0' || sdk_refuse(error, "ChartError",
                                                  "drawing the chart: %s (is the package "
                                                  "plplot-driver-cairo installed?)",
                                                  complaint);
    pthread_mutex_unlock(&drawing);
    return is_drawn;
}
