/* One file of an export, compressed or not, below the folder that is being made. Called by
 * export.c. */
#ifndef ANALYTICS_EXPORT_PART_H
#define ANALYTICS_EXPORT_PART_H

#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

#include "cartrita/sdk/error.h"

#define PART_PATH_MAX 320u

struct part {
    char path[PART_PATH_MAX]; /* below `directory` */
    int fd;                   /* to sync it; -1: closed */
    gzFile stream;
    int64_t rows, bytes; /* bytes: before they are compressed */
};

/* `part->path` is set; its folder is made when it is missing. */
bool part_open(struct part *part, int directory, bool is_compressed, struct sdk_error *error);
bool part_write(struct part *part, const void *bytes, size_t len, struct sdk_error *error);
/* Durable, and closed either way. */
bool part_close(struct part *part, struct sdk_error *error);
/* Closes what is open. */
void part_abort(struct part *part);

#endif
