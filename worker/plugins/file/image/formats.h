/* The formats that images are written in. */
#ifndef FILE_IMAGE_FORMATS_H
#define FILE_IMAGE_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <vips/vips.h>

#include "cartrita/sdk/error.h"

enum image_format {
    FORMAT_JPEG,
    FORMAT_PNG,
    FORMAT_WEBP,
    FORMAT_AVIF,
    FORMAT_GIF,
    FORMAT_TIFF,
    FORMAT_COUNT,
    FORMAT_NONE = FORMAT_COUNT,
};

struct image_format_row {
    const char *name, *extension, *type; /* "jpeg", "jpg", "image/jpeg" */
    const char *loader;                  /* how the names of its loaders begin */
    const char *saver;                   /* name of the operation */
    int side_max;                        /* pixels */
    bool has_alpha, is_animated;
};
extern const struct image_format_row image_formats[FORMAT_COUNT];
extern const char *const image_format_names[FORMAT_COUNT + 1]; /* ends with NULL */

struct image_saving {
    int quality; /* 1 to 100; 0: of the format */
    int effort;  /* 0 to 9; -1: of the format */
    bool is_lossless, is_progressive, is_for_web;
    bool keeps_metadata;
};

/* By the end of a file's name, or FORMAT_NONE. */
enum image_format image_format_of_name(const char *name);
/* By the name of the loader that has read it, or FORMAT_NONE. */
enum image_format image_format_of_loader(const char *loader);
/* "jpeg, png, ..." that this libvips writes. */
void image_formats_written(char *out, size_t size);

/* `bytes` is freed with g_free. */
bool image_encode(VipsImage *image, enum image_format format, const struct image_saving *saving,
                  void **bytes, size_t *len, struct sdk_error *error);

#endif
