/* The job `export`: a query's rows as files for a warehouse, parted by a column (dt=2026-01-31/
 * part-0001.csv.gz), with a manifest; all of it or nothing. Rows need no order: at most OPEN_MAX
 * partitions are open at once, and one that comes back later begins another file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analytics.h"
#include "export/part.h"
#include "export/place.h"
#include "table/rows.h"

#define OPEN_MAX       16u
#define VALUE_MAX      200u
#define PATH_TEXT_MAX  1024u
#define HIVE_NULL      "__HIVE_DEFAULT_PARTITION__"
#define NO_COLUMN      SIZE_MAX
#define ROWS_DEFAULT   1000000
#define ROW_BYTES_MAX  ((size_t)64 * 1024 * 1024)
#define PARTITION_DATE 10 /* bytes of a time that tell its day */

struct slot {
    struct part part;
    char value[VALUE_MAX * 3 + 1]; /* as in its path */
    uint64_t used;                 /* when it was last; 0: free */
};

struct export
{
    struct sdk_call *call;
    const struct analytics *analytics;
    struct rows rows;
    const struct format *format;
    struct format_options options;
    struct table table;
    const char *directory, *partition_by, *partition_name;
    bool is_compressed, replaces;
    int64_t rows_per_file;
    struct place place;
    size_t partition_column;
    struct slot slots[OPEN_MAX];
    uint64_t clock;
    struct sdk_string line;
    json_t *files;   /* owned */
    json_t *columns; /* owned */
    json_t *numbers; /* owned: the last part's number by partition */
    int64_t bytes;
};

static bool export_read(struct export *export)
{
    static const char *const members[] = {"query",       "params",        "directory", "format",
                                          "partitionBy", "partitionName", "compress",  "replace",
                                          "rowsPerFile", "csv",           NULL};
    static const char *const formats[] = {"csv", "ndjson", NULL};
    struct sdk_reader in = sdk_reader(export->call->data, "data", &export->call->error);

    sdk_reader_only(&in, members);
    export->format = sdk_choice(&in, "format", formats, 0) == 1 ? &format_ndjson : &format_csv;
    export->directory = sdk_text(&in, "directory", SDK_REQUIRED, PATH_TEXT_MAX);
    export->partition_by = sdk_text(&in, "partitionBy", NULL, VALUE_MAX);
    export->partition_name = sdk_text(&in, "partitionName", NULL, 60);
    export->is_compressed = sdk_boolean(&in, "compress", true);
    export->replaces = sdk_boolean(&in, "replace", false);
    export->rows_per_file = sdk_integer(&in, "rowsPerFile", ROWS_DEFAULT, 1, 1000000000);
    if (export->partition_name && strpbrk(export->partition_name, "/=%"))
        return sdk_reader_refuse(&in, "partitionName", "must be without any of / = %%");
    return sdk_reader_ok(&in) && rows_bind(export->analytics, &in, &export->rows) &&
           format_read_csv(&in, &export->options);
}

static bool export_head(void *ctx, const struct column *columns, size_t count,
                        struct sdk_error *error)
{
    static const char *const kinds[] = {"text", "number", "boolean", "json", "time"};
    struct export *export = ctx;

    export->table = (struct table){columns, count, &export->options};
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(export->columns, json_pack("{s:s, s:s}", "name", columns[i].name,
                                                         "type", kinds[columns[i].kind]));
        if (export->partition_by && strcmp(columns[i].name, export->partition_by) == 0)
            export->partition_column = i;
    }
    if (export->partition_by && export->partition_column == NO_COLUMN)
        return sdk_refuse(error, "ValidationError",
                          "data.partitionBy: the query has no column \"%s\"", export->partition_by);
    if (export->partition_by && !export->partition_name)
        export->partition_name =
            columns[export->partition_column].kind == COLUMN_TIME ? "dt" : export->partition_by;
    return true;
}

