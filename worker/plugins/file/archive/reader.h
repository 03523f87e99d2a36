/* An archive that is read entry by entry, as a stranger's: bounded in every direction, and with
 * errors that tell what is wrong with it. Called by extract and list. tar, zip and 7-Zip; plain or
 * in gzip, bzip2, xz, zstd. */
#ifndef FILE_ARCHIVE_READER_H
#define FILE_ARCHIVE_READER_H

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/entry_name.h"
#include "cartrita/sdk/call.h"
#include "cartrita/sdk/error.h"

/* What one archive may hold. All are required. */
struct archive_limits {
    int64_t bytes_max;      /* of all contents together */
    int64_t file_bytes_max; /* of one file's content */
    int64_t entries_max;
    int64_t ratio_max; /* content bytes for a byte of archive; counts beyond RATIO_FREE_BYTES */
    int64_t depth_max; /* parts of a name */
};

#define RATIO_FREE_BYTES ((int64_t)16 * 1024 * 1024)

struct reader {
    struct archive *archive;     /* owned */
    struct archive_entry *entry; /* the current one; the library's */
    const char *path;            /* borrowed: as the job names it */
    struct sdk_call *call;       /* borrowed */
    struct archive_limits limits;
    int64_t file_size; /* of the archive itself */
    int64_t entries;   /* seen */
    int64_t bytes;     /* of content, seen */
    int64_t told_ms;   /* when progress was last told */
    locale_t locale, locale_before;
};

enum reader_step { READER_ENTRY, READER_END, READER_FAILED };

/* `fd` (borrowed) is the archive, of `file_size` bytes. Until reader_close the thread's locale
 * knows UTF-8, which the library needs to understand names. */
bool reader_open(struct reader *reader, struct sdk_call *call, const char *path, int fd,
                 int64_t file_size, const struct archive_limits *limits, struct sdk_error *error);
/* Safe on a zeroed one. */
void reader_close(struct reader *reader);

/* The next entry, which is counted, not encrypted, and declares no more than it may. */
enum reader_step reader_next(struct reader *reader, struct sdk_error *error);
/* The entry's name as it stands there; never NULL. */
const char *reader_name(const struct reader *reader);

/* A piece of the entry's content that belongs at `offset`. */
typedef bool (*reader_piece_fn)(void *ctx, const void *bytes, size_t len, int64_t offset,
                                struct sdk_error *error);
/* All of its content; `each` may be NULL. *size: how long it is. */
bool reader_content(struct reader *reader, reader_piece_fn each, void *ctx, int64_t *size,
                    struct sdk_error *error);
/* Counts `more` bytes of content that do not come from the archive itself (a copy). */
bool reader_counts(struct reader *reader, int64_t more, struct sdk_error *error);
/* Goes past it without more work than is needed. */
bool reader_skip(struct reader *reader, struct sdk_error *error);

#endif
