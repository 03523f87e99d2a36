/* An archive that is read entry by entry; see reader.h. */
#include "archive/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cartrita/sdk/clock.h"

#define BLOCK_BYTES      (64u * 1024)
#define TELL_INTERVAL_MS 500

/* What the library says, without its line ends. */
static const char *library_text(struct archive *archive)
{
    const char *text = archive_error_string(archive);

    return text ? text : "no reason is known";
}

/* The library could not go on. Most of all that is the archive's fault, for good. */
static bool refuse_broken(struct reader *reader, struct sdk_error *error)
{
    if (archive_errno(reader->archive) == ENOMEM)
        return sdk_retry_later(error, "OutOfMemoryError",
                               "archive %s: out of memory while reading it", reader->path);
    if (archive_read_has_encrypted_entries(reader->archive) > 0)
        return sdk_refuse(error, "EncryptedArchiveError",
                          "archive %s: it is encrypted; encrypted archives are not opened",
                          reader->path);
    if (reader->entries == 0 && archive_format(reader->archive) == 0)
        return sdk_refuse(error, "CorruptArchiveError",
                          "archive %s: this is no tar, zip or 7z archive, or it is broken at its "
                          "beginning (%s)",
                          reader->path, library_text(reader->archive));
    return sdk_refuse(error, "CorruptArchiveError",
                      "archive %s: it is broken or cut short after %" PRId64 " entries (%s)",
                      reader->path, reader->entries, library_text(reader->archive));
}

static bool refuse_limit(const struct reader *reader, const char *what, const char *limit,
                         int64_t value, struct sdk_error *error)
{
    return sdk_refuse(error, "ArchiveLimitError",
                      "archive %s: %s is over the limit %s=%" PRId64
                      "; raise it if the archive can be trusted",
                      reader->path, what, limit, value);
}

bool reader_open(struct reader *reader, struct sdk_call *call, const char *path, int fd,
                 int64_t file_size, const struct archive_limits *limits, struct sdk_error *error)
{
    *reader =
        (struct reader){.path = path, .call = call, .limits = *limits, .file_size = file_size};
    reader->archive = archive_read_new();
    if (!reader->archive)
        return sdk_retry_later(error, "OutOfMemoryError", "archive %s: out of memory", path);
    reader->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    reader->locale_before = uselocale(reader->locale);
    archive_read_support_filter_gzip(reader->archive);
    archive_read_support_filter_bzip2(reader->archive);
    archive_read_support_filter_xz(reader->archive);
    archive_read_support_filter_zstd(reader->archive);
    archive_read_support_format_tar(reader->archive);
    archive_read_support_format_zip(reader->archive);
    archive_read_support_format_7zip(reader->archive);
    if (archive_read_open_fd(reader->archive, fd, BLOCK_BYTES) >= ARCHIVE_WARN)
        return true;
    refuse_broken(reader, error);
    reader_close(reader);
    return false;
}

void reader_close(struct reader *reader)
{
    if (!reader->archive)
        return;
    archive_read_free(reader->archive);
    uselocale(reader->locale_before);
    if (reader->locale)
        freelocale(reader->locale);
    *reader = (struct reader){0};
}

const char *reader_name(const struct reader *reader)
{
    const char *name = archive_entry_pathname(reader->entry);

    if (!name)
        name = archive_entry_pathname_utf8(reader->entry);
    return name ? name : "";
}

/* Cancelled? And now and then a word of how far it is. */
static bool goes_on(struct reader *reader, struct sdk_error *error)
{
    int64_t now_ms;

    if (!sdk_call_goes_on(reader->call)) {
        *error = reader->call->error;
        return false;
    }
    now_ms = sdk_now_ms();
    if (now_ms - reader->told_ms >= TELL_INTERVAL_MS) {
        if (reader->told_ms)
            sdk_call_progress(reader->call, json_pack("{s:I, s:I}", "entries", reader->entries,
                                                      "bytes", reader->bytes));
        reader->told_ms = now_ms;
    }
    return true;
}