/* What may stand in a path stays, all else is %XX. */
static bool put_value(const struct export *export, const struct cell *cell, char *out,
                      struct sdk_error *error)
{
    bool is_time = export->table.columns[export->partition_column].kind == COLUMN_TIME;
    size_t len = is_time && cell->len > PARTITION_DATE ? PARTITION_DATE : cell->len;

    if (!cell->text)
        return strcpy(out, HIVE_NULL), true;
    if (len == 0 || len > VALUE_MAX / 3)
        return sdk_refuse(error, "ValidationError",
                          "column %s has a value of %zu bytes: a partition takes 1 to %u",
                          export->partition_by, len, VALUE_MAX / 3);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)cell->text[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || strchr("-_.", c);

        out += sprintf(out, is_plain && c ? "%c" : "%%%02X", c);
    }
    return true;
}

static bool slot_close(struct export *export, struct slot *slot, struct sdk_error *error)
{
    slot->used = 0;
    export->bytes += slot->part.bytes;
    json_array_append_new(export->files, json_pack("{s:s, s:I, s:I}", "path", slot->part.path,
                                                   "rows", (json_int_t)slot->part.rows, "bytes",
                                                   (json_int_t)slot->part.bytes));
    return part_close(&slot->part, error);
}

static bool slot_open(struct export *export, struct slot *slot, const char *value,
                      struct sdk_error *error)
{
    int64_t number = json_integer_value(json_object_get(export->numbers, value)) + 1;
    int64_t max = export->analytics->settings.export_files_max;
    char folder[VALUE_MAX + 64] = "";

    if (json_array_size(export->files) >= (size_t)max)
        return sdk_refuse(error, "LimitError",
                          "the export has more than %" PRId64
                          " files, the limit of setting exportFilesMax: order the query by %s",
                          max, export->partition_by ? export->partition_by : "anything");
    json_object_set_new(export->numbers, value, json_integer(number));
    snprintf(slot->value, sizeof slot->value, "%s", value);
    if (export->partition_by)
        snprintf(folder, sizeof folder, "%.60s=%.200s/", export->partition_name, value);
    snprintf(slot->part.path, sizeof slot->part.path, "%spart-%04" PRId64 ".%s%s", folder, number,
             export->format->extension, export->is_compressed ? ".gz" : "");
    if (!part_open(&slot->part, export->place.directory, export->is_compressed, error))
        return false;
    slot->used = ++export->clock;
    export->line.len = 0;
    export->format->begin(&export->table, &export->line);
    return export->line.len == 0 ||
           part_write(&slot->part, export->line.bytes, export->line.len, error);
}

/* The open part of this partition; else the one that was used longest ago makes room. */
static struct slot *slot_find(struct export *export, const char *value, struct sdk_error *error)
{
    struct slot *oldest = &export->slots[0];

    for (size_t i = 0; i < OPEN_MAX; i++) {
        struct slot *slot = &export->slots[i];

        if (slot->used && strcmp(slot->value, value) == 0) {
            if (slot->part.rows < export->rows_per_file) {
                slot->used = ++export->clock;
                return slot;
            }
            oldest = slot;
            break;
        }
        if (slot->used < oldest->used)
            oldest = slot;
    }
    if (oldest->used && !slot_close(export, oldest, error))
        return NULL;
    return slot_open(export, oldest, value, error) ? oldest : NULL;
}

static bool export_row(void *ctx, const struct cell *cells, uint64_t index, struct sdk_error *error)
{
    struct export *export = ctx;
    char value[VALUE_MAX + 64] = "";
    struct slot *slot;

    if (export->partition_by && !put_value(export, &cells[export->partition_column], value, error))
        return false;
    slot = slot_find(export, value, error);
    if (!slot)
        return false;
    export->line.len = 0;
    export->format->row(&export->table, cells, index, &export->line);
    if (export->line.is_full)
        return sdk_refuse(error, "LimitError", "row %" PRIu64 " has more than %zu bytes", index,
                          ROW_BYTES_MAX);
    slot->part.rows++;
    return part_write(&slot->part, export->line.bytes, export->line.len, error);
}

