/* An archive that is written entry by entry; see packer.h. */
#include "archive/packer.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cartrita/sdk/text.h"

#define BUFFER_BYTES       (64u * 1024)
#define DETERMINISTIC_TIME 315619200 /* 1980-01-02: within what zip can tell in any time zone */

struct format {
    const char *name, *extension;
    int (*set_format)(struct archive *archive);
    int (*add_filter)(struct archive *archive); /* NULL: none */
    const char *module;                         /* whose option the level is; NULL: of none */
};

static const struct format formats[] = {
    {"zip", ".zip", archive_write_set_format_zip, NULL, "zip"},
    {"tar", ".tar", archive_write_set_format_pax_restricted, NULL, NULL},
    {"tar.gz", ".tar.gz", archive_write_set_format_pax_restricted, archive_write_add_filter_gzip,
     "gzip"},
    {"tar.xz", ".tar.xz", archive_write_set_format_pax_restricted, archive_write_add_filter_xz,
     "xz"},
    {"tar.zst", ".tar.zst", archive_write_set_format_pax_restricted, archive_write_add_filter_zstd,
     "zstd"},
};
static const char *const format_names[] = {"zip", "tar", "tar.gz", "tar.xz", "tar.zst", NULL};

/* Without "format", what the output's name ends with. */
static const struct format *read_format(struct packer *packer, const char *output)
{
    struct sdk_reader *in = packer->work->options;
    int index = sdk_choice(in, "format", format_names, -1);
    size_t len = output ? strlen(output) : 0;

    if (!sdk_reader_ok(in))
        return NULL;
    for (int i = 0; index < 0 && i < (int)(sizeof formats / sizeof formats[0]); i++) {
        size_t tail = strlen(formats[i].extension);

        if (len > tail && strcmp(output + len - tail, formats[i].extension) == 0)
            index = i;
    }
    if (index >= 0)
        return &formats[index];
    sdk_reader_refuse(in, "format",
                      "it is missing, and the name of the output does not tell it: "
                      "zip, tar, tar.gz, tar.xz or tar.zst");
    return NULL;
}

/* The library has failed; where our own writing was the cause, its error stands. */
static bool refuse_library(struct packer *packer, const char *name)
{
    const char *text = archive_error_string(packer->archive);

    if (packer->is_failed)
        return false;
    return sdk_refuse(packer->error, "ArchiveError", "archive %.200s: \"%.200s\": %s",
                      packer->output.name, name, text ? text : "it cannot be written");
}

static la_ssize_t write_out(struct archive *archive, void *ctx, const void *bytes, size_t len)
{
    struct packer *packer = ctx;

    if (packer->is_failed || !file_output_write(packer->work, &packer->output, bytes, len)) {
        packer->is_failed = true;
        archive_set_error(archive, EIO, "the output cannot be written");
        return -1;
    }
    if (packer->md)
        EVP_DigestUpdate(packer->md, bytes, len);
    return (la_ssize_t)len;
}

static bool set_up(struct packer *packer, const struct format *format, int64_t level)
{
    struct archive *archive = packer->archive;
    char text[8];

    format->set_format(archive);
    if (format->add_filter)
        format->add_filter(archive);
    if (strcmp(format->name, "tar.gz") == 0)
        archive_write_set_options(archive, "gzip:!timestamp");
    snprintf(text, sizeof text, "%d", (int)level);
    if (level >= 0 && format->module)
        archive_write_set_option(archive, format->module, "compression-level", text);
    archive_write_set_bytes_per_block(archive, BUFFER_BYTES);
    archive_write_set_bytes_in_last_block(archive, 1);
    return archive_write_open(archive, packer, NULL, write_out, NULL) == ARCHIVE_OK ||
           refuse_library(packer, format->name);
}

bool packer_open(struct packer *packer)
{
    struct sdk_reader *in = packer->work->options;
    const char *output = sdk_text(in, "output", NULL, FILE_PATH_MAX);
    int64_t level = sdk_integer(in, "level", -1, 0, 9);
    const struct format *format = read_format(packer, output);
    char name[64];

    packer->is_deterministic = sdk_boolean(in, "deterministic", false);
    if (sdk_boolean(in, "sha256", false)) {
        packer->md = EVP_MD_CTX_new();
        EVP_DigestInit_ex(packer->md, EVP_sha256(), NULL);
    }
    if (!format || !sdk_reader_ok(in))
        return false;
    if (!output && packer->work->is_last)
        return sdk_reader_refuse(in, "output", "it is missing: the archive to be made");
    snprintf(name, sizeof name, "archive%s", format->extension);
    if (!file_output_open(packer->work, output, name, &packer->output))
        return false;
    packer->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    packer->locale_before = uselocale(packer->locale);
    packer->archive = archive_write_new();
    packer->buffer = malloc(BUFFER_BYTES);
    if (!packer->archive || !packer->buffer)
        return tree_refuse("archive", name, ENOMEM, packer->error);
    return set_up(packer, format, level);
}

