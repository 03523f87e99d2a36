/* The job `report`: a query's rows as CSV, JSON, HTML or a chart, stored as a file (whole or not at
 * all), or handed back when it is small; and mailed when that is wanted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analytics.h"
#include "cartrita/sdk/file.h"
#include "report/chart.h"
#include "report/mail.h"
#include "table/rows.h"

#define PATH_TEXT_MAX  1024u
#define TITLE_TEXT_MAX 200u
#define FLUSH_BYTES    (64u * 1024)
#define ROW_BYTES_MAX  ((size_t)64 * 1024 * 1024)
#define CHART_MAX      ((size_t)64 * 1024 * 1024)

struct report {
    struct sdk_call *call;
    const struct analytics *analytics;
    struct rows rows;
    const struct format *format; /* NULL: a chart */
    struct format_options options;
    struct table table;
    struct chart chart;
    struct mail_wish mail;
    const char *path; /* NULL: it is handed back */
    struct sdk_output file;
    struct sdk_string buffer;
    int64_t bytes; /* written to the file */
};

static bool report_read(struct report *report)
{
    static const char *const members[] = {"query", "params", "format", "file", "title",
                                          "csv",   "chart",  "mail",   NULL};
    static const char *const formats[] = {"csv", "json", "ndjson", "html", "png", NULL};
    struct sdk_reader in = sdk_reader(report->call->data, "data", &report->call->error);
    const struct analytics_settings *settings = &report->analytics->settings;
    int format;

    sdk_reader_only(&in, members);
    format = sdk_choice(&in, "format", formats, 0);
    report->path = sdk_text(&in, "file", NULL, PATH_TEXT_MAX);
    report->options.title = sdk_text(&in, "title", NULL, TITLE_TEXT_MAX);
    if (!sdk_reader_ok(&in) || !rows_bind(report->analytics, &in, &report->rows) ||
        !format_read_csv(&in, &report->options) ||
        !mail_read(&in, settings->mail_queue, &report->mail))
        return false;
    report->format = format_find(formats[format]);
    report->chart.points_max = settings->chart_points_max;
    return report->format || chart_read(&in, report->options.title, &report->chart);
}

/* What is handed back stays in the buffer. */
static bool report_flush(struct report *report, size_t keep, struct sdk_error *error)
{
    const struct analytics_settings *settings = &report->analytics->settings;
    int64_t max = report->path ? settings->report_bytes_max : settings->inline_max;

    if (report->buffer.is_full || report->bytes + (int64_t)report->buffer.len > max)
        return sdk_refuse(error, "LimitError",
                          report->path ? "the report has more than %" PRId64
                                         " bytes, the limit of setting reportBytesMax"
                                       : "the report has more than %" PRId64
                                         " bytes, the limit of setting inlineMax: "
                                         "give \"file\" to store it",
                          max);
    if (!report->path || report->buffer.len <= keep)
        return true;
    if (!sdk_output_write(&report->file, report->buffer.bytes, report->buffer.len, error))
        return false;
    report->bytes += (int64_t)report->buffer.len;
    report->buffer.len = 0;
    return true;
}

static bool report_head(void *ctx, const struct column *columns, size_t count,
                        struct sdk_error *error)
{
    struct report *report = ctx;

    report->table = (struct table){columns, count, &report->options};
    if (!report->format)
        return chart_head(&report->chart, columns, count, error);
    report->format->begin(&report->table, &report->buffer);
    return true;
}

static bool report_row(void *ctx, const struct cell *cells, uint64_t index, struct sdk_error *error)
{
    struct report *report = ctx;

    if (!report->format)
        return chart_row(&report->chart, report->table.columns, cells, error);
    report->format->row(&report->table, cells, index, &report->buffer);
    return report_flush(report, FLUSH_BYTES, error);
}