/* Whether `more` bytes of content are still allowed. */
static bool fits_limits(const struct reader *reader, int64_t more, struct sdk_error *error)
{
    const struct archive_limits *limits = &reader->limits;
    int64_t bytes;

    if (more > limits->bytes_max - reader->bytes)
        return refuse_limit(reader, "its content", "maxBytes", limits->bytes_max, error);
    bytes = reader->bytes + more;
    if (bytes > RATIO_FREE_BYTES && bytes / limits->ratio_max > reader->file_size)
        return refuse_limit(reader, "its content against its own size", "maxRatio",
                            limits->ratio_max, error);
    return true;
}

static bool fits_file_limit(const struct reader *reader, int64_t size, struct sdk_error *error)
{
    char what[300];

    if (size <= reader->limits.file_bytes_max)
        return true;
    snprintf(what, sizeof what, "the file \"%.200s\"", reader_name(reader));
    return refuse_limit(reader, what, "maxFileBytes", reader->limits.file_bytes_max, error);
}

enum reader_step reader_next(struct reader *reader, struct sdk_error *error)
{
    int rc = archive_read_next_header(reader->archive, &reader->entry);

    if (rc == ARCHIVE_EOF)
        return READER_END;
    if (rc < ARCHIVE_WARN) {
        refuse_broken(reader, error);
        return READER_FAILED;
    }
    if (archive_entry_is_encrypted(reader->entry)) {
        sdk_refuse(error, "EncryptedArchiveError",
                   "archive %s: \"%.200s\" in it is encrypted; encrypted archives are not opened",
                   reader->path, reader_name(reader));
        return READER_FAILED;
    }
    if (++reader->entries > reader->limits.entries_max) {
        refuse_limit(reader, "its number of entries", "maxEntries", reader->limits.entries_max,
                     error);
        return READER_FAILED;
    }
    if (!goes_on(reader, error))
        return READER_FAILED;
    /* Refused before a byte of it is unpacked. */
    if (archive_entry_size_is_set(reader->entry) &&
        (!fits_file_limit(reader, archive_entry_size(reader->entry), error) ||
         !fits_limits(reader, archive_entry_size(reader->entry), error)))
        return READER_FAILED;
    return READER_ENTRY;
}

bool reader_content(struct reader *reader, reader_piece_fn each, void *ctx, int64_t *size,
                    struct sdk_error *error)
{
    int64_t end = 0;

    for (;;) {
        const void *bytes;
        size_t len;
        la_int64_t offset;
        int rc = archive_read_data_block(reader->archive, &bytes, &len, &offset);

        if (rc == ARCHIVE_EOF)
            break;
        if (rc < ARCHIVE_OK) /* also a warning: a checksum that does not match is one */
            return refuse_broken(reader, error);
        if (!goes_on(reader, error))
            return false;
        if (offset < end || (int64_t)len > INT64_MAX - offset)
            return refuse_broken(reader, error);
        /* Holes count as what they will be read as. */
        if (!fits_file_limit(reader, offset + (int64_t)len, error) ||
            !fits_limits(reader, offset + (int64_t)len - end, error))
            return false;
        if (each && len > 0 && !each(ctx, bytes, len, offset, error))
            return false;
        reader->bytes += offset + (int64_t)len - end;
        end = offset + (int64_t)len;
    }
    /* A hole at the end shows in the size only; reader_next has judged that. */
    if (archive_entry_size_is_set(reader->entry) && archive_entry_size(reader->entry) > end) {
        reader->bytes += archive_entry_size(reader->entry) - end;
        end = archive_entry_size(reader->entry);
    }
    *size = end;
    return true;
}

bool reader_counts(struct reader *reader, int64_t more, struct sdk_error *error)
{
    if (!goes_on(reader, error) || !fits_limits(reader, more, error))
        return false;
    reader->bytes += more;
    return true;
}

bool reader_skip(struct reader *reader, struct sdk_error *error)
{
    int format = archive_format(reader->archive) & ARCHIVE_FORMAT_BASE_MASK;
    int64_t size;

    /* Where skipping means to unpack all of it, it is done piece by piece, under the limits. */
    if (archive_filter_count(reader->archive) > 1 || format == ARCHIVE_FORMAT_7ZIP)
        return reader_content(reader, NULL, NULL, &size, error);
    if (archive_read_data_skip(reader->archive) < ARCHIVE_WARN)
        return refuse_broken(reader, error);
    if (archive_entry_size_is_set(reader->entry))
        reader->bytes += archive_entry_size(reader->entry);
    return true;
}