void packer_close(struct packer *packer)
{
    if (packer->archive) {
        /* What is given up is not worth an end: nothing is to be written any more. */
        packer->is_failed = true;
        archive_write_free(packer->archive);
    }
    if (packer->locale) {
        uselocale(packer->locale_before);
        freelocale(packer->locale);
    }
    file_output_abort(&packer->output);
    EVP_MD_CTX_free(packer->md);
    free(packer->buffer);
}

/* --- entries -------------------------------------------------------------------------------------
 */

static bool refuse_limit(struct packer *packer, const char *name, const char *limit, int64_t value)
{
    return sdk_refuse(packer->error, "ArchiveLimitError",
                      "archive %.200s: with \"%.200s\" it is over the limit %s=%lld",
                      packer->output.name, name, limit, (long long)value);
}

/* The head of an entry, with what the file system says of it. */
static bool add_head(struct packer *packer, int fd, const char *name, struct stat *info)
{
    struct archive_entry *entry;
    bool is_done;

    if (!sdk_call_goes_on(packer->work->call))
        return false;
    if (++packer->entries > packer->limits.entries_max)
        return refuse_limit(packer, name, "maxEntries", packer->limits.entries_max);
    if (fstat(fd, info) != 0)
        return tree_refuse("reading", name, errno, packer->error);
    entry = archive_entry_new();
    if (!entry)
        return tree_refuse("reading", name, ENOMEM, packer->error);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, info->st_mode & S_IFMT);
    archive_entry_set_perm(entry, S_ISDIR(info->st_mode) || info->st_mode & 0100 ? 0755 : 0644);
    archive_entry_set_mtime(entry, packer->is_deterministic ? DETERMINISTIC_TIME : info->st_mtime,
                            0);
    if (S_ISREG(info->st_mode))
        archive_entry_set_size(entry, info->st_size);
    is_done = archive_write_header(packer->archive, entry) >= ARCHIVE_WARN;
    archive_entry_free(entry);
    return is_done || refuse_library(packer, name);
}

bool packer_add_directory(struct packer *packer, int fd, const char *name)
{
    struct stat info;

    return add_head(packer, fd, name, &info);
}

static bool fits_limits(struct packer *packer, const char *name, int64_t size)
{
    const struct archive_limits *limits = &packer->limits;

    if (size > limits->file_bytes_max)
        return refuse_limit(packer, name, "maxFileBytes", limits->file_bytes_max);
    if (size > limits->bytes_max - packer->bytes)
        return refuse_limit(packer, name, "maxBytes", limits->bytes_max);
    return true;
}

bool packer_add_file(struct packer *packer, int fd, const char *name)
{
    struct stat info;
    int64_t left;

    if (fstat(fd, &info) == 0 && !fits_limits(packer, name, info.st_size))
        return false;
    if (!add_head(packer, fd, name, &info))
        return false;
    for (left = info.st_size; left > 0;) {
        ssize_t count =
            read(fd, packer->buffer, left < (int64_t)BUFFER_BYTES ? (size_t)left : BUFFER_BYTES);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return tree_refuse("reading", name, errno, packer->error);
        if (count == 0)
            return sdk_retry_later(packer->error, "FileError",
                                   "file %.300s: it became shorter while it was read", name);
        if (archive_write_data(packer->archive, packer->buffer, (size_t)count) != count)
            return refuse_library(packer, name);
        if (!sdk_call_goes_on(packer->work->call))
            return false;
        left -= count;
        packer->bytes += count;
    }
    return true;
}

bool packer_commit(struct packer *packer)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned len = 0;
    json_t *result;
    bool is_done;

    if (archive_write_close(packer->archive) != ARCHIVE_OK)
        return refuse_library(packer, "its end");
    result = json_pack("{s:s?, s:I, s:I, s:I, s:I}", "output",
                       packer->output.is_temporary ? NULL : packer->output.path, "count",
                       packer->entries, "bytes", packer->bytes, "size", packer->output.bytes,
                       "skipped", packer->skipped);
    if (packer->md) {
        EVP_DigestFinal_ex(packer->md, digest, &len);
        sdk_hex(digest, len, hex);
        (void)json_object_set_new(result, "sha256", json_string(hex));
    }
    is_done = file_output_commit(packer->work, &packer->output);
    if (is_done)
        packer->work->result = result;
    else
        json_decref(result);
    return is_done;
}