/* Draws beside, then takes it in. */
static bool report_draw(struct report *report)
{
    struct sdk_call *call = report->call;
    const char *dir = call->host->job_temp_dir(call->job);
    char path[PATH_TEXT_MAX], *png = NULL;
    size_t len = 0;

    if (!dir)
        return sdk_retry_later(&call->error, "FileError", "no temporary directory can be made");
    snprintf(path, sizeof path, "%s/chart.png", dir);
    call->host->phase(call->job, "draw");
    if (!chart_draw(&report->chart, path, &call->error) ||
        !sdk_file_read(NULL, path, CHART_MAX, &png, &len, &call->error))
        return false;
    sdk_string_add(&report->buffer, png, len);
    free(png);
    return true;
}

static bool report_write(struct report *report, uint64_t *count)
{
    const struct analytics_settings *settings = &report->analytics->settings;
    struct rows_taker taker = {report_head, report_row, report, settings->report_rows_max,
                               "reportRowsMax"};
    struct sdk_error *error = &report->call->error;

    if (report->path &&
        !sdk_output_open(report->analytics->roots, report->path, true, &report->file, error))
        return false;
    if (!rows_stream(report->call, &report->rows, &taker, count))
        return false;
    if (report->format)
        report->format->end(&report->table, *count, &report->buffer);
    else if (!report_draw(report))
        return false;
    if (!report_flush(report, 0, error))
        return false;
    return !report->path || sdk_output_commit(&report->file, error);
}

/* As another job, in another process, would have to name it. */
static char *report_full_path(const struct report *report)
{
    const json_t *roots = report->analytics->settings.roots;
    const char *root = json_string_value(json_is_array(roots) ? json_array_get(roots, 0) : roots);
    char *path = NULL;

    if (report->path[0] == '/' || !root)
        path = strdup(report->path);
    else if (asprintf(&path, "%s/%s", root, report->path) < 0)
        path = NULL;
    if (!path)
        abort();
    return path;
}

static void report_hand_back(struct report *report, json_t *result)
{
    struct sdk_string text = {0};

    json_object_set_new(result, "bytes", json_integer((json_int_t)report->buffer.len));
    if (report->format == &format_json) {
        json_object_set_new(result, "data",
                            json_loadb(report->buffer.bytes, report->buffer.len, 0, NULL));
    } else if (report->format) {
        json_object_set_new(
            result, "content",
            json_stringn(report->buffer.len ? report->buffer.bytes : "", report->buffer.len));
    } else {
        sdk_base64_add(&text, report->buffer.bytes, report->buffer.len);
        json_object_set_new(result, "content", json_stringn(text.bytes, text.len));
        json_object_set_new(result, "encoding", json_string("base64"));
        sdk_string_free(&text);
    }
}

static bool report_finish(struct report *report, uint64_t count)
{
    struct sdk_call *call = report->call;
    json_t *result = json_object();
    char *path, *mail_id = NULL;
    bool is_done = true;

    json_object_set_new(result, "format",
                        json_string(report->format ? report->format->name : "png"));
    json_object_set_new(result, "type",
                        json_string(report->format ? report->format->media_type : "image/png"));
    json_object_set_new(result, "rows", json_integer((json_int_t)count));
    call->result = result;
    if (!report->path) {
        report_hand_back(report, result);
        return true;
    }
    path = report_full_path(report);
    json_object_set_new(result, "bytes", json_integer(report->bytes));
    json_object_set_new(result, "file", json_string(path));
    if (report->mail.mail)
        is_done = mail_enqueue(call, &report->mail, path, &mail_id);
    if (mail_id)
        json_object_set_new(result, "mail",
                            json_pack("{s:s, s:s}", "queue", report->mail.queue, "job", mail_id));
    free(mail_id);
    free(path);
    return is_done;
}

bool analytics_report(struct sdk_call *call)
{
    struct report report = {
        .call = call,
        .analytics = call->self,
        .options = FORMAT_OPTIONS,
        .file = {.fd = -1, .directory = -1},
        .buffer = {.max = ROW_BYTES_MAX + FLUSH_BYTES},
    };
    uint64_t count = 0;
    bool is_done =
        report_read(&report) && report_write(&report, &count) && report_finish(&report, count);

    sdk_output_abort(&report.file);
    sdk_string_free(&report.buffer);
    chart_free(&report.chart);
    rows_free(&report.rows);
    return is_done;
}
