/* Names of the images that a step writes. */
#ifndef FILE_IMAGE_NAMES_H
#define FILE_IMAGE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

struct image_name {
    const char *source; /* name of the input file */
    int width, height;
    enum image_format format;
};

/* Fills {stem}, {name}, {width}, {height}, {format} and {ext} into `pattern`. */
bool image_name_fill(const char *pattern, const struct image_name *name, char *out, size_t size,
                     struct sdk_error *error);
/* "photo-640.webp": for a file without a place of its own. */
void image_name_plain(const struct image_name *name, char *out, size_t size);
/* Refuses an `output` under which several images would get the same name. */
bool image_names_check(struct sdk_reader *reader, const struct image_options *options,
                       size_t inputs, bool is_last);

#endif
