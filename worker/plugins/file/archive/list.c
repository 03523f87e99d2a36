/* Operation `list`: what an archive holds, without writing anything. */
#include <unistd.h>

#include "archive/archive.h"

static json_t *describe(struct reader *reader, const char *name)
{
    struct archive_entry *entry = reader->entry;
    const char *link =
        archive_entry_symlink(entry) ? archive_entry_symlink(entry) : archive_entry_hardlink(entry);
    json_t *json = json_pack("{s:s, s:s}", "name", name, "type", archive_entry_kind(entry));

    if (!json) /* the name is no UTF-8, and so can stand in no result */
        json = json_pack("{s:n, s:s}", "name", "type", archive_entry_kind(entry));
    if (archive_entry_size_is_set(entry))
        (void)json_object_set_new(json, "size", json_integer(archive_entry_size(entry)));
    if (archive_entry_mtime_is_set(entry))
        (void)json_object_set_new(json, "modified",
                                  json_integer(archive_entry_mtime(entry) * 1000));
    if (link)
        (void)json_object_set_new(json, "target", json_string(link));
    return json;
}

/* Names are shown as they stand there: a look at an archive is where one learns that it is evil. */
static bool list_entry(struct file_work *work, struct reader *reader,
                       const struct archive_filter *filter, struct archive_listing *listing)
{
    char name[ENTRY_NAME_MAX];
    const char *raw = reader_name(reader);
    const char *flaw = entry_name_clean(raw, 0, SIZE_MAX, name);

    if (archive_filter_takes(filter, flaw ? raw : name)) {
        json_t *json = describe(reader, flaw ? raw : name);

        if (flaw)
            (void)json_object_set_new(json, "unsafe", json_string(flaw));
        archive_listing_add(listing, json);
    }
    return reader_skip(reader, &work->call->error);
}

bool archive_list(struct file_work *work)
{
    static const char *const members[] = {"operation", "input",      "include",  "exclude",
                                          "listMax",   "maxBytes",   "maxRatio", "maxFileBytes",
                                          "maxDepth",  "maxEntries", NULL};
    struct archive_listing listing = {0};
    struct archive_filter filter;
    struct file_list input = {0};
    struct reader reader = {0};
    enum reader_step step = READER_FAILED;
    int fd = -1;

    if (sdk_reader_only(work->options, members) && archive_filter_read(work, &filter) &&
        archive_listing_begin(work, &listing) && archive_open_input(work, &input, &fd, &reader)) {
        work->call->host->phase(work->call->job, "archive: list");
        while ((step = reader_next(&reader, &work->call->error)) == READER_ENTRY)
            if (!list_entry(work, &reader, &filter, &listing)) {
                step = READER_FAILED;
                break;
            }
    }
    if (step == READER_END)
        work->result =
            json_pack("{s:s, s:I, s:I, s:O, s:b}", "format", archive_format_name(reader.archive),
                      "count", reader.entries, "bytes", reader.bytes, "entries", listing.entries,
                      "isCut", listing.is_cut);
    json_decref(listing.entries);
    reader_close(&reader);
    if (fd >= 0)
        close(fd);
    file_list_free(&input);
    return step == READER_END;
}
