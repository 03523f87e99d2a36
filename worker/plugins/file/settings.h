/* What the plugin's owner sets; the table with names and defaults is in settings.c and README.md.
 */
#ifndef FILE_SETTINGS_H
#define FILE_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cartrita/sdk/error.h"

struct file_settings {
    /* files */
    json_t *roots; /* NULL: the whole file system */
    int64_t input_max, output_max, inline_max;
    int64_t files_max; /* that a step hands on */
    int64_t steps_max;
    /* images */
    int64_t pixels_max, variants_max;
    int64_t vips_threads, vips_cache;
    /* archives */
    int64_t archive_bytes_max, archive_file_bytes_max, archive_entries_max, archive_ratio_max,
        archive_depth_max, archive_list_max;
    /* transfers */
    json_t *s3; /* NULL: there is no server */
    char *transfer_directory;
    int64_t transfer_bytes_max, s3_multipart_bytes, s3_part_bytes;
    /* HTTP */
    int64_t http_connect_ms, http_timeout_ms, http_idle_ms, http_attempts;
    bool http_refuses_private;
    char *http_ca_file, *http_proxy;
};

bool settings_read(const char *config, struct file_settings *out, struct sdk_error *error);
void settings_free(struct file_settings *settings);

#endif
