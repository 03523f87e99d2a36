/* Step `archive`: what its operations share. */
#ifndef FILE_ARCHIVE_ARCHIVE_H
#define FILE_ARCHIVE_ARCHIVE_H

#include "archive/reader.h"
#include "step.h"

#define ARCHIVE_PATTERNS_MAX 64u
#define ARCHIVE_PATTERN_MAX  512u /* bytes */

/* Which entries are meant, and how they are called. */
struct archive_filter {
    const json_t *include, *exclude; /* borrowed: arrays of patterns; NULL: none */
    size_t strip;
};

/* Reads "include" and "exclude". */
bool archive_filter_read(struct file_work *work, struct archive_filter *out);
bool archive_filter_takes(const struct archive_filter *filter, const char *name);

/* The limits: those of the settings, or less where the options ("maxBytes", ...) say so. */
bool archive_limits_read(struct file_work *work, struct archive_limits *out);

/* The one archive that the step works on, open; *fd is owned by the caller. `input` is freed with
 * file_list_free, after the reader. */
bool archive_open_input(struct file_work *work, struct file_list *input, int *fd,
                        struct reader *reader);

/* The list of entries in a result: as many as fit, and whether that is all. */
struct archive_listing {
    json_t *entries; /* owned */
    int64_t count_max;
    bool is_cut;
};
bool archive_listing_begin(struct file_work *work, struct archive_listing *out);
/* `entry` is consumed; NULL is out of memory, and told by archive_listing_end. */
void archive_listing_add(struct archive_listing *listing, json_t *entry);

/* "file", "directory", "symlink", "hardlink" or "special" */
const char *archive_entry_kind(struct archive_entry *entry);

bool archive_create(struct file_work *work);
bool archive_extract(struct file_work *work);
bool archive_list(struct file_work *work);

#endif
