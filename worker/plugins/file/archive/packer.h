/* An archive that is written entry by entry, to a file that is there when it is whole. Called by
 * create. */
#ifndef FILE_ARCHIVE_PACKER_H
#define FILE_ARCHIVE_PACKER_H

#include "archive/archive.h"
#include "archive/tree.h"

struct packer {
    struct file_work *work;  /* borrowed */
    struct sdk_error *error; /* of the call */
    struct archive_filter filter;
    struct archive_limits limits;
    struct archive *archive; /* owned */
    struct file_output output;
    void *md;     /* owned EVP_MD_CTX: the digest of the archive; NULL: not asked for */
    char *buffer; /* owned */
    locale_t locale, locale_before;
    bool is_deterministic, is_failed; /* is_failed: writing has set `error` */
    int64_t entries, bytes, skipped;
};

/* Reads "format", "level", "output" and "deterministic". */
bool packer_open(struct packer *packer);
/* `name` is clean. `fd` stays the caller's. */
bool packer_add_file(struct packer *packer, int fd, const char *name);
bool packer_add_directory(struct packer *packer, int fd, const char *name);
/* The archive is whole, in place, and the step's result. */
bool packer_commit(struct packer *packer);
/* Safe on a zeroed one; what was not committed is gone. */
void packer_close(struct packer *packer);

#endif
