/* Step `archive`: picks the operation, and what its operations share. */
#include "archive/archive.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool archive_step(struct file_work *work)
{
    static const char *const operations[] = {"create", "extract", "list", NULL};
    static bool (*const runs[])(struct file_work *) = {archive_create, archive_extract,
                                                       archive_list};
    int operation = sdk_choice(work->options, "operation", operations, -1);

    if (!sdk_reader_ok(work->options))
        return false;
    if (operation < 0)
        return sdk_reader_refuse(work->options, "operation",
                                 "it is missing: create, extract or list");
    return runs[operation](work);
}

static const json_t *read_patterns(struct file_work *work, const char *name)
{
    const json_t *list = sdk_array(work->options, name, ARCHIVE_PATTERNS_MAX);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *pattern = json_string_value(json_array_get(list, i));

        if (!pattern || strlen(pattern) > ARCHIVE_PATTERN_MAX)
            sdk_reader_refuse(work->options, name, "item %zu is no pattern of up to %u bytes", i,
                              ARCHIVE_PATTERN_MAX);
    }
    return list;
}

bool archive_filter_read(struct file_work *work, struct archive_filter *out)
{
    *out = (struct archive_filter){0};
    out->include = read_patterns(work, "include");
    out->exclude = read_patterns(work, "exclude");
    return sdk_reader_ok(work->options);
}

static bool fits_one_of(const json_t *patterns, const char *name)
{
    for (size_t i = 0; i < json_array_size(patterns); i++)
        if (entry_name_fits(json_string_value(json_array_get(patterns, i)), name))
            return true;
    return false;
}

bool archive_filter_takes(const struct archive_filter *filter, const char *name)
{
    return (json_array_size(filter->include) == 0 || fits_one_of(filter->include, name)) &&
           !fits_one_of(filter->exclude, name);
}

bool archive_limits_read(struct file_work *work, struct archive_limits *out)
{
    const struct file_settings *settings = &work->plugin->settings;
    struct sdk_reader *in = work->options;

    *out = (struct archive_limits){
        .bytes_max = sdk_integer(in, "maxBytes", settings->archive_bytes_max, 0,
                                 settings->archive_bytes_max),
        .file_bytes_max = sdk_integer(in, "maxFileBytes", settings->archive_file_bytes_max, 0,
                                      settings->archive_file_bytes_max),
        .entries_max = sdk_integer(in, "maxEntries", settings->archive_entries_max, 1,
                                   settings->archive_entries_max),
        .ratio_max = sdk_integer(in, "maxRatio", settings->archive_ratio_max, 1,
                                 settings->archive_ratio_max),
        .depth_max = sdk_integer(in, "maxDepth", settings->archive_depth_max, 1,
                                 settings->archive_depth_max),
    };
    return sdk_reader_ok(in);
}

bool archive_open_input(struct file_work *work, struct file_list *input, int *fd,
                        struct reader *reader)
{
    struct archive_limits limits;
    int64_t size;

    *fd = -1;
    *reader = (struct reader){0};
    if (!archive_limits_read(work, &limits) || !file_inputs(work, "input", input))
        return false;
    if (input->count != 1)
        return sdk_reader_refuse(work->options, "input",
                                 "it has to be one archive; the step before has made %zu files",
                                 input->count);
    *fd = file_item_open(work, &input->items[0], &size);
    return *fd >= 0 && reader_open(reader, work->call, input->items[0].name, *fd, size, &limits,
                                   &work->call->error);
}

bool archive_listing_begin(struct file_work *work, struct archive_listing *out)
{
    int64_t most = work->plugin->settings.archive_list_max;

    *out = (struct archive_listing){
        .count_max = sdk_integer(work->options, "listMax", most < 1000 ? most : 1000, 0, most)};
    out->entries = json_array();
    return out->entries != NULL && sdk_reader_ok(work->options);
}

void archive_listing_add(struct archive_listing *listing, json_t *entry)
{
    if ((int64_t)json_array_size(listing->entries) < listing->count_max) {
        (void)json_array_append_new(listing->entries, entry);
    } else {
        json_decref(entry);
        listing->is_cut = true;
    }
}

const char *archive_entry_kind(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry))
        return "hardlink";
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return "file";
    case AE_IFDIR:
        return "directory";
    case AE_IFLNK:
        return "symlink";
    default:
        return "special";
    }
}