static json_t *export_manifest(const struct export *export, uint64_t count)
{
    const struct cartrita_host *host = export->call->host;

    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:O, s:O}", "queue",
                     host->job_queue(export->call->job), "job", host->job_id(export->call->job),
                     "query", export->rows.query->name, "format", export->format->name,
                     "compressed", export->is_compressed, "rows", (json_int_t)count, "bytes",
                     (json_int_t) export->bytes, "columns", export->columns, "files",
                     export->files);
}

/* Last of all: where it is, everything is. */
static bool export_put_manifest(struct export *export, const json_t *manifest,
                                struct sdk_error *error)
{
    struct part part = {.path = PLACE_MANIFEST, .fd = -1};
    char *text = json_dumps(manifest, JSON_INDENT(1));
    bool is_put;

    if (!text)
        abort();
    is_put = part_open(&part, export->place.directory, false, error) &&
             part_write(&part, text, strlen(text), error);
    is_put = is_put && part_close(&part, error);
    part_abort(&part);
    free(text);
    return is_put;
}

static bool export_write(struct export *export)
{
    struct sdk_error *error = &export->call->error;
    struct rows_taker taker = {export_head, export_row, export,
                               export->analytics->settings.export_rows_max, "exportRowsMax"};
    uint64_t count = 0;
    json_t *manifest;

    if (!place_begin(&export->place, error) ||
        !rows_stream(export->call, &export->rows, &taker, &count))
        return false;
    for (size_t i = 0; i < OPEN_MAX; i++) {
        if (export->slots[i].used && !slot_close(export, &export->slots[i], error))
            return false;
    }
    manifest = export_manifest(export, count);
    if (!export_put_manifest(export, manifest, error) || !place_commit(&export->place, error)) {
        json_decref(manifest);
        return false;
    }
    export->call->result = manifest;
    return true;
}

/* This job has done it already, and could not tell. */
static bool export_is_done(struct export *export)
{
    const struct cartrita_host *host = export->call->host;
    json_t *manifest = place_manifest(&export->place);
    const char *job = json_string_value(json_object_get(manifest, "job"));
    const char *queue = json_string_value(json_object_get(manifest, "queue"));

    if (job && queue && strcmp(job, host->job_id(export->call->job)) == 0 &&
        strcmp(queue, host->job_queue(export->call->job)) == 0 &&
        host->job_attempts_made(export->call->job) > 0) {
        export->call->result = manifest;
        return true;
    }
    json_decref(manifest);
    return false;
}

static bool export_run(struct export *export)
{
    struct sdk_error *error = &export->call->error;

    if (!export_read(export) ||
        !place_open(export->analytics->roots, export->directory, &export->place, error))
        return false;
    if (export_is_done(export))
        return true;
    if (place_is_taken(&export->place) && !export->replaces)
        return sdk_refuse(error, "FileError",
                          "%s is there already: give \"replace\": true, or another directory",
                          export->directory);
    return export_write(export);
}

bool analytics_export(struct sdk_call *call)
{
    struct export *export = calloc(1, sizeof *export);
    bool is_done;

    if (!export)
        abort();
    *export = (struct export){
        .call = call,
        .analytics = call->self,
        .options = FORMAT_OPTIONS,
        .place = {.parent = -1, .directory = -1},
        .partition_column = NO_COLUMN,
        .line = {.max = ROW_BYTES_MAX},
        .files = json_array(),
        .columns = json_array(),
        .numbers = json_object(),
    };
    export->options.guards_formulas = false; /* read by programs */
    for (size_t i = 0; i < OPEN_MAX; i++)
        export->slots[i].part.fd = -1;
    is_done = export_run(export);
    for (size_t i = 0; i < OPEN_MAX; i++)
        part_abort(&export->slots[i].part);
    place_close(&export->place);
    rows_free(&export->rows);
    sdk_string_free(&export->line);
    json_decref(export->numbers);
    json_decref(export->columns);
    json_decref(export->files);
    free(export);
    return is_done;
}
